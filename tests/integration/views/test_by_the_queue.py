"""Through command, queue and worker; and a refresh whose attempt is no longer the job's."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.run_analysis import DirectContext, run_analysis

from geocrew import analyses
from geocrew.datasets import catalog
from geocrew.db import Connection
from geocrew.errors import LeaseLost
from geocrew.queue import consume
from geocrew.submit import submit
from geocrew.worker.settle import publish


class Installed:
    """The installed command, with a worker for both job types."""

    def __init__(self, directory: Path, database: str) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "GEOCREW_DATABASE_URL": database,
            "HOME": str(directory),
        }
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "geocrew.cli.main", "worker", "create_view", "refresh_view"],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __call__(self, *words: str) -> Any:
        command = [sys.executable, "-m", "geocrew.cli.main", *words, "--json"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=self._environment, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stop(self) -> int:
        self._worker.terminate()
        return self._worker.wait(60)


def test_made_and_refreshed_by_command(
    connection: Connection, database: str, spots: int, tmp_path: Path
) -> None:
    command = Installed(tmp_path, database)
    try:
        query = f"query=SELECT value, geom FROM spatial_data_{spots} WHERE value > 2"
        words = (
            "run",
            "create_view",
            f"source_dataset_id={spots}",
            query,
            "materialized=true",
            "--wait",
        )
        made = command(*words)["result"]
        assert (made["row_count"], made["srid"], made["bbox"]) == (3, 27700, [3, 3, 5, 5])
        connection.execute("INSERT INTO spots VALUES (9, 9, 'SRID=27700;POINT(9 9)')")
        job = command("datasets", "refresh", made["dataset_name"], "--wait")
    finally:
        assert command.stop() == 0
    result = job["result"]
    assert (job["job_type"], job["status"]) == ("refresh_view", "completed")
    assert {name: result[name] for name in ("dataset_id", "dataset_name", "table_name")} == {
        name: made[name] for name in ("dataset_id", "dataset_name", "table_name")
    }
    assert (result["row_count"], result["rows_before"], result["bbox"]) == (4, 3, [3, 3, 9, 9])
    assert catalog.get(connection, made["dataset_id"]).row_count == 4
    assert len(catalog.listed(connection)) == 2


def test_an_attempt_that_lost_its_lease_records_nothing(connection: Connection, spots: int) -> None:
    params = {"source_dataset_id": spots, "columns": ["value"], "materialized": True}
    made = run_analysis(connection, "create_view", params).dataset
    job_id = submit(connection, "refresh_view", {"dataset_id": made.id})
    (claim,) = consume.claim(connection, ["refresh_view"], "me", 60, 1)
    assert claim.id == job_id
    connection.execute("INSERT INTO spots VALUES (9, 9, NULL)")
    analysis = analyses.find("refresh_view")
    given = consume.params(connection, claim)
    parsed = analysis.parse(given)
    product = analysis.run(parsed, DirectContext(connection))
    connection.execute("UPDATE background_jobs SET lease = %s WHERE id = %s", (uuid4(), job_id))
    with pytest.raises(LeaseLost):
        publish(connection, claim, given, parsed, product, time.monotonic())
    assert catalog.get(connection, made.id).row_count == 5
