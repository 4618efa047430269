"""What progress and heartbeats cost a job: the CPU of all that hears, tells and writes them.

A job with and one without them differ by less than two runs of the same job do, so the pulse itself is
counted. While one job runs, its worker's parent process does nothing but listen to the child, renew the
lease, write progress and hold the child to its limits; what it and its sessions in PostgreSQL use is
theirs, less what a job of ten rows costs them (claim, fork, settle). The child's part is what the calls
of `Context.progress` take in another run of the analysis, in this process. The part of its session is
what a copy of the points takes longer that tells of some of them, as the output is written.

    python -m benchmarks.progress [--rows 100000 1000000] [--repeats 5]
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from benchmarks.measure import describe_machine
from benchmarks.server import Server, finish, served
from psycopg import sql

from geocrew import analyses
from geocrew.datasets import staging
from geocrew.datasets.layer import open_layer
from geocrew.datasets.staging import Staging
from geocrew.datasets.ticks import ticks_over
from geocrew.db import Connection
from geocrew.worker.context import JobContext

RESULT = Path(__file__).parent / "results" / "progress.json"
PARAMS = {"value_field": "value", "neighbor_type": "knn", "k_neighbors": 8}
POINTS = (
    "CREATE TABLE points AS SELECT i AS id, exp(random()) AS value,"
    " ST_Point(random() * 100000, random() * 100000, 27700)::geometry(Point, 27700) AS geom"
    " FROM generate_series(1, {rows}) AS i"
)


@dataclass(frozen=True)
class Pulse:
    """Medians of CPU seconds: job, parent and its sessions, the child's reports, telling of rows."""

    rows: int
    job: float
    wall: float
    parent: float
    parent_of_ten_rows: float
    reports: int
    reporting: float
    telling: float
    share: float


@dataclass
class Counted(JobContext):
    """The worker's context, which adds up what its reports take; `calls` many."""

    calls: int = 0
    seconds: float = 0.0

    def progress(self, share: float, message: str, until: float | None = None) -> None:
        """Report and count."""
        began = time.process_time()
        super().progress(share, message, until)
        self.calls += 1
        self.seconds += time.process_time() - began


def fill(server: Server, rows: int) -> int:
    """Make the points anew; return their dataset."""
    server.execute("SELECT setseed(0.5)", POINTS.format(rows=rows), *finish("points"))
    return server.register("points")


def empty(server: Server) -> None:
    """Remove the points and their dataset."""
    server.drop_made()
    server.execute("DROP TABLE points", "DELETE FROM geocrew.datasets WHERE table_name = 'points'")


def measure_job(server: Server, dataset: int) -> tuple[float, float, float]:
    """Run the job; return its CPU seconds, its wall clock and the CPU of the parent and its sessions."""
    before = _parent_cpu(server)
    cost = server.run_job("hotspot_analysis", PARAMS | {"dataset_id": dataset})
    return cost.cpu, cost.wall, _parent_cpu(server) - before


def measure_reports(server: Server, dataset: int) -> tuple[int, float]:
    """Run the analysis in this process; return how often it reports and the CPU seconds that takes."""
    analysis = analyses.find("hotspot_analysis")
    connection: Connection = server.connection
    workshop, nowhere = Staging(0, uuid4()), os.open(os.devnull, os.O_WRONLY)
    context = Counted(connection, 1, workshop, Path("/nonexistent"), nowhere)
    analysis.run(analysis.parse(PARAMS | {"dataset_id": dataset}), context)
    staging.clear(connection, workshop)
    os.close(nowhere)
    return context.calls, context.seconds


def measure_ticks(server: Server, dataset: int) -> float:
    """Return how much longer a copy of the points takes that tells of some, CPU seconds of both ends.

    The rows are looked up by address, as those of results are (`analyses/parts/static.py`).
    """
    connection, layer = server.connection, open_layer(server.connection, dataset, 1)
    server.execute("CREATE UNLOGGED TABLE scores AS SELECT ctid AS row, xmin AS version FROM points")
    ticks = ticks_over(connection, layer)
    spent = []
    for condition in (sql.SQL("true"), ticks.each(sql.Identifier("p", "id"))):
        query = sql.SQL(
            "CREATE TABLE copied AS SELECT s.* FROM scores AS r CROSS JOIN LATERAL (SELECT p.*"
            " FROM points AS p WHERE p.ctid = r.row AND p.xmin = r.version AND {} OFFSET 0) AS s"
        ).format(condition)
        began = _cpu(connection.info.backend_pid) + time.process_time()
        with ticks.heard(connection, lambda _share: None):
            connection.execute(query)
        spent.append(_cpu(connection.info.backend_pid) + time.process_time() - began)
        server.execute("DROP TABLE copied")
    server.execute("DROP TABLE scores")
    return spent[1] - spent[0]


def measure(server: Server, rows: int, repeats: int) -> Pulse:
    """Measure a job of so many rows, and each time one of ten."""
    tens, jobs, reports, ticks = [], [], [], []
    for _ in range(repeats):
        tens.append(measure_job(server, fill(server, 10))[2])
        empty(server)
        dataset = fill(server, rows)
        jobs.append(measure_job(server, dataset))
        reports.append(measure_reports(server, dataset))
        ticks.append(measure_ticks(server, dataset))
        empty(server)
    shares = [
        (parent - ten + seconds + telling) / cpu
        for (cpu, _, parent), ten, (_, seconds), telling in zip(jobs, tens, reports, ticks, strict=True)
    ]
    job, wall, parent = (median(each) for each in zip(*jobs, strict=True))
    pulse = Pulse(
        rows=rows,
        job=round(job, 3),
        wall=round(wall, 3),
        parent=round(parent, 4),
        parent_of_ten_rows=round(median(tens), 4),
        reports=round(median(calls for calls, _ in reports)),
        reporting=round(median(seconds for _, seconds in reports), 5),
        telling=round(median(ticks), 5),
        share=round(median(shares), 5),
    )
    print(pulse, flush=True)
    return pulse


def _parent_cpu(server: Server) -> float:
    """Return the CPU seconds of the worker's own process and of the sessions it has."""
    rows = server.connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'geocrew worker%'"
    ).fetchall()
    return sum(map(_cpu, [server.worker, *(row[0] for row in rows)]))


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process of one thread, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    # The sweep, which an idle worker does too, is no part of a job, and would sweep our own run.
    os.environ["GEOCREW_SWEEP_SECONDS"] = "300"
    with served() as server:
        pulses = [measure(server, rows, arguments.repeats) for rows in arguments.rows]
    result = {
        "machine": asdict(describe_machine("psycopg")),
        "repeats": arguments.repeats,
        "pulses": [asdict(each) for each in pulses],
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
