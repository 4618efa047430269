"""Costs of nearest, whole, against the tutorial's SQL, geopandas, scipy and DuckDB on the same data.

Seeded points, one target on 100 m by 100 m each; lakes of 401 vertices, one on 400 m by 400 m each, that
overlap; and points in degrees, compared in metres on the ellipsoid, whose result is checked besides.
The tutorial joins with ST_DWithin and ranks with row_number; it needs a reach, which all ways are given:
one that leaves no source without a target (500 m: 79 targets to a point; 1,000 m: 20 lakes). Every way
writes id, source, attributes of both, distance and shape. A peer that takes over half a minute is
measured once.

    python -m benchmarks.nearest [--sources 10000 100000] [--repeats 3]
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, LiteralString

import geopandas as gpd
import numpy as np
import shapely
from benchmarks import duck
from benchmarks.geodesic_oracle import count_wrong
from benchmarks.ratios import Figure, compare, write
from benchmarks.server import Cost, Server, count, finish, served
from scipy.spatial import cKDTree

from geocrew.db import Connection

RESULT = Path(__file__).parent / "results" / "nearest.json"
PACKAGES = ("psycopg", "geopandas", "shapely", "scipy", "numba")
CHECKED = 10_000  # sources of which every target is measured again
DUCK_MOST = 10_000  # sources; more were not tried
LEFT_OUT = f"DuckDB was not tried above {DUCK_MOST} sources, at which it took 10 to 46 s"

DATA = """
SELECT setseed({seed});
CREATE TABLE {table} AS
SELECT i::int AS id, (random() * 1000)::int AS value, 'number ' || i AS label, {shape} AS geom
FROM (
    SELECT i, random() * {side} AS x, random() * {side} AS y, random() AS r
    FROM generate_series(1, {n}) AS i
) AS places;
ALTER TABLE {table} ADD PRIMARY KEY (id);
CREATE INDEX ON {table} USING gist (geom);
ANALYZE {table}
"""
POINT: LiteralString = "ST_Point(400000 + x, 100000 + y, 27700)::geometry(Point, 27700)"
DEGREES: LiteralString = "ST_Point(5 + x / 78000, 45 + y / 111000, 4326)::geometry(Point, 4326)"
WORLD: LiteralString = (
    "ST_Point(x / {side} * 360 - 180, degrees(asin(y / {side} * 2 - 1)), 4326)::geometry(Point, 4326)"
)
LAKE: LiteralString = (
    "ST_Buffer(ST_Point(400000 + x, 100000 + y, 27700), 20 + 200 * r, 'quad_segs=100')"
    "::geometry(Polygon, 27700)"
)
TUTORIAL = """
CREATE TABLE tutorial AS SELECT row_number() OVER () AS id, * FROM (
    SELECT s.id AS source_id, s.value, s.label, t.id AS target_id, t.value AS target_value,
        t.label AS target_label, ST_Distance(s.geom{cast}, t.geom{cast}) AS distance, s.geom,
        row_number() OVER (
            PARTITION BY s.id ORDER BY ST_Distance(s.geom{cast}, t.geom{cast}), t.id
        ) AS rank
    FROM sources AS s JOIN targets AS t ON ST_DWithin(s.geom{cast}, t.geom{cast}, {reach})
) AS pairs WHERE rank <= {k}
"""
BY_SPHERE = """
CREATE TABLE by_sphere AS SELECT s.id AS source_id, t.id AS target_id,
    ST_Distance(s.geom::geography, t.geom::geography) AS distance
FROM sources AS s CROSS JOIN LATERAL (
    SELECT id, geom FROM targets ORDER BY s.geom::geography <-> geom::geography LIMIT 1
) AS t
"""
IN_DUCK = """
SELECT source_id, target_id, distance FROM (
    SELECT s.id AS source_id, t.id AS target_id, ST_Distance(s.geom, t.geom) AS distance,
        row_number() OVER (PARTITION BY s.id ORDER BY ST_Distance(s.geom, t.geom), t.id) AS rank
    FROM sources AS s JOIN targets AS t ON ST_DWithin(s.geom, t.geom, {reach}.0)
) WHERE rank <= {k}
"""


@dataclass(frozen=True)
class Case:
    """What is compared: shapes of both sides, targets to a source, metres a target has to itself."""

    name: str
    source: LiteralString
    target: LiteralString
    targets_each: float
    spacing: float
    reach: int
    limits: tuple[int, ...]


CASES = (
    Case("points", POINT, POINT, 10, 100, 500, (1, 5)),
    Case("lakes", POINT, LAKE, 0.05, 400, 1000, (1,)),
    Case("degrees", DEGREES, DEGREES, 10, 100, 500, (1,)),
)


def make_data(server: Server, case: Case, sources: int) -> tuple[int, int]:
    """Make both tables and register them; returns their ids."""
    targets = round(sources * case.targets_each)
    side = case.spacing * targets**0.5
    tables = (("sources", sources, case.source, 0.5), ("targets", targets, case.target, 0.25))
    for table, n, shape, seed in tables:
        made = {"shape": shape.format(side=side), "side": side}
        server.execute(DATA.format(table=table, n=n, seed=seed, **made))
    if case.name == "degrees":  # what the tutorial needs, not counted
        server.execute("CREATE INDEX ON targets USING gist ((geom::geography))")
    return server.register("sources"), server.register("targets")


def read_frame(connection: Connection, table: str) -> gpd.GeoDataFrame:
    """Read a table as users of geopandas do."""
    query = f"SELECT id, ST_AsBinary(geom) FROM {table}"
    rows = connection.execute(query.encode(), binary=True).fetchall()
    shapes = shapely.from_wkb(np.array([row[1] for row in rows], object))
    return gpd.GeoDataFrame({"id": [row[0] for row in rows]}, geometry=shapes)


def store(connection: Connection, sources: Any, targets: Any, distances: Any) -> int:
    """Write pairs by COPY, and join the attributes in the database: the cheapest way there is."""
    connection.execute("CREATE UNLOGGED TABLE pairs (source int, target int, distance float8)")
    with connection.cursor() as cursor, cursor.copy("COPY pairs FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "int4", "float8"])
        for row in zip(sources.tolist(), targets.tolist(), distances.tolist(), strict=True):
            copy.write_row(row)
    connection.execute(
        "CREATE TABLE peer AS SELECT row_number() OVER () AS id, s.id AS source_id, s.value, s.label,"
        " t.id AS target_id, t.value AS target_value, t.label AS target_label, distance, s.geom"
        " FROM pairs JOIN sources AS s ON s.id = source JOIN targets AS t ON t.id = target"
    )
    for statement in finish("peer"):
        connection.execute(statement.encode())
    return count(connection, "peer")


def in_geopandas(case: Case, _k: int) -> Callable[[Connection], int]:
    """Join with sjoin_nearest; it returns all ties, of which the first by id is kept."""

    def call(connection: Connection) -> int:
        sources, targets = (read_frame(connection, table) for table in ("sources", "targets"))
        joined = gpd.sjoin_nearest(sources, targets, max_distance=case.reach, distance_col="distance")
        joined = joined.sort_values("id_right", kind="stable").drop_duplicates("id_left")
        return store(connection, joined["id_left"], joined["id_right"], joined["distance"])

    return call


def in_scipy(_case: Case, k: int) -> Callable[[Connection], int]:
    """Search with a cKDTree."""

    def call(connection: Connection) -> int:
        sources, targets = (read_frame(connection, table) for table in ("sources", "targets"))
        tree = cKDTree(shapely.get_coordinates(targets.geometry.array))
        places = shapely.get_coordinates(sources.geometry.array)
        distances, at = map(np.asarray, tree.query(places, k=range(1, k + 1)))
        keys = np.repeat(sources["id"].to_numpy(), k)
        return store(connection, keys, targets["id"].to_numpy()[at.ravel()], distances.ravel())

    return call


def in_duck(case: Case, k: int) -> Callable[[Connection], int]:
    """Join in DuckDB, which has no operator for neighbours, as in the tutorial."""

    def call(connection: Connection) -> int:
        database = duck.open_duck()
        for table in ("sources", "targets"):
            duck.load(connection, database, table)
        found = database.execute(IN_DUCK.format(reach=case.reach, k=k)).fetchnumpy()
        return store(connection, found["source_id"], found["target_id"], found["distance"])

    return call


def once_if_long(call: Callable[[], Cost]) -> Callable[[], Cost]:
    """Measure a way again only where it takes less than half a minute."""
    known: list[Cost] = []

    def measure() -> Cost:
        if not known or known[0].wall < 30:
            known[:] = [call()]
        return replace(known[0])

    return measure


def ways(
    server: Server, case: Case, k: int, sources: int, ids: tuple[int, int]
) -> Mapping[str, Callable[[], Cost]]:
    """Return all ways of a case, ours first."""
    params = {
        "source_dataset_id": ids[0],
        "target_dataset_id": ids[1],
        "limit": k,
        "max_distance": case.reach,
    }
    cast = "::geography" if case.name == "degrees" else ""
    tutorial = TUTORIAL.format(cast=cast, reach=case.reach, k=k)

    def peer(call: Callable[[Connection], int]) -> Cost:
        cost = server.run_peer(call)
        server.execute("DROP TABLE IF EXISTS peer, pairs")
        return cost

    peers: dict[str, Callable[[Connection], int]] = {}
    if case.name != "degrees":
        peers["geopandas" if k == 1 else "cKDTree"] = (in_geopandas if k == 1 else in_scipy)(case, k)
        if duck.is_there() and sources <= DUCK_MOST:
            peers["duckdb"] = in_duck(case, k)
    return {
        "ours": lambda: server.run_job("nearest", params),
        "floor": server.run_floor,
        "tutorial": once_if_long(lambda: server.run_sql("tutorial", tutorial)),
        **{name: once_if_long(partial(peer, call)) for name, call in peers.items()},
    }


def check_degrees(server: Server) -> dict[str, dict[str, int]]:
    """Count wrong rows of 10,000 sources in metres: among near targets, and all over the Earth.

    What an index that orders by the sphere finds is counted too, which shows that the count can fail.
    """
    wrong: dict[str, dict[str, int]] = {}
    for name, shape, each in (("near", DEGREES, 10), ("all over the Earth", WORLD, 1)):
        case = Case("degrees", shape, shape, each, 100, 0, (1,))
        source, target = make_data(server, case, CHECKED)
        server.run_job("nearest", {"source_dataset_id": source, "target_dataset_id": target})
        wrong[name] = count_wrong(server.connection, server.made[-1])
        server.execute(BY_SPHERE)
        wrong[f"{name}, by the sphere"] = count_wrong(server.connection, "by_sphere")
        print(f"degrees, {name}: {wrong}", flush=True)
        server.execute("DROP TABLE by_sphere")
        server.drop_made()
        drop_data(server)
    return wrong


def drop_data(server: Server) -> None:
    """Remove both tables and their datasets."""
    server.execute("DROP TABLE sources, targets", "DELETE FROM geocrew.datasets")


def main() -> None:
    """Run all cases and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with served() as server:
        in_metres = check_degrees(server)
        for sources in arguments.sources:
            for case in CASES:
                ids = make_data(server, case, sources)
                for k in case.limits:
                    name = f"{case.name}, k={k}"
                    figures += compare(
                        name, sources, ways(server, case, k, sources, ids), arguments.repeats
                    )
                    server.drop_made()
                drop_data(server)
                more = {"left_out": LEFT_OUT, "in_metres": in_metres}
                write(RESULT, figures, arguments.repeats, *PACKAGES, **more)


if __name__ == "__main__":
    main()
