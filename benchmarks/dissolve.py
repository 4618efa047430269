"""Costs of dissolve, whole, against ST_Union and geopandas on the same data.

A private PostGIS is started and filled with a coverage of polygons of 64 vertices, made from a seed.
Every way writes a table with primary key, spatial index, statistics, and count and sum of a value for
each group. CPU is that of this process and of its backend; parallel plans and JIT are off. Ratios are
taken within a repeat, medians given. The areas of all ways are checked to be equal.

    python -m benchmarks.dissolve [--rows 10000 100000] [--repeats 3]
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, LiteralString
from uuid import uuid4

import numpy as np
import shapely
from benchmarks.measure import describe_machine, peak_mb
from psycopg import sql

from geocrew import db, local
from geocrew.analyses.dissolve import ANALYSIS
from geocrew.analysis import Level
from geocrew.datasets import catalog, staging
from geocrew.datasets.staging import Staging
from geocrew.db import Connection
from geocrew.schema.migrate import migrate

RESULT = Path(__file__).parent / "results" / "dissolve.json"
# Contiguous regions, groups scattered all over, and one group of everything.
FIELDS = ("region", "scattered", "everything")
NAIVE: LiteralString = (
    "CREATE TABLE peer AS SELECT row_number() OVER () AS id, {key}, count(*) AS feature_count,"
    " sum(value) AS value_sum, ST_Multi(ST_Union(geom)) AS geom FROM parcels GROUP BY {key}"
)
FINISH: LiteralString = (
    "ALTER TABLE peer ADD PRIMARY KEY (id); CREATE INDEX ON peer USING gist (geom); ANALYZE peer"
)


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU (this process and its backend) and of wall clock, and what was written."""

    cpu: float
    wall: float
    groups: int
    area: float
    peak_mb: float


@dataclass
class Context:
    """An analysis run without a queue."""

    connection: Connection
    staging: Staging
    user_id: int = 1
    raster_dir: Path = Path()

    def progress(self, share: float, message: str) -> None:
        """Say nothing."""

    def log(self, message: str, level: Level = "info") -> None:
        """Keep nothing."""


def make_parcels(side: int) -> Any:
    """Make side² polygons of 64 vertices that share their edges to the bit."""
    rng = np.random.default_rng(7)
    along = np.linspace(0, 1, 17)
    sway = np.sin(along * np.pi)
    sway[-1] = 0  # sin(π) is not, and corners must meet to the bit
    start = np.stack(np.meshgrid(np.arange(side + 1.0), np.arange(side + 1.0), indexing="ij"), -1)
    edges = np.repeat(start[None, :, :, None, :], 17, axis=3).repeat(2, axis=0)
    bend = rng.uniform(-0.1, 0.1, (2, side + 1, side + 1, 17)) * sway
    edges[0, ..., 0] += along
    edges[0, ..., 1] += bend[0]
    edges[1, ..., 1] += along
    edges[1, ..., 0] += bend[1]
    flat, tall = edges
    rings = (
        flat[:-1, :-1],
        tall[1:, :-1, 1:],
        flat[:-1, 1:, ::-1][:, :, 1:],
        tall[:-1, :-1, ::-1][:, :, 1:],
    )
    return shapely.polygons(np.concatenate(rings, axis=2).reshape(-1, 65, 2))


def load(connection: Connection, side: int) -> int:
    """Fill the table `parcels` and put it into the catalog; return its dataset's id."""
    connection.execute(
        "CREATE TABLE parcels (id int PRIMARY KEY, region int, scattered int, everything int,"
        " value float8, geom geometry(MultiPolygon, 3857))"
    )
    rng = np.random.default_rng(1)
    column, row = np.divmod(np.arange(side * side), side)
    region = column * 22 // side * 22 + row * 22 // side  # 484 regions, as in the notes' table
    shapes = shapely.multipolygons(make_parcels(side), indices=np.arange(side * side))
    wkb = shapely.to_wkb(shapely.set_srid(shapes, 3857), hex=True, include_srid=True)
    columns = (
        region,
        rng.integers(0, 10, side * side),
        0 * region,
        rng.lognormal(0, 1, side * side),
        wkb,
    )
    with connection.cursor() as cursor, cursor.copy("COPY parcels FROM STDIN") as copy:
        for number, each in enumerate(zip(*(array.tolist() for array in columns), strict=True)):
            copy.write_row((number, *each))
    connection.execute("CREATE INDEX ON parcels USING gist (geom); ANALYZE parcels")
    number = catalog.reserve(connection, "parcels", 1)
    described = catalog.Dataset(
        number, 1, "parcels", "table", True, "public", "parcels", "id", "geom", "MultiPolygon", 3857
    )
    catalog.add(connection, described)
    return number


def run_ours(connection: Connection, dataset_id: int, key: str) -> Cost:
    """Measure the analysis from its parameters to its staged table."""
    context = Context(connection, Staging(0, uuid4()))
    given = {
        "source_dataset_id": dataset_id,
        "dissolve_field": key,
        "aggregation_fields": {"value": "sum"},
    }
    out = context.staging.relation("out")
    cost = measure(connection, out, lambda: ANALYSIS.run(ANALYSIS.parse(given), context))
    staging.clear(connection, context.staging)
    return cost


def run_naive(connection: Connection, key: str) -> Cost:
    """Measure the tutorial's SQL."""

    def call() -> None:
        connection.execute(sql.SQL(NAIVE).format(key=sql.Identifier(key)))
        connection.execute(FINISH)

    return measure_peer(connection, call)


def run_geopandas(connection: Connection, key: str, method: str) -> Cost:
    """Measure geopandas, with binary reading and COPY for writing."""
    import geopandas as gpd  # noqa: PLC0415 # heavy, and only for the peer

    def call() -> None:
        query = sql.SQL("SELECT {}, value, ST_AsBinary(geom) FROM parcels").format(sql.Identifier(key))
        rows = connection.execute(query, binary=True).fetchall()
        shapes = shapely.from_wkb(np.array([row[2] for row in rows], object))
        columns = {"key": [row[0] for row in rows], "value": [row[1] for row in rows]}
        frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=3857)
        made = frame.dissolve("key", aggfunc={"value": ["count", "sum"]}, method=method)
        connection.execute(
            "CREATE TABLE peer (id int, key int, feature_count int, value_sum float8, geom geometry)"
        )
        wkb = shapely.to_wkb(shapely.set_srid(made.geometry.values, 3857), hex=True, include_srid=True)
        values = zip(made.index, made[("value", "count")], made[("value", "sum")], wkb, strict=True)
        with connection.cursor() as cursor, cursor.copy("COPY peer FROM STDIN") as copy:
            for number, each in enumerate(values):
                copy.write_row((number, *each))
        connection.execute(FINISH)

    return measure_peer(connection, call)


def measure_peer(connection: Connection, call: Callable[[], object]) -> Cost:
    """Measure a call that makes the table `peer`; drop that afterwards."""
    cost = measure(connection, sql.Identifier("peer"), call)
    connection.execute("DROP TABLE peer")
    return cost


def measure(connection: Connection, table: sql.Composable, call: Callable[[], object]) -> Cost:
    """Run a call that makes `table`."""
    backend = connection.info.backend_pid
    cpu, wall = process_time() + server_cpu(backend), perf_counter()
    call()
    cpu, wall = process_time() + server_cpu(backend) - cpu, perf_counter() - wall
    query = sql.SQL("SELECT count(*), sum(ST_Area(geom)) FROM {}").format(table)
    groups, area = connection.execute(query).fetchone() or (0, 0.0)
    return Cost(cpu, wall, groups, area, peak_mb())


def server_cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(connection: Connection, count: int, repeats: int) -> dict[str, Any]:
    """Run all ways on about `count` polygons, ours first, before a peer has grown this process."""
    side = round(count**0.5)
    dataset_id = load(connection, side)
    ways: dict[str, Callable[[str], Cost]] = {
        "ours": lambda key: run_ours(connection, dataset_id, key),
        "st_union": lambda key: run_naive(connection, key),
        "geopandas_unary": lambda key: run_geopandas(connection, key, "unary"),
        "geopandas_coverage": lambda key: run_geopandas(connection, key, "coverage"),
    }
    found: dict[str, Any] = {}
    for key in FIELDS:
        costs: dict[str, list[Cost]] = {way: [] for way in ways}
        for _ in range(repeats):
            for way, run in ways.items():
                costs[way].append(run(key))
        found[key] = summarise(costs)
        print(key, count, json.dumps(found[key]), flush=True)
    connection.execute("DROP TABLE parcels; DELETE FROM geocrew.datasets")
    return found


def summarise(costs: dict[str, list[Cost]]) -> dict[str, Any]:
    """Take medians of the costs, and of the ratios to ours within a repeat."""
    ours = costs["ours"]
    for each in (cost for listed in costs.values() for cost in listed):
        if each.groups != ours[0].groups or abs(each.area / ours[0].area - 1) > 1e-9:
            raise ValueError(f"{each} is not the answer of {ours[0]}")
    return {
        way: {
            "cpu": median(cost.cpu for cost in each),
            "wall": median(cost.wall for cost in each),
            "cpu_ratio": median(a.cpu / b.cpu for a, b in zip(each, ours, strict=True)),
            "wall_ratio": median(a.wall / b.wall for a, b in zip(each, ours, strict=True)),
            "peak_mb": each[0].peak_mb,
            "groups": each[0].groups,
        }
        for way, each in costs.items()
    }


def main() -> None:
    """Start a server, run the comparison and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geocrew-bench-") as directory:
        Path(directory).chmod(0o755)  # root's server runs as another user
        home = Path(directory) / "server"
        url = local.start(home)
        try:
            settings = {"jit": "off", "max_parallel_workers_per_gather": "0"}
            with db.connect(url, "benchmark", **settings) as connection:
                migrate(connection)
                sizes = {
                    count: compare(connection, count, arguments.repeats) for count in arguments.rows
                }
        finally:
            local.stop(home)
    result = {
        "machine": asdict(describe_machine("shapely", "geopandas", "psycopg")),
        "repeats": arguments.repeats,
        "sizes": sizes,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
