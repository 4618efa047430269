"""Whole statistical jobs, claimed to completed, against esda, libpysal and the tutorial's SQL.

One run makes a private PostGIS with a real worker and seeded points (70 % of them in clusters), and for
each case runs ours, the bare copy of its output (floor) and the peers in turn. A peer reads with
psycopg, computes, writes by COPY and joins; every way ends with key, spatial index and ANALYZE.
`--large` runs a million points instead, `--huge` ten million, ours alone and once; each has a result of
its own, written after each case, in which the cases that are not run again stay.

    python -m benchmarks.statistics [--large | --huge] [--draws] [--repeats 3] [--only outliers …]
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from benchmarks.hotspot_kernel import NEIGHBOURS, find_radius, make_points
from benchmarks.ratios import compare, write
from benchmarks.server import Cost, Server, count, finish, served
from esda.getisord import G_Local
from esda.moran import Moran_Local
from libpysal.graph import Graph

from geocrew.db import Connection

RESULTS = Path(__file__).parent / "results"
LARGE = 1_000_000
HUGE = 10_000_000
HUGE_POINTS = (
    "CREATE TABLE points AS SELECT i AS id, exp(random()) AS value,"
    " ST_Point(random() * 100000, random() * 100000, 27700)::geometry(Point, 27700) AS geom"
    f" FROM generate_series(1, {HUGE}) AS i"
)
SQUARES = (
    "CREATE TABLE squares AS SELECT i AS id, exp(random()) AS value,"
    " ST_MakeEnvelope(i % {side}, i / {side}, i % {side} + 1, i / {side} + 1, 27700)"
    "::geometry(Polygon, 27700) AS geom"
    " FROM generate_series(0, {side} * {side} - 1) AS i"
)
NAIVE = {
    "zscore": "CREATE TABLE naive AS WITH m AS (SELECT avg(value) AS centre, stddev(value) AS scale"
    " FROM points) SELECT s.*, (value - centre) / scale AS outlier_score,"
    " abs(value - centre) / scale > 2 AS is_outlier FROM points AS s, m",
    "mad": "CREATE TABLE naive AS WITH"
    " m AS (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS centre FROM points),"
    " d AS (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(value - centre)) / 0.6745 AS scale"
    " FROM points, m) SELECT s.*, (value - centre) / scale AS outlier_score,"
    " abs(value - centre) / scale > 2 AS is_outlier FROM points AS s, m, d",
}
Weigh = Callable[[gpd.GeoSeries], Graph]
Score = Callable[[Any, Graph], tuple[Any, Any]]


def fill(server: Server, size: int) -> int:
    """Make the points of one size; return their dataset."""
    points, values = make_points(size)
    server.execute("CREATE TABLE points (id int, name text, value float8, geom geometry(Point, 27700))")
    with server.connection.cursor() as cursor, cursor.copy("COPY points FROM STDIN") as copy:
        for number, ((x, y), value) in enumerate(zip(points.tolist(), values.tolist(), strict=True)):
            copy.write_row((number, f"place {number}", value, f"SRID=27700;POINT({x} {y})"))
    server.execute(*finish("points"))
    return server.register("points")


def empty(server: Server, table: str) -> None:
    """Remove a source and its dataset."""
    server.execute(f"DROP TABLE {table}", f"DELETE FROM geocrew.datasets WHERE table_name = '{table}'")


def peer(table: str, weigh: Weigh, score: Score) -> Callable[[Connection], int]:
    """Make a way that reads, weighs, scores and writes as a script does."""

    def call(connection: Connection) -> int:
        rows = connection.execute(
            f"SELECT id, value, ST_AsBinary(geom) FROM {table}".encode(), binary=True
        ).fetchall()
        ids, values, shapes = zip(*rows, strict=True)
        z, p = score(np.array(values), weigh(gpd.GeoSeries(shapely.from_wkb(np.array(shapes, object)))))
        connection.execute(b"CREATE TABLE scores (id int, z float8, p float8)")
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY scores FROM STDIN (FORMAT binary)") as copy,
        ):
            copy.set_types(["int4", "float8", "float8"])
            for row in zip(ids, z.tolist(), p.tolist(), strict=True):
                copy.write_row(row)
        making = f"CREATE TABLE peer AS SELECT s.*, z, p FROM {table} AS s JOIN scores USING (id)"
        for statement in (making, *finish("peer")):
            connection.execute(statement.encode())
        rows_out = count(connection, "peer")
        connection.execute(b"DROP TABLE peer, scores")
        return rows_out

    return call


def gi_star(permutations: int = 0) -> Score:
    """Score as esda does, with as many draws."""

    def score(values: Any, graph: Graph) -> tuple[Any, Any]:
        found = G_Local(
            values, graph, transform="B", star=True, permutations=permutations, keep_simulations=False
        )
        return found.Zs, found.p_sim if permutations else found.p_norm

    return score


def local_moran(values: Any, graph: Graph) -> tuple[Any, Any]:
    """Score as esda does, with the conditional moments."""
    found = Moran_Local(values, graph, transformation="r", permutations=0)
    return (found.Is - found.EIc) / np.sqrt(found.VIc), found.Is


def knn(shapes: gpd.GeoSeries) -> Graph:
    """Weigh the nearest."""
    return Graph.build_knn(shapes, k=NEIGHBOURS)


@dataclass(frozen=True)
class Record:
    """A result that grows: cases whose names have one of the words `only`, if there are any."""

    path: Path
    repeats: int
    only: list[str]

    def chosen(self, case: str) -> bool:
        """Say whether a case is run."""
        return not self.only or any(word in case for word in self.only)

    def run(self, case: str, rows: int, ways: dict[str, Callable[[], Cost]]) -> None:
        """Run a case and write what is known by now."""
        if not self.chosen(case):
            return
        figures = compare(case, rows, ways, self.repeats)
        write(self.path, figures, self.repeats, "numpy", "numba", "esda", "libpysal", "psycopg")


def compare_points(server: Server, size: int, record: Record, draws: bool) -> None:
    """Run every case of points at one size."""
    dataset, radius = fill(server, size), find_radius(make_points(size)[0])
    field = {"dataset_id": dataset, "value_field": "value"}
    nearest = field | {"neighbor_type": "knn", "k_neighbors": NEIGHBOURS}

    def run(case: str, job_type: str, params: dict[str, Any], **peers: Callable[[], Cost]) -> None:
        ways: dict[str, Callable[[], Cost]] = {
            "ours": lambda: server.run_job(job_type, params),
            "floor": server.run_floor,
        }
        record.run(case, size, ways | peers)
        server.drop_made()

    def esda(weigh: Weigh, score: Score) -> Callable[[], Cost]:
        return lambda: server.run_peer(peer("points", weigh, score))

    def band(shapes: gpd.GeoSeries) -> Graph:
        return Graph.build_distance_band(shapes, radius, binary=True)

    run("hotspot knn 8", "hotspot_analysis", nearest, esda=esda(knn, gi_star()))
    run("hotspot band 8", "hotspot_analysis", field | {"distance": radius}, esda=esda(band, gi_star()))
    drawn = {"esda_999": esda(knn, gi_star(999))} if draws and size < 100_000 else {}
    run(
        "hotspot 9999 draws",
        "hotspot_analysis",
        nearest | {"permutations": 9999},
        analytic=lambda: server.run_job("hotspot_analysis", nearest),
        **drawn,
    )
    for method, statement in NAIVE.items():
        naive = {"naive": lambda statement=statement: server.run_sql("naive", statement)}
        run(f"outliers {method}", "outlier_analysis", field | {"method": method}, **naive)
    moran = {} if size > 100_000 else {"esda": esda(knn, local_moran)}
    run("local moran", "outlier_analysis", nearest | {"method": "local_moran"}, **moran)
    empty(server, "points")


def compare_squares(server: Server, side: int, record: Record) -> None:
    """Run queen and rook contiguity on a square of squares."""
    server.execute(SQUARES.format(side=side), *finish("squares"))
    field = {"dataset_id": server.register("squares"), "value_field": "value"}

    def run(rule: str) -> None:
        def weigh(shapes: gpd.GeoSeries) -> Graph:
            return Graph.build_contiguity(shapes, rook=rule == "rook")

        ways: dict[str, Callable[[], Cost]] = {
            "ours": lambda: server.run_job("hotspot_analysis", field | {"neighbor_type": rule}),
            "floor": server.run_floor,
            "libpysal": lambda: server.run_peer(peer("squares", weigh, gi_star())),
        }
        record.run(f"hotspot {rule}", side * side, ways)
        server.drop_made()

    run("queen")
    run("rook")
    empty(server, "squares")


def run_huge(server: Server, record: Record) -> None:
    """Run ten million points once, ours alone."""
    server.execute(HUGE_POINTS, *finish("points"))
    params = {"dataset_id": server.register("points"), "value_field": "value"}
    params |= {"neighbor_type": "knn", "k_neighbors": NEIGHBOURS}
    ways = {"ours": lambda: server.run_job("hotspot_analysis", params), "floor": server.run_floor}
    record.run("hotspot knn 8", HUGE, ways)
    server.drop_made()
    empty(server, "points")


def main() -> None:
    """Run the comparison and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--large", action="store_true", help="a million points instead")
    size.add_argument("--huge", action="store_true", help="ten million points instead, ours alone")
    parser.add_argument(
        "--draws", action="store_true", help="esda's draws too, which compile for minutes"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[], help="words of the cases to run")
    given = parser.parse_args()
    points, values = make_points(500)
    if given.draws:  # compiles, for all that is forked
        gi_star(9)(values, knn(gpd.GeoSeries.from_xy(*points.T)))
    name = "statistics_huge" if given.huge else "statistics_large" if given.large else "statistics"
    record = Record(RESULTS / f"{name}.json", 1 if given.huge else given.repeats, given.only)
    with served() as server:
        if given.huge:
            run_huge(server, record)
            return
        for rows in (LARGE,) if given.large else (10_000, 100_000):
            compare_points(server, rows, record, given.draws)
        for side in () if given.large else (100, 316):
            compare_squares(server, side, record)


if __name__ == "__main__":
    main()
