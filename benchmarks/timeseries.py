"""Costs of a hot spot time series, against the same in PostgreSQL alone, and of its trend kernel.

One run makes a private PostGIS with seeded points in twelve periods, and for each size runs the whole
job as a table and, the smallest, as a materialized view (every number from one SELECT); the floor is
the bare copy of the output. CPU is that of this process and of the server, which uses no parallel
workers. The trend of as many series is computed by our kernel and, for a thousand of them, by
pymannkendall. Ratios are taken within a repeat; medians are given.

    python -m benchmarks.timeseries [--large] [--repeats 3]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import pymannkendall
from benchmarks.measure import describe_machine
from psycopg import sql
from tests.run_analysis import run_analysis

from geocrew import local
from geocrew.datasets import catalog
from geocrew.datasets.catalog import Dataset
from geocrew.db import Connection, connect
from geocrew.kernels.mann_kendall import mann_kendall
from geocrew.schema.migrate import migrate

RESULT = Path(__file__).parent / "results" / "timeseries.json"
PERIODS = 12
VIEW_ROWS = 12_000  # ten times as many took two minutes
PARAMS = {
    "value_field": "value",
    "time_field": "seen",
    "time_step": "month",
    "location_field": "spot",
    "neighbor_type": "knn",
    "k_neighbors": 8,
}
_MAKE = sql.SQL(
    "SELECT setseed(0.5); CREATE TABLE points AS"
    " SELECT p.i * {periods} + t AS id, p.i AS spot, date '2020-01-15' + t * 30 AS seen,"
    " exp(random() + x / 100 * t) AS value, ST_Point(x, y, 27700)::geometry(Point, 27700) AS geom"
    " FROM (SELECT i, 100 * random() AS x, 100 * random() AS y"
    " FROM generate_series(1, {places}) AS i) AS p"
    " CROSS JOIN generate_series(0, {periods} - 1) AS t;"
    " ALTER TABLE points ADD PRIMARY KEY (id); CREATE INDEX ON points USING gist (geom); ANALYZE points"
)
_FLOOR = (
    "DROP TABLE IF EXISTS floor; CREATE TABLE floor AS SELECT p.*, 'a'::text AS period,"
    " 0.0::float8 AS gi_z, 0.0::float8 AS gi_p, 0::int2 AS gi_bin, 0 AS neighbors,"
    " 'not significant'::text AS hotspot_class,"
    " 0.0::float8 AS trend_z, 0.0::float8 AS trend_p, 'none'::text AS pattern FROM points AS p;"
    " ALTER TABLE floor ADD PRIMARY KEY (id); CREATE INDEX ON floor USING gist (geom); ANALYZE floor"
)


@dataclass(frozen=True)
class Cost:
    """Seconds of wall clock, and of CPU in this process and in the server."""

    wall: float
    cpu: float


@contextmanager
def served() -> Iterator[Connection]:
    """Run a private PostGIS for the block."""
    with tempfile.TemporaryDirectory(prefix="geocrew-bench-") as directory:
        Path(directory).chmod(0o711)  # root's server runs as user postgres
        home = Path(directory) / "server"
        url = local.start(home)
        try:
            with connect(url, "benchmark") as connection:
                migrate(connection)
                connection.execute("SET max_parallel_workers_per_gather = 0")
                yield connection
        finally:
            local.stop(home)


def fill(connection: Connection, rows: int) -> int:
    """Make the points of one size; return their dataset."""
    connection.execute("DROP TABLE IF EXISTS points CASCADE")
    connection.execute(_MAKE.format(places=sql.Literal(rows // PERIODS), periods=sql.Literal(PERIODS)))
    number = catalog.reserve(connection, f"points {rows}")
    connection.execute("DELETE FROM geocrew.datasets WHERE table_name = 'points'")
    catalog.add(
        connection,
        Dataset(
            number,
            1,
            f"points {rows}",
            "table",
            registered=True,
            schema_name="public",
            table_name="points",
            key_column="id",
            geometry_column="geom",
            geometry_type="Point",
            srid=27700,
        ),
    )
    return number


def measure(connection: Connection, call: Callable[[], object]) -> Cost:
    """Run a call once; the server's CPU is that of the session's process."""
    pid = connection.info.backend_pid
    wall, cpu = perf_counter(), process_time() + _server_cpu(pid)
    call()
    return Cost(perf_counter() - wall, process_time() + _server_cpu(pid) - cpu)


def _server_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def job(connection: Connection, dataset_id: int, mode: str) -> Callable[[], object]:
    """Make the call that runs and publishes the whole job."""
    params = PARAMS | {"dataset_id": dataset_id, "output_mode": mode}
    return lambda: run_analysis(connection, "hotspot_timeseries", params)


def compare(connection: Connection, rows: int, repeats: int) -> dict[str, object]:
    """Run all ways in turn at one size."""
    dataset_id = fill(connection, rows)
    series = np.random.default_rng(3).normal(size=(rows // PERIODS, PERIODS))
    offsets = np.arange(0, series.size + 1, PERIODS)
    peer_share = max(1, len(series) // 1000)
    ways: dict[str, Callable[[], object]] = {
        "floor": lambda: connection.execute(_FLOOR),
        "static": job(connection, dataset_id, "static"),
        "materialized_view": job(connection, dataset_id, "materialized_view"),
        "trend": lambda: mann_kendall(series.ravel(), offsets),
        "pymannkendall": lambda: [pymannkendall.original_test(one) for one in series[::peer_share]],
    }
    if rows > VIEW_ROWS:
        del ways["materialized_view"]
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, call in ways.items():
            costs[way].append(measure(connection, call))
            print(rows, way, costs[way][-1], file=sys.stderr)
    ratios = {
        "materialized_view / static, cpu": ("materialized_view", "static", 1.0),
        "static / floor, cpu": ("static", "floor", 1.0),
        "pymannkendall / trend, cpu": ("pymannkendall", "trend", float(peer_share)),
    }
    return {
        "rows": rows,
        "figures": {
            way: {"wall": median(c.wall for c in each), "cpu": median(c.cpu for c in each)}
            for way, each in costs.items()
        },
        "pymannkendall_series": len(series[::peer_share]),
        "ratios": {
            name: median(
                factor * a.cpu / max(b.cpu, 1e-3) for a, b in zip(costs[one], costs[other], strict=True)
            )
            for name, (one, other, factor) in ratios.items()
            if one in costs
        },
    }


def main() -> None:
    """Run the comparison and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="a million rows too")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    sizes = [12_000, 120_000, *([1_200_000] if arguments.large else [])]
    with served() as connection:
        job(connection, fill(connection, 1200), "static")()  # compiles what there is
        mann_kendall(np.zeros(2), np.array([0, 2]))
        found = [compare(connection, rows, arguments.repeats) for rows in sizes]
    machine = describe_machine("numpy", "numba", "pymannkendall")
    result = {
        "machine": asdict(machine),
        "repeats": arguments.repeats,
        "periods": PERIODS,
        "k_neighbors": PARAMS["k_neighbors"],
        "sizes": found,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
