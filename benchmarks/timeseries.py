"""Hot spot time series, claimed to completed, against the same in PostgreSQL alone; and its trend.

One run makes a private PostGIS with a real worker and seeded points in twelve months. The naive way is
our own materialized view, in which one SELECT computes every number; ten times the smallest size took it
two minutes, so the larger ones go without. The trend kernel meets pymannkendall on the same series.

    python -m benchmarks.timeseries [--large] [--repeats 3]
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymannkendall
from benchmarks.ratios import Figure, compare, write
from benchmarks.server import Cost, Server, finish, served

from geocrew.db import Connection
from geocrew.kernels.mann_kendall import mann_kendall

RESULT = Path(__file__).parent / "results" / "timeseries.json"
PERIODS = 12
VIEW_ROWS = 12_000
SERIES = 2_000
PARAMS = {
    "value_field": "value",
    "time_field": "seen",
    "time_step": "month",
    "location_field": "spot",
    "neighbor_type": "knn",
    "k_neighbors": 8,
}
POINTS = (
    "CREATE TABLE points AS SELECT p.i * {periods} + t AS id, p.i AS spot,"
    " date '2020-01-15' + t * 30 AS seen, exp(random() + x / 100 * t) AS value,"
    " ST_Point(x, y, 27700)::geometry(Point, 27700) AS geom"
    " FROM (SELECT i, 100 * random() AS x, 100 * random() AS y"
    " FROM generate_series(1, {places}) AS i) AS p"
    " CROSS JOIN generate_series(0, {periods} - 1) AS t"
)


def compare_jobs(server: Server, rows: int, repeats: int) -> list[Figure]:
    """Run the whole job at one size."""
    made = POINTS.format(places=rows // PERIODS, periods=PERIODS)
    server.execute("SELECT setseed(0.5)", made, *finish("points"))
    params = PARAMS | {"dataset_id": server.register("points")}

    def view() -> Cost:
        cost = server.run_job("hotspot_timeseries", params | {"output_mode": "materialized_view"})
        server.drop_view()
        return cost

    ways: dict[str, Callable[[], Cost]] = {
        "ours": lambda: server.run_job("hotspot_timeseries", params),
        "floor": server.run_floor,
    }
    if rows <= VIEW_ROWS:
        ways["one SELECT"] = view
    figures = compare("time series", rows, ways, repeats)
    server.drop_made()
    server.execute("DROP TABLE points", "DELETE FROM geocrew.datasets WHERE table_name = 'points'")
    return figures


def compare_trends(server: Server, repeats: int) -> list[Figure]:
    """Run the trend of the same series by our kernel, a thousand times over, and by pymannkendall."""
    series = np.random.default_rng(3).normal(size=(SERIES, PERIODS))
    offsets = np.arange(0, series.size + 1, PERIODS)

    def ours(_connection: Connection) -> int:
        for _ in range(1000):
            mann_kendall(series.ravel(), offsets)
        return SERIES

    def theirs(_connection: Connection) -> int:
        return len([pymannkendall.original_test(one) for one in series])

    mann_kendall(series.ravel(), offsets)  # compiled before it is measured
    ways = {
        "ours, 1,000 times": lambda: server.run_peer(ours),
        "pymannkendall": lambda: server.run_peer(theirs),
    }
    return compare("trend kernel", SERIES, ways, repeats)


def main() -> None:
    """Run the comparison and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="1.2 million rows too")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    sizes = [VIEW_ROWS, 120_000, *([1_200_000] if arguments.large else [])]
    with served() as server:
        figures = [each for rows in sizes for each in compare_jobs(server, rows, arguments.repeats)]
        figures += compare_trends(server, arguments.repeats)
    write(RESULT, figures, arguments.repeats, "numpy", "numba", "pymannkendall", periods=PERIODS)


if __name__ == "__main__":
    main()
