"""Every statement parses, binds, and is loaded once; the hot one uses its index alone."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

import geocrew
from geocrew.db import Connection, statement
from geocrew.queue.consume import claim

_ROOT = Path(geocrew.__file__).parent
_PACKAGES = sorted(f"geocrew.{path.parent.name}.sql" for path in _ROOT.glob("*/sql"))
_SAMPLES: dict[str, Any] = {
    "id": 1,
    "ids": [1],
    "lease": uuid4(),
    "leases": [uuid4()],
    "job_types": ["play"],
    "limit": 4,
    "lease_seconds": 10.0,
    "grace_seconds": 10.0,
    "wait_seconds": 10.0,
    "concurrency": 1,
    "memory_mb": 1,
    "state": "working",
    "crash_limit": 3,
    "crashed": False,
    "keep_seconds": 1.0,
    "bounds": [1.0],
    "totals": [1.0],
    "metrics": ["x"],
    "reasons": ["x"],
    "names": ["x"],
    "user_id": 1,
    "attempt": 1,
    "max_attempts": 5,
    "priority": 0,
    "pid": 1,
    "pids": [1],
    "after": 0,
    "progress": [1],
    "messages": ["text"],
    "levels": ["info"],
    "params": "{}",
    "result": "{}",
    "source": "{}",
    "registered": False,
    "srid": 4326,
    "kind": "table",
    "outcome": "failed",
    "relation": 1,
    "relations": [1],
    "tables": [1],
    "functions": [1],
    "operators": [1],
    "calls": [1],
    "casts": [1],
    "types": ["text"],
    "allowed": [1],
    "code": 1,
}


def _statements() -> list[tuple[str, str]]:
    return [
        (package, path.name.removesuffix(".sql"))
        for package in _PACKAGES
        for path in files(package).iterdir()
        if path.name.endswith(".sql")
    ]


def test_no_package_is_left_out() -> None:
    found = {path.parent for path in _ROOT.rglob("*.sql")} - {_ROOT / "schema"}
    assert found == {_ROOT / package.split(".")[1] / "sql" for package in _PACKAGES}


def test_statements_are_planned(connection: Connection) -> None:
    for package, name in _statements():
        text = statement(package, name)
        assert text.startswith("-- "), f"{name}.sql says in its first line what it does"
        names = set(re.findall(r"%\((\w+)\)s", text))
        # What is not among the samples is nullable, or text.
        values = {each: _SAMPLES.get(each, None if each in _NULLABLE else "text") for each in names}
        try:
            connection.execute(b"EXPLAIN " + text.encode(), values)
        except psycopg.Error as error:
            error.add_note(f"in {package}: {name}.sql")
            raise


def test_statements_are_loaded_once() -> None:
    for package, name in _statements():
        folder = _ROOT / package.removeprefix("geocrew.").removesuffix(".sql").replace(".", "/")
        sources = "".join(path.read_text() for path in folder.rglob("*.py"))
        loads = re.findall(rf'(?:statement\((?:_SQL|"{package}")|_first\(connection), "{name}"', sources)
        assert len(loads) == 1, f"{name}.sql is loaded {len(loads)} times"


_NULLABLE = {
    "run_at", "timeout", "idempotency_key", "status", "before", "bbox", "job_id", "row_count",
    "null_geometry_count", "raster", "properties_fields",
}  # fmt: skip


def test_claim_reads_its_index_alone(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO background_jobs"
        " (job_type, status, params, attempt, started_at, finished_at, result, progress)"
        " SELECT 'play', 'completed', '{}', 1, now(), now(), '{}', 100 FROM generate_series(1, 20000)"
    )
    connection.execute(
        "INSERT INTO background_jobs (job_type, priority, run_at)"
        " SELECT CASE WHEN n % 2 = 0 THEN 'play' ELSE 'other' END, n % 3, now() - n * interval '1 s'"
        " FROM generate_series(1, 20000) AS n"
    )
    connection.execute("ANALYZE background_jobs")
    values = {"job_types": ["play", "other"], "limit": 4, "worker": "w", "lease_seconds": 10.0}
    plan = "\n".join(
        row[0]
        for row in connection.execute(
            "EXPLAIN (ANALYZE, BUFFERS) " + statement("geocrew.queue.sql", "claim"), values
        )
    )
    assert "Index Scan using background_jobs_claim" in plan
    assert "Seq Scan on background_jobs" not in plan
    buffers = re.search(r"shared hit=(\d+)", plan)
    assert buffers is not None
    assert int(buffers[1]) < 300  # a scan of the table would read over a thousand pages


def test_claim_takes_priority_then_age(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO background_jobs (job_type, priority, run_at) VALUES"
        " ('a', 0, now() - interval '1 h'), ('a', 5, now()), ('b', 0, now() - interval '2 h'),"
        " ('a', 9, now() + interval '1 h'), ('b', 5, now() - interval '1 m')"
    )
    taken = [each.id for _ in range(5) for each in claim(connection, ["a", "b"], "w", 60, 1)]
    assert taken == [5, 2, 3, 1]
