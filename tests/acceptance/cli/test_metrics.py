"""Metrics printed, and served to this machine until SIGTERM."""

import json
import re
import signal
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest
from psycopg import sql
from tests.acceptance.cli.command import Command, Running
from tests.cluster import Cluster

from geocrew.db import Connection, connect
from geocrew.queue import presence, produce
from geocrew.schema.migrate import migrate


def _serve(command: Command, *options: str, **settings: str) -> tuple[Running, str]:
    """Start the server on a free port and return it with its address."""
    running = command.start("metrics", "--serve", "0", *options, **settings)
    found = re.search(r"serving (http://\S+)/metrics", running.said("/readyz"))
    assert found is not None
    return running, found[1]


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (an address of ours)
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _ready(base: str) -> tuple[int, dict[str, Any]]:
    code, text = _get(f"{base}/readyz")
    return code, json.loads(text)


def test_metrics_are_printed(geocrew: Command, connection: Connection) -> None:
    presence.register_types(connection, ["a"])
    produce.enqueue(connection, "a", {})
    answer = geocrew("metrics")
    assert answer.code == 0
    assert answer.err == ""
    assert 'geocrew_jobs{job_type="a",status="queued"} 1.0\n' in answer.out
    assert "# TYPE geocrew_job_duration_seconds histogram\n" in answer.out
    assert "python_" not in answer.out  # nothing of the process that happens to print
    down = geocrew("metrics", GEOCREW_DATABASE_URL="host=/nowhere")
    assert down.code == 0
    assert "geocrew_database_up 0.0\n" in down.out
    assert "cannot read database" in down.err


def test_without_any_database_there_are_metrics_too(private: Command) -> None:
    answer = private("metrics")
    assert answer.code == 0
    assert "geocrew_database_up 0.0\n" in answer.out
    assert "geocrew db start" in answer.err


def test_three_paths_are_served_until_sigterm(geocrew: Command, connection: Connection) -> None:
    running, base = _serve(geocrew)
    assert base.startswith("http://127.0.0.1:")
    code, text = _get(f"{base}/metrics")
    assert code == 200
    assert "geocrew_database_up 1.0\n" in text
    produce.enqueue(connection, "a", {})
    assert 'geocrew_jobs{job_type="other",status="queued"} 1.0\n' in _get(f"{base}/metrics?again=1")[1]
    assert _get(f"{base}/healthz") == (200, '{"alive": true}\n')
    assert _ready(base) == (200, {"ready": True, "reason": None})
    code, text = _get(f"{base}/other")
    assert code == 404
    assert "/readyz" in text
    connection.execute(
        sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(
            sql.Identifier(connection.info.dbname)
        )
    )
    assert _ready(base) == (503, {"ready": False, "reason": "the database is read-only"})
    assert "geocrew_database_writable 0.0\n" in _get(f"{base}/metrics")[1]
    assert running.end() == 0
    with pytest.raises(urllib.error.URLError):
        _get(f"{base}/healthz")


def test_a_database_that_goes_and_comes_back(geocrew: Command, own_cluster: Cluster) -> None:
    url = own_cluster.url("geocrew")
    running, base = _serve(geocrew, GEOCREW_DATABASE_URL=url)
    code, found = _ready(base)
    assert code == 503
    assert found["reason"].startswith("the database lacks migrations 0001_queue")
    with connect(url, "test") as connection:
        migrate(connection)
    assert _ready(base)[0] == 200
    own_cluster.stop()
    assert _ready(base) == (503, {"ready": False, "reason": "the database does not answer"})
    assert _get(f"{base}/healthz")[0] == 200
    code, text = _get(f"{base}/metrics")
    assert code == 200
    assert "geocrew_database_up 0.0\n" in text
    own_cluster.start()
    assert _ready(base)[0] == 200
    assert "geocrew_database_up 1.0\n" in _get(f"{base}/metrics")[1]
    assert running.end(signal.SIGINT) == 0


def test_a_server_that_never_answers_is_given_up_soon(geocrew: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x"
        _, base = _serve(geocrew, GEOCREW_DATABASE_URL=url)
        with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))):  # says nothing
            assert _ready(base)[0] == 503  # Prometheus gives a scrape 10 s
            assert "geocrew_database_up 0.0\n" in _get(f"{base}/metrics")[1]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104 (refused)
def test_other_machines_are_not_served(geocrew: Command, host: str) -> None:
    answer = geocrew("metrics", "--serve", "0", "--host", host)
    assert answer.code == 2
    assert f'host "{host}" is not a loopback address' in answer.err
    assert "127.0.0.1, ::1, localhost" in answer.err


@pytest.mark.parametrize(
    ("host", "told"), [("::1", "http://[::1]:"), ("localhost", "http://localhost:")]
)
def test_other_names_of_this_machine(geocrew: Command, host: str, told: str) -> None:
    _, base = _serve(geocrew, "--host", host)
    assert base.startswith(told)
    assert _get(f"{base}/healthz")[0] == 200


def test_a_port_that_is_taken(geocrew: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = geocrew("metrics", "--serve", str(taken.getsockname()[1]))
    assert answer.code == 78
    assert "in use" in answer.err
