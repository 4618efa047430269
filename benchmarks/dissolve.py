"""Costs of dissolve, whole and through the queue, against ST_Union, geopandas and DuckDB.

The table is a coverage of polygons of 64 vertices, made from a seed. Every way writes one row for each
group with count, sum and shape, its key, spatial index and statistics; groups and areas must agree.

    python -m benchmarks.dissolve [--rows 10000 100000] [--repeats 3]
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from benchmarks import duck
from benchmarks.ratios import Figure, compare, write
from benchmarks.server import Cost, Server, count, finish, served
from psycopg import sql

from geocrew.db import Connection

RESULT = Path(__file__).parent / "results" / "dissolve.json"
# 484 contiguous regions, ten groups scattered all over, and one group of everything.
CASES = {"contiguous": "region", "scattered": "scattered", "all": "everything"}
# Ways that unite by overlay, as ST_Union does, are measured up to here: they tell nothing new later.
SLOW, SLOW_ROWS = ("geopandas unary", "duckdb union"), 20_000
MADE = "id int, key int, feature_count int, value_sum float8, geom geometry"


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


def load(server: Server, side: int) -> int:
    """Fill the table `parcels` and return its dataset's id."""
    server.execute(
        "CREATE TABLE parcels (id int PRIMARY KEY, region int, scattered int, everything int,"
        " value float8, geom geometry(MultiPolygon, 3857))"
    )
    rng = np.random.default_rng(1)
    column, row = np.divmod(np.arange(side * side), side)
    region = column * 22 // side * 22 + row * 22 // side
    shapes = shapely.multipolygons(make_parcels(side), indices=np.arange(side * side))
    wkb = shapely.to_wkb(shapely.set_srid(shapes, 3857), hex=True, include_srid=True)
    scattered = rng.integers(0, 10, side * side)
    columns = (region, scattered, 0 * region, rng.lognormal(0, 1, side * side), wkb)
    with server.connection.cursor() as cursor, cursor.copy("COPY parcels FROM STDIN") as copy:
        for number, each in enumerate(zip(*(array.tolist() for array in columns), strict=True)):
            copy.write_row((number, *each))
    server.execute("CREATE INDEX ON parcels USING gist (geom)", "VACUUM ANALYZE parcels")
    return server.register("parcels")


def run_naive(key: str, connection: Connection) -> int:
    """Write `peer` by the tutorial's SQL."""
    query = (
        "CREATE TABLE peer AS SELECT row_number() OVER () AS id, {0} AS key, count(*) AS feature_count,"
        " sum(value) AS value_sum, ST_Multi(ST_Union(geom)) AS geom FROM parcels GROUP BY {0}"
    )
    connection.execute(sql.SQL(query).format(sql.Identifier(key)))
    return end(connection)


def run_geopandas(method: str, key: str, connection: Connection) -> int:
    """Write `peer` by geopandas, read in binary and written by COPY."""
    import geopandas as gpd  # noqa: PLC0415 # heavy, and only for the peer

    query = sql.SQL("SELECT {}, value, ST_AsBinary(geom) FROM parcels").format(sql.Identifier(key))
    rows = connection.execute(query, binary=True).fetchall()
    shapes = shapely.from_wkb(np.array([row[2] for row in rows], object))
    columns = {"key": [row[0] for row in rows], "value": [row[1] for row in rows]}
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=3857)
    made = frame.dissolve("key", aggfunc={"value": ["count", "sum"]}, method=method)
    connection.execute(f"CREATE TABLE peer ({MADE})".encode())
    wkb = shapely.to_wkb(shapely.set_srid(made.geometry.values, 3857), hex=True, include_srid=True)
    values = zip(made.index, made[("value", "count")], made[("value", "sum")], wkb, strict=True)
    with connection.cursor() as cursor, cursor.copy("COPY peer FROM STDIN") as copy:
        for number, each in enumerate(values):
            copy.write_row((number, *each))
    return end(connection)


def run_duck(union: str, key: str, connection: Connection) -> int:
    """Write `peer` by an aggregate of DuckDB."""
    opened = duck.open_duck()
    duck.load(connection, opened, "parcels", key, "value")
    query = (
        f"SELECT row_number() OVER () AS id, {key}, count(*), sum(value), ST_AsWKB({union}(geom))"
        f" FROM parcels GROUP BY {key}"
    )
    return duck.store(connection, opened, query, "peer", MADE)


def end(connection: Connection) -> int:
    """Give `peer` what an output has; return its rows."""
    for statement in finish("peer"):
        connection.execute(statement.encode())
    return count(connection, "peer")


def run_ours(server: Server, dataset_id: int, key: str) -> Cost:
    """Measure the job."""
    given: dict[str, Any] = {"source_dataset_id": dataset_id, "aggregation_fields": {"value": "sum"}}
    mode = {"dissolve_mode": "all"} if key == "everything" else {"dissolve_field": key}
    return server.run_job("dissolve", given | mode)


def run_peer(server: Server, call: Callable[[Connection], int]) -> Cost:
    """Measure a peer, and compare the area that it wrote with ours."""
    cost = server.run_peer(call)
    query = sql.SQL("SELECT (SELECT sum(ST_Area(geom)) FROM peer) / sum(ST_Area(geom)) - 1 FROM {}")
    row = server.connection.execute(query.format(sql.Identifier(server.made[-1]))).fetchone()
    if row is None or abs(row[0]) > 1e-9:
        raise ValueError(f"a peer's area is not ours: {row}")
    server.execute("DROP TABLE peer")
    return cost


def measure(server: Server, dataset_id: int, rows: int, repeats: int) -> list[Figure]:
    """Run all ways at all cases."""
    peers: dict[str, Callable[..., int]] = {
        "st_union": run_naive,
        "geopandas unary": partial(run_geopandas, "unary"),
        "geopandas coverage": partial(run_geopandas, "coverage"),
    }
    if duck.is_there():
        peers["duckdb union"] = partial(run_duck, "ST_Union_Agg")
        peers["duckdb coverage"] = partial(run_duck, "ST_CoverageUnion_Agg")
    if rows > SLOW_ROWS:
        peers = {way: call for way, call in peers.items() if way not in SLOW}
    figures: list[Figure] = []
    for case, key in CASES.items():
        ways: dict[str, Callable[[], Cost]] = {
            "ours": partial(run_ours, server, dataset_id, key),
            "floor": server.run_floor,
        }
        ways |= {way: partial(run_peer, server, partial(call, key)) for way, call in peers.items()}
        figures += compare(case, rows, ways, repeats)
        server.drop_made()
    return figures


def main() -> None:
    """Compare all ways at each size and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with served() as server:
        for rows in arguments.rows:
            side = round(rows**0.5)
            dataset_id = load(server, side)
            figures += measure(server, dataset_id, side * side, arguments.repeats)
            server.execute("DROP TABLE parcels", "DELETE FROM geocrew.datasets")
    write(RESULT, figures, arguments.repeats, "shapely", "geopandas", "psycopg", vertices=64)


if __name__ == "__main__":
    main()
