"""Costs of clip and erase, whole, against the tutorial's SQL, geopandas and DuckDB on the same data.

A coverage of polygons of 64 vertices, lakes of 64 that cut half of them, smaller ragged lakes of 1,000,
ten times as many points and one clip polygon of 5,302 vertices are made from a seed. Every way writes a
table with key, spatial index and statistics.

    python -m benchmarks.overlay [--rows 10000 100000] [--repeats 3] [--only erase …] [--peers naive …]

Cases that are not run keep the figures that they have. At 100 thousand rows one repeat of all takes ten
minutes, most of it the tutorial's clip of a million points.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from benchmarks import duck
from benchmarks.ratios import Figure, compare, write
from benchmarks.server import Cost, Server, count, finish, served

from geocrew.db import Connection

RESULT = Path(__file__).parent / "results" / "overlay.json"
PACKAGES = ("numpy", "shapely", "geopandas", "duckdb", "psycopg")
PEERS = ["naive", "geopandas", "duckdb"]
SIDE = 10.0  # degrees


@dataclass(frozen=True)
class Case:
    """One overlay: how its peers say it. `table` is cut, `blade` cuts, `kind` is the output's type."""

    name: str
    table: str
    blade: str
    kind: str
    naive: str
    duck: str


CASES = (
    Case(
        "clip polygons",
        "parcels",
        "clipper",
        "MultiPolygon",
        "SELECT a.id, ST_Multi(ST_Intersection(a.geom, c.geom)) AS geom"
        " FROM parcels a JOIN clipper c ON ST_Intersects(a.geom, c.geom)",
        "SELECT a.id, ST_Intersection(a.geom, c.geom) AS geom"
        " FROM parcels a JOIN clipper c ON ST_Intersects(a.geom, c.geom)",
    ),
    Case(
        "clip points",
        "sites",
        "clipper",
        "Point",
        "SELECT a.id, ST_Intersection(a.geom, c.geom) AS geom"
        " FROM sites a JOIN clipper c ON ST_Intersects(a.geom, c.geom)",
        "SELECT a.id, ST_Intersection(a.geom, c.geom) AS geom"
        " FROM sites a JOIN clipper c ON ST_Intersects(a.geom, c.geom)",
    ),
    *(
        Case(
            name,
            "parcels",
            lakes,
            "MultiPolygon",
            "SELECT id, geom FROM (SELECT a.id, ST_Multi(COALESCE(ST_Difference(a.geom, (SELECT"
            f" ST_Union(b.geom) FROM {lakes} b WHERE ST_Intersects(a.geom, b.geom))), a.geom)) AS geom"
            " FROM parcels a OFFSET 0) AS t WHERE NOT ST_IsEmpty(geom)",
            "SELECT a.id, COALESCE(ST_Difference(a.geom, b.geom), a.geom) AS geom FROM parcels a"
            " LEFT JOIN (SELECT a.id, ST_Union_Agg(b.geom) AS geom FROM parcels a"
            f" JOIN {lakes} b ON ST_Intersects(a.geom, b.geom) GROUP BY a.id) b ON a.id = b.id",
        )
        for name, lakes in (("erase", "lakes"), ("erase ragged", "ragged"))
    ),
)


def make_parcels(count: int) -> Any:
    """Make a coverage of about `count` polygons of 64 vertices, edges shared to the bit.

    A side bends by less than its distance from both of its ends, so no two of them meet elsewhere.
    """
    side, rng = round(count**0.5), np.random.default_rng(7)
    step, along = SIDE / side, np.linspace(0, 1, 17)
    bend = np.sin(along * np.pi) * 0.2 * (along % 1 > 0)
    i, j = np.meshgrid(np.arange(side + 1), np.arange(side + 1), indexing="ij")
    level = (np.stack((i, j), -1)[:, :, None, :] + np.zeros((1, 1, 17, 1))).astype(float)
    wobble = rng.uniform(-1, 1, (2, side + 1, side + 1, 17)) * bend
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
    return shapely.polygons(rings.reshape(-1, 65, 2) * step)


def make_blobs(count: int, vertices: int, radius: float, seed: int) -> Any:
    """Make star-shaped polygons around random middles."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    reach = radius * (1 + 0.3 * np.sin(5 * angle) + rng.uniform(-0.02, 0.02, (count, vertices)))
    around = np.stack((np.cos(angle) * reach, np.sin(angle) * reach), -1)
    middle = rng.uniform(0, SIDE, (count, 1, 2)) if count > 1 else np.full((1, 1, 2), SIDE / 2)
    return shapely.polygons(around + middle)


def load(server: Server, table: str, shapes: Any, kind: str) -> int:
    """Fill a table and register it; return its dataset's id."""
    server.execute(
        f"DROP TABLE IF EXISTS {table}",
        f"DELETE FROM geocrew.datasets WHERE table_name = '{table}'",
        f"CREATE TABLE {table} (id int, geom geometry({kind}, 4326))",
    )
    if kind == "MultiPolygon":
        shapes = np.array([shapely.multipolygons(shapely.get_parts(each)) for each in shapes])
    copy_in(server.connection, table, zip(range(len(shapes)), hex_of(shapes), strict=True))
    server.execute(*finish(table))
    return server.register(table)


def hex_of(shapes: Any) -> list[str]:
    """Return shapes as PostGIS reads them."""
    wkb: Any = shapely.to_wkb(shapely.set_srid(shapes, 4326), hex=True, include_srid=True)
    return list(wkb)


def copy_in(connection: Connection, table: str, rows: Any) -> None:
    """Append rows to a table."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def run_geopandas(case: Case) -> Callable[[Connection], int]:
    """Return the work of geopandas, which reads and writes by COPY."""

    def call(connection: Connection) -> int:
        import geopandas as gpd  # noqa: PLC0415 # heavy, and only for the peer

        def read(table: str) -> Any:
            query = f"SELECT id, ST_AsBinary(geom) FROM {table}".encode()
            found = connection.execute(query, binary=True).fetchall()
            shapes = shapely.from_wkb(np.array([row[1] for row in found], object))
            return gpd.GeoDataFrame({"id": [row[0] for row in found]}, geometry=shapes, crs=4326)

        frame, blade = read(case.table), read(case.blade)
        if case.name.startswith("erase"):
            made = gpd.overlay(frame, blade[["geometry"]], how="difference")
        else:
            made = gpd.clip(frame, blade.geometry.iloc[0], keep_geom_type=True)
        connection.execute("CREATE TABLE peer (id int, geom geometry(Geometry, 4326))")
        copy_in(connection, "peer", zip(made["id"].tolist(), hex_of(made.geometry.values), strict=True))
        for statement in finish("peer"):
            connection.execute(statement.encode())
        return count(connection, "peer")

    return call


def run_duck(case: Case) -> Callable[[Connection], int]:
    """Return the work of DuckDB."""

    def call(connection: Connection) -> int:
        opened = duck.open_duck()
        duck.load(connection, opened, case.table)
        duck.load(connection, opened, case.blade)
        query = f"SELECT id, ST_AsWKB(geom) FROM ({case.duck}) AS t WHERE NOT ST_IsEmpty(geom)"
        return duck.store(connection, opened, query, "peer", "id int, geom geometry(Geometry)")

    return call


def ways_of(
    server: Server, case: Case, params: Mapping[str, Any], peers: list[str]
) -> dict[str, Callable[[], Cost]]:
    """Return what is to be compared: ours, the floor, then the peers."""

    def peer(call: Callable[[Connection], int]) -> Callable[[], Cost]:
        def run() -> Cost:
            cost = server.run_peer(call)
            server.execute("DROP TABLE peer")
            return cost

        return run

    job_type = "erase_analysis" if case.name.startswith("erase") else "clip"
    ways: dict[str, Callable[[], Cost]] = {
        "ours": lambda: server.run_job(job_type, params),
        "floor": server.run_floor,
    }
    others: dict[str, Callable[[], Cost]] = {
        "naive": lambda: server.run_sql("naive", f"CREATE TABLE naive AS {case.naive}"),
        "geopandas": peer(run_geopandas(case)),
    }
    if duck.is_there():
        others["duckdb"] = peer(run_duck(case))
    return ways | {name: way for name, way in others.items() if name in peers}


def measure(server: Server, rows: int, repeats: int, only: list[str], peers: list[str]) -> list[Figure]:
    """Compare all cases with `rows` polygons, and ten times as many points."""
    clipper = make_blobs(1, 5302, SIDE / 4, 2)
    sites = shapely.points(np.random.default_rng(1).uniform(0, SIDE, (10 * rows, 2)))
    lakes = make_blobs(rows // 20, 64, 15 / rows**0.5, 3)
    ragged = make_blobs(rows // 20, 1000, 6 / rows**0.5, 4)
    parcels = load(server, "parcels", make_parcels(rows), "MultiPolygon")
    shape = json.loads(shapely.to_geojson(clipper[0]))
    load(server, "clipper", clipper, "MultiPolygon")
    params: dict[str, dict[str, Any]] = {
        "clip polygons": {"dataset_id": parcels, "clip_geometry": shape},
        "clip points": {"dataset_id": load(server, "sites", sites, "Point"), "clip_geometry": shape},
        "erase": {
            "input_dataset_id": parcels,
            "erase_dataset_id": load(server, "lakes", lakes, "MultiPolygon"),
        },
        "erase ragged": {
            "input_dataset_id": parcels,
            "erase_dataset_id": load(server, "ragged", ragged, "MultiPolygon"),
        },
    }
    figures: list[Figure] = []
    for case in CASES:
        if not only or case.name in only:
            ways = ways_of(server, case, params[case.name], peers)
            rows_in = count(server.connection, case.table)
            figures += compare(case.name, rows_in, ways, repeats)
            server.drop_made()
    return figures


def main() -> None:
    """Run the comparison and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[], choices=[case.name for case in CASES])
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS, help="none: writes nothing")
    given = parser.parse_args()
    with served() as server:
        for rows in given.rows:
            figures = measure(server, rows, given.repeats, given.only, given.peers)
            if given.peers:
                write(RESULT, figures, given.repeats, *PACKAGES)


if __name__ == "__main__":
    main()
