"""How long a watcher of a job sees nothing change: the longest standstill of each step.

A session of its own reads percent and step of the running job ten times a second. A standstill is the
time between two changes of either; a job moves "once a second" where none is longer. Steps that
PostgreSQL, or GEOS, does in one call stand out.

    python -m benchmarks.standstill [--rows 1000000] [--only nearest]
"""

import argparse
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks import dissolve, nearest, overlay, raster_clip, statistics, timeseries
from benchmarks.measure import describe_machine
from benchmarks.ratios import kept
from benchmarks.server import Server, finish, served

from geocrew.datasets.importer import import_file
from geocrew.db import Connection, connect

RESULT = Path(__file__).parent / "results" / "standstill.json"
KNN = {"value_field": "value", "neighbor_type": "knn", "k_neighbors": 8}
POINTS = nearest.Case("points", nearest.POINT, nearest.POINT, 1, 100, 500, (1,))
LAKES = next(each for each in nearest.CASES if each.name == "lakes")
LOOK_SECONDS = 0.1

Made = tuple[str, dict[str, Any]]
Fill = Callable[[Server, int, Path], Made]


@dataclass(frozen=True)
class Standstills:
    """One job: wall clock, changes seen, and the longest standstill of each step, seconds."""

    case: str
    rows_in: int
    wall: float
    changes: int
    longest: dict[str, float]


@dataclass(frozen=True)
class Job:
    """A job to be watched: `fill` makes its data and returns its type and parameters.

    Polygons of 64 vertices cost what so many points do: there are `fewer` times fewer of them.
    """

    name: str
    fill: Fill
    fewer: int = 1


def points_job(job_type: str, **params: Any) -> Fill:
    """Make a job over random points."""

    def fill(server: Server, rows: int, _directory: Path) -> Made:
        return job_type, params | {"dataset_id": statistics.fill(server, rows)}

    return fill


def squares_job(server: Server, rows: int, _directory: Path) -> Made:
    """Make the hot spots of a square of squares, which are neighbours where they touch."""
    server.execute(statistics.SQUARES.format(side=round(rows**0.5)), *finish("squares"))
    params = {"dataset_id": server.register("squares"), "value_field": "value"}
    return "hotspot_analysis", params | {"neighbor_type": "queen"}


def raster_job(server: Server, rows: int, directory: Path) -> Made:
    """Make the clip of a raster of a hundred cells for each row to a star."""
    side = round((rows * 100) ** 0.5)
    raster_clip.make_raster(directory / "terrain.tif", side, 1)
    raster = import_file(server.connection, directory / "terrain.tif", raster_dir=directory / "rasters")
    return "raster_clip", {
        "raster_dataset_id": raster.id,
        "clip_geometry": raster_clip.make_star(side),
    }


def nearest_job(case: nearest.Case) -> Fill:
    """Make the nearest of a benchmark's targets to as many points as there are rows."""

    def fill(server: Server, rows: int, _directory: Path) -> Made:
        source, target = nearest.make_data(server, case, rows)
        return "nearest", {"source_dataset_id": source, "target_dataset_id": target}

    return fill


def overlay_job(job_type: str, cut: str, mask: str) -> Fill:
    """Make a job that cuts parcels by blobs."""

    def fill(server: Server, rows: int, _directory: Path) -> Made:
        parcels = overlay.load(server, "parcels", overlay.make_parcels(rows), "MultiPolygon")
        blobs = overlay.make_blobs(rows // 20, 64, 0.05, 5)
        lakes = overlay.load(server, "lakes", blobs, "MultiPolygon")
        return job_type, {cut: parcels, mask: lakes}

    return fill


def dissolve_job(server: Server, rows: int, _directory: Path) -> Made:
    """Make a job that dissolves parcels into 484 regions."""
    dataset = dissolve.load(server, round(rows**0.5))
    return "dissolve", {
        "source_dataset_id": dataset,
        "dissolve_mode": "field",
        "dissolve_field": "region",
    }


def periods_job(server: Server, rows: int, _directory: Path) -> Made:
    """Make a job over points seen in several periods."""
    places = rows // timeseries.PERIODS
    made = timeseries.POINTS.format(places=places, periods=timeseries.PERIODS)
    server.execute("SELECT setseed(0.5)", made, *finish("points"))
    return "hotspot_timeseries", timeseries.PARAMS | {"dataset_id": server.register("points")}


def stored(fill: Fill) -> Fill:
    """Make a job whose output is a materialized view."""

    def fill_stored(server: Server, rows: int, directory: Path) -> Made:
        job_type, params = fill(server, rows, directory)
        return job_type, params | {"output_mode": "materialized_view"}

    return fill_stored


JOBS = (
    Job("hot spots", points_job("hotspot_analysis", **KNN)),
    Job("hot spots, stored view", stored(points_job("hotspot_analysis", **KNN))),
    Job("outliers", points_job("outlier_analysis", value_field="value")),
    Job("local Moran", points_job("outlier_analysis", method="local_moran", **KNN)),
    Job("time series", periods_job),
    Job("time series, stored view", stored(periods_job), 10),
    Job("hot spots, queen", squares_job),
    Job("hot spots, queen, stored view", stored(squares_job), 10),
    Job("nearest", nearest_job(POINTS)),
    Job("nearest polygons", nearest_job(LAKES)),
    Job("clip", overlay_job("clip", "dataset_id", "clip_dataset_id"), 10),
    Job("erase", overlay_job("erase_analysis", "input_dataset_id", "erase_dataset_id"), 10),
    Job("dissolve", dissolve_job, 10),
    Job("raster clip", raster_job),
)


def watch(server: Server, job_type: str, params: dict[str, Any]) -> list[tuple[float, int, str | None]]:
    """Run a job; return when a watcher saw which percent and step, seconds from the first."""
    seen: list[tuple[float, int, str | None]] = []
    over = threading.Event()

    def look(connection: Connection) -> None:
        began = perf_counter()
        while not over.wait(LOOK_SECONDS):
            row = connection.execute(
                "SELECT progress, progress_message FROM background_jobs WHERE status = 'running'"
            ).fetchone()
            if row is not None and (not seen or row != seen[-1][1:]):
                seen.append((perf_counter() - began, *row))
        seen.append((perf_counter() - began, 100, "completed"))

    # Opened before the job, whose costs end when all sessions are gone that were not there before.
    with connect(server.url, "watcher") as connection:
        watcher = threading.Thread(target=look, args=(connection,))
        watcher.start()
        try:
            server.run_job(job_type, params)
        finally:
            over.set()
            watcher.join()
    return seen


def longest_by_step(seen: list[tuple[float, int, str | None]]) -> Iterator[tuple[str, float]]:
    """Yield each step with the longest time that nothing changed in it."""
    spans: dict[str, float] = {}
    for (began, _, step), (ended, _, _) in pairwise(seen):
        spans[step or "starting"] = max(spans.get(step or "starting", 0.0), ended - began)
    yield from ((step, round(seconds, 2)) for step, seconds in spans.items())


def measure(job: Job, rows: int) -> Standstills:
    """Watch one job on a server of its own."""
    rows //= job.fewer
    with TemporaryDirectory(prefix="geocrew-benchmark-") as name, served(Path(name)) as server:
        seen = watch(server, *job.fill(server, rows, Path(name)))
    found = Standstills(
        job.name, rows, round(seen[-1][0] - seen[0][0], 2), len(seen), dict(longest_by_step(seen))
    )
    print(found, flush=True)
    return found


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--only", nargs="+", choices=[each.name for each in JOBS])
    arguments = parser.parse_args()
    found = [
        measure(job, rows)
        for rows in arguments.rows
        for job in JOBS
        if arguments.only is None or job.name in arguments.only
    ]
    result = {
        "machine": asdict(describe_machine("psycopg")),
        "jobs": [*kept(RESULT, "jobs", found), *(asdict(each) for each in found)],
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
