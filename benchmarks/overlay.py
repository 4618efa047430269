"""Costs of clip and erase, whole, against the tutorial's SQL and geopandas on the same data.

A private PostGIS is started; a coverage of polygons of 64 vertices, lakes and one clip polygon of 5,302
vertices are made from a seed. Every way writes a table with primary key, spatial index and statistics.
CPU is that of this process and of its backend; parallel plans are off. Ratios are taken within a repeat.

    python -m benchmarks.overlay [--rows 10000 100000] [--repeats 3]
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, LiteralString
from uuid import uuid4

import numpy as np
import shapely
from benchmarks.measure import describe_machine

from geocrew import analyses, db, local
from geocrew.analysis import Level
from geocrew.datasets import catalog, staging
from geocrew.datasets.staging import Staging
from geocrew.db import Connection
from geocrew.schema.migrate import migrate

RESULT = Path(__file__).parent / "results" / "overlay.json"
SIDE = 10.0  # degrees
FINISH: LiteralString = (
    "ALTER TABLE {0} ADD PRIMARY KEY (id); CREATE INDEX ON {0} USING gist (geom); ANALYZE {0}"
)
NAIVE: dict[str, LiteralString] = {
    "clip": "CREATE TABLE naive AS SELECT a.id, ST_Multi(ST_Intersection(a.geom, c.geom)) AS geom"
    " FROM parcels a JOIN clipper c ON ST_Intersects(a.geom, c.geom)",
    "clip_points": "CREATE TABLE naive AS SELECT a.id, ST_Intersection(a.geom, c.geom) AS geom"
    " FROM sites a JOIN clipper c ON ST_Intersects(a.geom, c.geom)",
    "erase": "CREATE TABLE naive AS SELECT id, geom FROM (SELECT a.id, ST_Multi(COALESCE("
    "ST_Difference(a.geom, (SELECT ST_Union(b.geom) FROM lakes b WHERE ST_Intersects(a.geom, b.geom))),"
    " a.geom)) AS geom FROM parcels a OFFSET 0) AS t WHERE NOT ST_IsEmpty(geom)",
    # The floor: what writing the rows of the output costs when nothing is computed.
    "floor": "CREATE TABLE naive AS SELECT id, geom FROM made",
}


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU (client and server) and of wall clock, rows written, and their area."""

    cpu: float
    wall: float
    rows: int
    area: float


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


def make_parcels(count: int) -> Any:
    """Make a coverage of about `count` polygons of 64 vertices, edges shared to the bit."""
    side, rng = round(count**0.5), np.random.default_rng(7)
    step, along = SIDE / side, np.linspace(0, 1, 17)
    bend = np.sin(along * np.pi) * 0.2
    i, j = np.meshgrid(np.arange(side + 1), np.arange(side + 1), indexing="ij")
    level = (np.stack((i, j), -1)[:, :, None, :] + np.zeros((1, 1, 17, 1))).astype(float)
    wobble = rng.normal(0, 1, (2, side + 1, side + 1, 17)) * bend
    flat, tall = level.copy(), level.copy()
    flat[..., 0] += along
    flat[..., 1] += wobble[0]
    tall[..., 1] += along
    tall[..., 0] += wobble[1]
    rings = np.concatenate(
        (
            flat[:-1, :-1],
            tall[1:, :-1, 1:],
            flat[:-1, 1:, ::-1][:, :, 1:],
            tall[:-1, :-1, ::-1][:, :, 1:],
        ),
        axis=2,
    )
    polygons = shapely.polygons(rings.reshape(-1, 65, 2) * step)
    return shapely.make_valid(polygons, method="structure", keep_collapsed=False)


def make_blobs(count: int, vertices: int, radius: float, seed: int) -> Any:
    """Make star-shaped polygons around random middles."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    reach = radius * (1 + 0.3 * np.sin(5 * angle) + rng.uniform(-0.02, 0.02, (count, vertices)))
    around = np.stack((np.cos(angle) * reach, np.sin(angle) * reach), -1)
    middle = rng.uniform(0, SIDE, (count, 1, 2)) if count > 1 else np.full((1, 1, 2), SIDE / 2)
    return shapely.polygons(around + middle)


def load(connection: Connection, table: str, shapes: Any, kind: str) -> int:
    """Fill a table and put it into the catalog; return its dataset's id."""
    connection.execute(
        f"CREATE TABLE {table} (id int PRIMARY KEY, geom geometry({kind}, 4326))".encode()
    )
    if kind == "MultiPolygon":
        shapes = np.array([shapely.multipolygons(shapely.get_parts(each)) for each in shapes])
    wkb = shapely.to_wkb(shapely.set_srid(shapes, 4326), hex=True, include_srid=True)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in enumerate(wkb.tolist()):
            copy.write_row(row)
    connection.execute(f"CREATE INDEX ON {table} USING gist (geom); ANALYZE {table}".encode())
    number = catalog.reserve(connection, table, 1)
    described = catalog.Dataset(
        number, 1, table, "table", True, "public", table, "id", "geom", kind, 4326
    )
    catalog.add(connection, described)
    return number


def measure(connection: Connection, call: Callable[[], str]) -> Cost:
    """Run a call that returns the table it has made; drop that afterwards."""
    backend = connection.info.backend_pid
    cpu, wall = process_time() + server_cpu(backend), perf_counter()
    table = call()
    cpu, wall = process_time() + server_cpu(backend) - cpu, perf_counter() - wall
    query = f"SELECT count(*), COALESCE(sum(ST_Area(geom)), 0) FROM {table}".encode()
    rows, area = connection.execute(query).fetchone() or (0, 0.0)
    return Cost(cpu, wall, rows, area)


def server_cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_ours(connection: Connection, job_type: str, params: dict[str, Any]) -> Cost:
    """Measure an analysis of ours."""
    analysis, context = analyses.find(job_type), Context(connection, Staging(0, uuid4()))
    cost = measure(
        connection,
        lambda: f"geocrew_staging.{analysis.run(analysis.parse(params), context).staged.table}",  # type: ignore[union-attr] # a table, no raster
    )
    connection.execute("DROP TABLE IF EXISTS made")
    table = f"geocrew_staging.{context.staging.name('out')}"
    connection.execute(f"CREATE TABLE made AS SELECT id, geom FROM {table}".encode())
    staging.clear(connection, context.staging)
    return cost


def run_naive(connection: Connection, way: str) -> Cost:
    """Measure the tutorial's SQL."""

    def call() -> str:
        connection.execute(NAIVE[way])
        for statement in FINISH.format("naive").split(";"):
            connection.execute(statement.encode())
        return "naive"

    cost = measure(connection, call)
    connection.execute("DROP TABLE naive")
    return cost


def run_geopandas(connection: Connection, way: str) -> Cost:
    """Measure geopandas, reading and writing by COPY."""
    import geopandas as gpd  # noqa: PLC0415 # heavy, and only for the peer

    def read(table: str) -> Any:
        query = f"SELECT id, ST_AsBinary(geom) FROM {table}".encode()
        found = connection.execute(query, binary=True).fetchall()
        shapes = shapely.from_wkb(np.array([row[1] for row in found], object))
        return gpd.GeoDataFrame({"id": [row[0] for row in found]}, geometry=shapes, crs=4326)

    def call() -> str:
        frame = read("sites" if way == "clip_points" else "parcels")
        if way == "erase":
            made = gpd.overlay(frame, read("lakes")[["geometry"]], how="difference")
        else:
            made = gpd.clip(frame, read("clipper").geometry.iloc[0], keep_geom_type=True)
        connection.execute("CREATE TABLE naive (id int, geom geometry(Geometry, 4326))")
        wkb = shapely.to_wkb(shapely.set_srid(made.geometry.values, 4326), hex=True, include_srid=True)
        with connection.cursor() as cursor, cursor.copy("COPY naive FROM STDIN") as copy:
            for row in zip(made["id"].tolist(), wkb.tolist(), strict=True):
                copy.write_row(row)
        for statement in FINISH.format("naive").split(";"):
            connection.execute(statement.encode())
        return "naive"

    cost = measure(connection, call)
    connection.execute("DROP TABLE naive")
    return cost


def compare(connection: Connection, count: int, repeats: int) -> dict[str, Any]:
    """Run all ways on `count` polygons, and on ten times as many points."""
    rng = np.random.default_rng(1)
    clipper = make_blobs(1, 5302, SIDE / 4, 2)
    ids = {
        "parcels": load(connection, "parcels", make_parcels(count), "MultiPolygon"),
        "lakes": load(
            connection, "lakes", make_blobs(count // 20, 64, 15 / count**0.5, 3), "MultiPolygon"
        ),
        "clipper": load(connection, "clipper", clipper, "MultiPolygon"),
        "sites": load(
            connection, "sites", shapely.points(rng.uniform(0, SIDE, (10 * count, 2))), "Point"
        ),
    }
    shape = json.loads(shapely.to_geojson(clipper[0]))
    jobs: dict[str, tuple[str, dict[str, Any]]] = {
        "clip": ("clip", {"dataset_id": ids["parcels"], "clip_geometry": shape}),
        "clip_points": ("clip", {"dataset_id": ids["sites"], "clip_geometry": shape}),
        "erase": (
            "erase_analysis",
            {"input_dataset_id": ids["parcels"], "erase_dataset_id": ids["lakes"]},
        ),
    }
    found: dict[str, Any] = {}
    for way, (job_type, params) in jobs.items():
        costs: dict[str, list[Cost]] = {"ours": [], "floor": [], "naive": [], "geopandas": []}
        for _ in range(repeats):
            costs["ours"].append(run_ours(connection, job_type, params))
            costs["floor"].append(run_naive(connection, "floor"))
            costs["naive"].append(run_naive(connection, way))
            costs["geopandas"].append(run_geopandas(connection, way))
        found[way] = summarise(costs)
        print(way, count, json.dumps(found[way]), flush=True)
    connection.execute("DROP TABLE parcels, lakes, clipper, sites, made; DELETE FROM geocrew.datasets")
    return found


def summarise(costs: dict[str, list[Cost]]) -> dict[str, Any]:
    """Take medians of the costs, and of the ratios to ours within a repeat."""
    summary: dict[str, Any] = {}
    for way, each in costs.items():
        pairs = list(zip(each, costs["ours"], strict=True))
        summary[way] = {
            "cpu": median(cost.cpu for cost in each),
            "wall": median(cost.wall for cost in each),
            "cpu_ratio": median(cost.cpu / ours.cpu for cost, ours in pairs),
            "wall_ratio": median(cost.wall / ours.wall for cost, ours in pairs),
            "rows": each[0].rows,
            "area": each[0].area,
        }
    return summary


@contextmanager
def private_postgis() -> Iterator[Connection]:
    """Start a server of our own, and stop it in the end."""
    with tempfile.TemporaryDirectory(prefix="geocrew-benchmark-") as home:
        Path(home).chmod(0o755)
        url = local.start(Path(home) / "cluster", shared_buffers="512MB", fsync="off")
        try:
            with db.connect(url, "benchmark", max_parallel_workers_per_gather="0") as connection:
                migrate(connection)
                yield connection
        finally:
            local.stop(Path(home) / "cluster", "fast")


def main() -> None:
    """Run the comparison and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with private_postgis() as connection:
        sizes = {count: compare(connection, count, arguments.repeats) for count in arguments.rows}
    machine = asdict(describe_machine("numpy", "shapely", "geopandas", "psycopg"))
    RESULT.write_text(
        json.dumps({"machine": machine, "repeats": arguments.repeats, "sizes": sizes}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
