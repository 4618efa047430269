"""A network that delays, freezes, cuts and resets, between worker and database: F10."""

from collections.abc import Iterator

import pytest

from geocrew.datasets import registry
from geocrew.db import Connection
from geocrew.queue import observe, produce
from tests.faults.proxy import Proxy, proxied
from tests.waiting import wait_for
from tests.worker.processes import Workers, datasets_of, final, job_sessions, play, running, staged


@pytest.fixture
def proxy(database: str) -> Iterator[Proxy]:
    with proxied(database) as running_proxy:
        yield running_proxy


def test_f10_slow_network(connection: Connection, workers: Workers, proxy: Proxy) -> None:
    proxy.delay = 0.05
    workers.start(url=proxy.url(workers.url), GEOCREW_LEASE_SECONDS="30")
    job = final(connection, play(connection, "publish"), 120)
    assert (job.status, job.attempt) == ("completed", 1)


def test_f10_black_hole(connection: Connection, workers: Workers, proxy: Proxy) -> None:
    """The job goes to another worker; when the network is back, the first one publishes nothing."""
    cut_off = workers.start(url=proxy.url(workers.url))
    job_id = play(connection, "hold_gil", seconds=4)
    running(connection, job_id)
    (child,) = cut_off.children()
    proxy.freeze()
    workers.start()
    job = final(connection, job_id, 60)
    assert (job.status, job.attempt) == ("completed", 2)
    # Its lease over, the worker kills what it cannot defend, without a word from the database.
    wait_for(lambda: child not in cut_off.children(), 30, "the child's end")
    proxy.thaw()
    wait_for(lambda: any(each["event"] == "job.lease_lost" for each in cut_off.events), 60)
    assert datasets_of(connection, job_id) == 1
    assert cut_off.process.poll() is None
    wait_for(lambda: staged(connection) == [] and job_sessions(connection) == 0, 15, "the sweep")


def test_f10_reset_of_all_connections(connection: Connection, workers: Workers, proxy: Proxy) -> None:
    worker = workers.start(url=proxy.url(workers.url))
    job_id = play(connection, "sql", seconds=3)
    running(connection, job_id)
    proxy.reset()
    job = final(connection, job_id, 60)
    assert job.status == "completed"
    assert job.attempt == 2  # the session was the job's; its work is done again
    assert datasets_of(connection, job_id) == 1
    assert worker.process.poll() is None


def test_f10_cut_in_the_middle_of_a_copy(connection: Connection, workers: Workers, proxy: Proxy) -> None:
    """Results that were half sent are seen by nobody; the next attempt sends them whole."""
    connection.execute(
        "CREATE TABLE many AS SELECT i AS id, (i % 97)::float8 AS value,"
        " ST_Point(i % 200, i / 200, 3857)::geometry(Point, 3857) AS geom"
        " FROM generate_series(1, 20000) AS i"
    )
    dataset = registry.register(connection, "public", "many").id
    workers.start(url=proxy.url(workers.url))
    proxy.cut_after(150_000)  # the results of 20,000 rows are some 600 kB
    params = {"dataset_id": dataset, "value_field": "value", "neighbor_type": "knn", "k_neighbors": 4}
    job_id = produce.enqueue(connection, "hotspot_analysis", params)
    job = final(connection, job_id, 120)
    assert job.status == "completed"
    assert job.attempt == 2
    assert (job.result or {})["row_count"] == 20_000
    assert datasets_of(connection, job_id) == 1
    (attempt,) = observe.attempts(connection, job_id)
    assert attempt.outcome == "failed"
