"""A private PostGIS with one real worker, and what their processes cost.

Every way is measured alike: CPU of all processes of the server and of the client (the worker with its
child, or the peer's own process), wall clock, and the most anonymous memory, sampled, that each side
held: a page that processes of one side share, as a child shares its worker's, counts once. Parallel
plans, JIT and autovacuum are off, so a CPU second is comparable.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from benchmarks.measure import sampled
from psycopg import sql

from geocrew import db, local
from geocrew.datasets import registry
from geocrew.db import Connection
from geocrew.schema.migrate import migrate

# Of a page that two processes share, each counts half; or all, for a peer that was forked from here.
_ONCE, _ALL = "Pss_Anon:", "Anonymous:"
_TICKS = os.sysconf("SC_CLK_TCK")
_SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "fsync": "off",
    "autovacuum": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU and wall clock; most private memory held by client and server, MB; rows written."""

    cpu: float
    wall: float
    client_mb: float
    server_mb: float
    rows: int


@dataclass
class Server:
    """A running server; `connection` autocommits."""

    url: str
    postmaster: int
    worker: int
    connection: Connection
    made: list[str] = field(default_factory=list)

    def execute(self, *statements: str) -> None:
        """Run statements that the benchmark has written itself."""
        for statement in statements:
            self.connection.execute(statement.encode())

    def register(self, table: str) -> int:
        """Make a table a dataset and return its id."""
        return registry.register(self.connection, "public", table).id

    def run_job(self, job_type: str, params: Mapping[str, Any]) -> Cost:
        """Run a job through the queue; wall clock is from claimed to completed."""
        with _watch(self.postmaster, self.worker, set(_children(self.postmaster))) as seen:
            row = self.connection.execute(
                "INSERT INTO background_jobs (job_type, params, max_attempts) VALUES (%s, %s, 1)"
                " RETURNING id",
                (job_type, json.dumps(params)),
            ).fetchone()
            assert row is not None
            while not (done := self._look(row[0])):
                if anonymous_mb(self.worker) == 0.0:
                    raise RuntimeError("the worker has died")
                threading.Event().wait(0.05)  # each look costs the server what counts as ours
            while _children(self.worker):
                threading.Event().wait(0.005)
        status, error, result, wall = done
        if status != "completed":
            raise RuntimeError(f"{job_type} {params}: {error}")
        if result.get("table_name"):
            self.made.append(result["table_name"])
        return Cost(seen.cpu, wall, seen.client_mb, seen.server_mb, result.get("row_count") or 0)

    def run_peer(self, call: Callable[[Connection], int]) -> Cost:
        """Run a function in a process of its own, forked here; it returns the rows it wrote."""
        servers = set(_children(self.postmaster))
        queue = multiprocessing.get_context("fork").Queue()
        start = multiprocessing.get_context("fork").Event()
        process = multiprocessing.get_context("fork").Process(
            target=_call, args=(call, self.url, start, queue)
        )
        process.start()
        queue.get()  # connected
        assert process.pid is not None
        with _watch(self.postmaster, process.pid, servers, _ALL) as seen:
            began = perf_counter()
            start.set()
            rows = queue.get()
            wall = perf_counter() - began
        process.join()
        if rows is None:
            raise RuntimeError("a peer failed, see above")
        return Cost(seen.cpu, wall, seen.client_mb, seen.server_mb, rows)

    def run_sql(self, table: str, statement: str) -> Cost:
        """Measure SQL that makes `table` with columns id and geom, and finish it as we finish ours."""

        def call(connection: Connection) -> int:
            for each in (statement, *finish(table)):
                connection.execute(each.encode())
            return count(connection, table)

        cost = self.run_peer(call)
        self.execute(f"DROP TABLE {table}")
        return cost

    def run_floor(self) -> Cost:
        """Measure the bare copy of the last job's table: what writing its rows costs."""
        return self.run_sql("bare", f"CREATE TABLE bare AS SELECT * FROM {self.made[-1]}")

    def drop_made(self) -> None:
        """Remove the tables of the jobs so far, so that every repeat meets the same server."""
        for table in self.made:
            self.connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(table)))
            self.connection.execute("DELETE FROM geocrew.datasets WHERE table_name = %s", (table,))
        self.made.clear()

    def drop_view(self) -> None:
        """Remove what the last job has made, if that is a materialized view."""
        table = self.made.pop()
        self.execute(f"DROP MATERIALIZED VIEW {table}")
        self.connection.execute("DELETE FROM geocrew.datasets WHERE table_name = %s", (table,))

    def _look(self, job_id: int) -> Any:
        return self.connection.execute(
            "SELECT status, error_message, result, extract(epoch FROM finished_at - started_at)::float8"
            " FROM background_jobs WHERE id = %s AND status IN ('completed', 'failed', 'cancelled')",
            (job_id,),
        ).fetchone()


def finish(table: str) -> tuple[str, ...]:
    """Key, spatial index and statistics: what every way ends with."""
    return (
        f"ALTER TABLE {table} ADD PRIMARY KEY (id)",
        f"CREATE INDEX ON {table} USING gist (geom)",
        f"ANALYZE {table}",
    )


def count(connection: Connection, table: str) -> int:
    """Return the rows of a table."""
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def served(data_dir: Path | None = None) -> Iterator[Server]:
    """Start a server with a worker of all job types; stop both in the end."""
    with tempfile.TemporaryDirectory(prefix="geocrew-benchmark-") as name:
        home = Path(name)
        home.chmod(0o755)
        url = local.start(home / "cluster", **_SETTINGS)
        try:
            with db.connect(url, "benchmark") as connection:
                migrate(connection)
                with _worker(url, data_dir or home) as worker:
                    postmaster = local.status(home / "cluster").pid
                    assert postmaster is not None
                    yield Server(url, postmaster, worker, connection)
        finally:
            local.stop(home / "cluster", "immediate")


@contextmanager
def _worker(url: str, data_dir: Path) -> Iterator[int]:
    program = [str(Path(sys.executable).with_name("geocrew")), "worker"]
    settings = {"GEOCREW_DATABASE_URL": url, "GEOCREW_DATA_DIR": str(data_dir)}
    with subprocess.Popen(
        program, env=os.environ | settings, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "worker.ready" in line:
                break
        # Read on, or a full pipe would stop the worker.
        threading.Thread(target=_read_on, args=(process.stdout,), daemon=True).start()
        try:
            yield process.pid
        finally:
            process.terminate()


def _read_on(lines: IO[str]) -> None:
    """Read until the worker has ended, or until its pipe is closed here."""
    with suppress(ValueError):
        for _ in lines:
            pass


def _call(call: Callable[[Connection], int], url: str, start: Any, queue: Any) -> None:
    rows = None
    try:
        with db.connect(url, "peer") as connection:
            queue.put("ready")
            start.wait()
            rows = call(connection)
    finally:
        queue.put(rows)


@dataclass
class _Seen:
    cpu: float = 0.0
    client_mb: float = 0.0
    server_mb: float = 0.0


@contextmanager
def _watch(postmaster: int, client: int, servers: set[int], counted: str = _ONCE) -> Iterator[_Seen]:
    """Sample memory; CPU is exact: a parent keeps what its dead children used.

    Of the processes of the server only `servers` go on when all is done.
    """
    seen = _Seen()

    def look() -> None:
        seen.client_mb = max(seen.client_mb, anonymous_mb(client, counted))
        seen.server_mb = max(seen.server_mb, anonymous_mb(postmaster))

    before = tree_cpu(postmaster) + tree_cpu(client)
    with sampled(look):
        yield seen
    # Its parent counts what a process has used once it is collected; in between it is nowhere.
    while set(_children(postmaster)) - servers:
        threading.Event().wait(0.005)
    seen.cpu = tree_cpu(postmaster) + tree_cpu(client) - before


def tree_cpu(pid: int) -> float:
    """Seconds of CPU that a process, its living children and its reaped ones have used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(each) for each in fields[11:15]) / _TICKS + sum(map(tree_cpu, _children(pid)))


def anonymous_mb(pid: int, counted: str = _ONCE) -> float:
    """Anonymous resident memory of a process and its children, MB: shared buffers and files left out."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = int(told.split(counted)[1].split()[0]) / 1024 if counted in told else 0.0
    return own + sum(anonymous_mb(each, counted) for each in _children(pid))


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(each) for each in text.split()]
