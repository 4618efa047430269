"""Costs of the hot spot kernel in CPU and memory, against esda with its weights.

One run makes seeded clustered points, and for each size runs kernel and peers in turn, each in a
process of its own, imports and compiling done before the clock starts. Ratios are taken within a
repeat; the median of the repeats is given. A million points are run once.

    python -m benchmarks.hotspot_kernel [--large] [--repeats 3]
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.measure import Cost, describe_machine, measure, run_apart

from geocrew.kernels.arrays import Floats
from geocrew.kernels.band import band_lag
from geocrew.kernels.geodesic import geodesic_band_lag, geodesic_knn_lag
from geocrew.kernels.getis_ord import gi_star
from geocrew.kernels.knn import knn_lag

RESULT = Path(__file__).parent / "results" / "hotspot_kernel.json"
NEIGHBOURS = 8
SPACING = 10.0  # metres, mean
DEGREES = 1 / 111_000
PEERS = {"knn": ("esda_w_knn", "esda_graph_knn"), "band": ("esda_w_band", "esda_graph_band")}


@dataclass(frozen=True)
class Comparison:
    """One way of the kernel against one peer at one size: medians over the repeats."""

    kernel: str
    peer: str
    points: int
    cpu_ratio: float
    memory_ratio: float


@dataclass(frozen=True)
class Figure:
    """Median cost of one way at one size."""

    way: str
    points: int
    cpu: float
    wall: float
    peak_mb: float
    base_mb: float


def make_points(count: int) -> tuple[Floats, Floats]:
    """Make points (n, 2), 70 % in clusters of 350, and lognormal values (n,)."""
    rng = np.random.default_rng(20_240)
    side, clustered = SPACING * np.sqrt(count), int(0.7 * count)
    centres = rng.random((clustered // 350 + 1, 2)) * side
    chosen = centres[rng.integers(0, len(centres), clustered)]
    loose = rng.random((count - clustered, 2)) * side
    points = np.concatenate((chosen + rng.normal(0, 60, (clustered, 2)), loose))
    rng.shuffle(points)
    return points, rng.lognormal(0, 1, count)


def find_radius(points: Floats) -> float:
    """Find the radius with 8 neighbours on average, by bisection on 20 % of it."""
    x, y = points.T.copy()
    low, high = 0.0, 10 * SPACING
    while high - low > 0.01:
        middle = (low + high) / 2
        mean = band_lag(x, y, np.zeros(len(x)), middle).counts.mean()
        low, high = (middle, high) if mean < NEIGHBOURS else (low, middle)
    return high


def kernel_call(way: str, points: Floats, values: Floats, radius: float) -> Callable[[], object]:
    """Make the call of one of our kernels, from columns to z."""
    x, y = points.T.copy()
    lon, lat = 5 + x * DEGREES / np.cos(np.radians(45)), 45 + y * DEGREES
    rank = np.arange(len(x))
    ways: dict[str, Callable[[], object]] = {
        "knn": lambda: gi_star(values, lambda u: knn_lag(x, y, rank, u, NEIGHBOURS)),
        "band": lambda: gi_star(values, lambda u: band_lag(x, y, u, radius)),
        "geodesic_knn": lambda: gi_star(
            values, lambda u: geodesic_knn_lag(lon, lat, rank, u, NEIGHBOURS)
        ),
        "geodesic_band": lambda: gi_star(values, lambda u: geodesic_band_lag(lon, lat, u, radius)),
    }
    return ways[way]


def esda_call(way: str, points: Floats, values: Floats, radius: float) -> Callable[[], object]:
    """Make the call of esda's analytic G_Local, building its weights included."""
    import geopandas as gpd  # noqa: PLC0415 # heavy, and only in a peer's process
    from esda.getisord import G_Local  # noqa: PLC0415 # the same
    from libpysal.graph import Graph  # noqa: PLC0415 # the same
    from libpysal.weights import KNN, DistanceBand  # noqa: PLC0415 # the same

    series = gpd.GeoSeries.from_xy(points[:, 0], points[:, 1])
    weights: dict[str, Callable[[], object]] = {
        "esda_w_knn": lambda: KNN(points, k=NEIGHBOURS, silence_warnings=True),
        "esda_w_band": lambda: DistanceBand(points, radius, binary=True, silence_warnings=True),
        "esda_graph_knn": lambda: Graph.build_knn(series, k=NEIGHBOURS),
        "esda_graph_band": lambda: Graph.build_distance_band(series, radius, binary=True),
    }
    return lambda: G_Local(values, weights[way](), transform="B", star=True, permutations=0)


def run_one(way: str, count: int, radius: float) -> Cost:
    """Measure one way in this process, after a small call that compiles what there is."""
    make = esda_call if way.startswith("esda") else kernel_call
    make(way, *make_points(2000), radius)()
    return measure(make(way, *make_points(count), radius))


def compare(
    count: int, repeats: int, peers: dict[str, tuple[str, ...]]
) -> tuple[list[Figure], list[Comparison]]:
    """Run all ways in turn, `repeats` times."""
    radius = find_radius(make_points(count)[0])
    ways = [*(way for kernel in peers for way in (kernel, *peers[kernel]))]
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            costs[way].append(
                run_apart("benchmarks.hotspot_kernel", "--one", way, str(count), str(radius))
            )
            print(way, count, costs[way][-1], file=sys.stderr)
    figures = [summarise(way, count, costs[way]) for way in ways]
    pairs = [(kernel, peer) for kernel in peers for peer in peers[kernel]]
    return figures, [
        Comparison(
            kernel,
            peer,
            count,
            median(b.cpu / a.cpu for a, b in zip(costs[kernel], costs[peer], strict=True)),
            median(b.peak_mb / a.peak_mb for a, b in zip(costs[kernel], costs[peer], strict=True)),
        )
        for kernel, peer in pairs
    ]


def summarise(way: str, count: int, costs: list[Cost]) -> Figure:
    """Take the median of each cost."""
    return Figure(
        way,
        count,
        median(cost.cpu for cost in costs),
        median(cost.wall for cost in costs),
        median(cost.peak_mb for cost in costs),
        median(cost.base_mb for cost in costs),
    )


def main() -> None:
    """Run the comparison and write the result, or one measurement for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="a million points too")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=3, metavar=("WAY", "POINTS", "RADIUS"))
    arguments = parser.parse_args()
    if arguments.one:
        way, count, radius = arguments.one
        print(json.dumps(asdict(run_one(way, int(count), float(radius)))))
        return
    figures: list[Figure] = []
    comparisons: list[Comparison] = []
    alone: dict[str, tuple[str, ...]] = {"geodesic_knn": (), "geodesic_band": ()}
    sizes = {10_000: arguments.repeats, 100_000: arguments.repeats}
    for count, repeats in (sizes | ({1_000_000: 1} if arguments.large else {})).items():
        more = compare(count, repeats, PEERS | alone)
        figures, comparisons = figures + more[0], comparisons + more[1]
    machine = describe_machine("numpy", "numba", "scipy", "pyproj", "esda", "libpysal")
    result = {
        "machine": asdict(machine),
        "repeats": arguments.repeats,
        "neighbours": NEIGHBOURS,
        "comparisons": [asdict(comparison) for comparison in comparisons],
        "figures": [asdict(figure) for figure in figures],
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["comparisons"], indent=1))


if __name__ == "__main__":
    main()
