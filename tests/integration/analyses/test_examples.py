"""The worked examples of the documentation come out as printed, and their pictures are there."""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from tests.examples import PAGES, read_example, run_example
from tests.run_analysis import Row, Run

from geocrew import analyses
from geocrew.datasets.build import Staged
from geocrew.db import Connection, connect

if TYPE_CHECKING:
    from tests.cluster import Cluster

JOB_TYPES = sorted(analyses.load())


@pytest.fixture
def demo_database(cluster: Cluster, demo_template: str) -> Iterator[Connection]:
    """A session in a database of the test's own with the demo data."""
    name = f"example_{uuid4().hex[:12]}"
    with connect(cluster.create_database(name, demo_template), "example") as opened:
        yield opened
    cluster.drop_database(name)


def extremes(run: Run, score: str) -> tuple[Row, Row]:
    """The rows of the highest and of the lowest score."""
    rows = sorted((row for row in run.rows() if row[score] is not None), key=lambda row: row[score])
    return rows[-1], rows[0]


def printed(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def hottest(run: Run) -> Iterator[str]:
    hot, cold = extremes(run, "gi_z")
    yield (
        f"The hottest county is {hot['name']}, {hot['state']} (rate {hot['unemployment_rate']},"
        f" z {printed(hot['gi_z'])}); the coldest is {cold['name']}, {cold['state']}"
        f" (rate {cold['unemployment_rate']}, z {printed(cold['gi_z'])})"
    )


def most_unlike(run: Run) -> Iterator[str]:
    high, low = extremes(run, "outlier_score")
    assert not low["is_outlier"]
    yield (
        f"{high['name']}, {high['state']}, stands out most (rate {high['unemployment_rate']},"
        f" score {printed(high['outlier_score'])})"
    )
    yield (
        f"the lowest is {low['name']}, {low['state']} (rate {low['unemployment_rate']},"
        f" score {printed(low['outlier_score'])})"
    )


def patterns(run: Run) -> Iterator[str]:
    trends = {row["state"]: row["trend_z"] for row in run.rows()}
    members: dict[str, list[str]] = {}
    for state, pattern in sorted({(row["state"], row["pattern"]) for row in run.rows()}):
        members.setdefault(pattern, []).append(state)
    (rising,) = members["intensifying hot"]
    *others, last = members["diminishing cold"]
    yield (
        f"{' and '.join(members['persistent hot'])} are persistent hot spots and {rising} is an"
        f" intensifying one (trend_z {printed(trends[rising])}); {', '.join(others)} and {last} are"
        " diminishing cold spots"
    )
    yield f"For {len(members['none'])} states there is no pattern"


def busiest_pumps(run: Run) -> Iterator[str]:
    deaths: Counter[int] = Counter()
    for row in run.rows():
        deaths[row["target_id"]] += row["deaths"]
    (first, most), (second, fewer) = deaths.most_common(2)
    yield (
        f"The pump with `target_id` {first} is the nearest to {most} of the {deaths.total()} deaths"
        f" (sum of `deaths`); the next, {second}, to {fewer}."
    )


def states(run: Run) -> Iterator[str]:
    found = {row["state"]: row for row in run.rows()}
    most, least = found["CA"], found["ND"]
    yield (
        f"California's {most['feature_count']} counties have {most['unemployed_sum']} unemployed;"
        f" the median of their rates is {most['unemployment_rate_median']:g}, the highest"
        f" {most['unemployment_rate_max']:g}. North Dakota's {least['feature_count']} have"
        f" {least['unemployed_sum']}, median {least['unemployment_rate_median']:g}, highest"
        f" {least['unemployment_rate_max']:g}."
    )


def erased(run: Run) -> Iterator[str]:
    yield f"All {run.counts['n_erased']} counties of Colorado vanish"


def come_in(run: Run) -> Iterator[str]:
    yield f"{len(run.rows()) - run.counts['rows_before']} counties of Texas have come in."


# What the text says beyond the JSON, made anew from the rows.
SAID: dict[str, Callable[[Run], Iterator[str]]] = {
    "hotspot_analysis": hottest,
    "outlier_analysis": most_unlike,
    "hotspot_timeseries": patterns,
    "nearest": busiest_pumps,
    "dissolve": states,
    "erase_analysis": erased,
    "refresh_view": come_in,
}


def assert_steps_are_told(run: Run) -> None:
    """Progress only grows, and all that PostgreSQL does in the end has a name."""
    shares = [round(share, 9) for share, _ in run.context.steps]
    assert shares == sorted(shares)
    staged, steps = run.product.staged, [step for _, step in run.context.steps]
    stored = isinstance(staged, Staged) and staged.kind != "view"
    if isinstance(staged, Staged) and staged.kind == "table":
        assert "writing" in steps
    ends = ["numbering the rows", "making the spatial index", "gathering statistics"]
    assert [step for step in steps if step in ends] == ends * stored


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_example(demo_database: Connection, demo_rasters: Path, job_type: str) -> None:
    example = read_example(job_type)
    done = run_example(demo_database, example, demo_rasters)
    runs = [run for params, run in done if params == example.params]
    assert runs, f"no command has the parameters {example.params}"
    found = told(runs[-1])
    assert {name: found[name] for name in example.result} == approximately(example.result)
    for sentence in SAID[job_type](runs[-1]) if job_type in SAID else []:
        assert sentence in example.words
    for _, run in done:
        assert_steps_are_told(run)


def test_the_view_in_sql_is_the_view_of_the_builder(
    demo_database: Connection, demo_rasters: Path
) -> None:
    (_, built), (_, written) = run_example(demo_database, read_example("create_view"), demo_rasters)
    assert built.rows() == written.rows()


def told(run: Run) -> dict[str, Any]:
    """The job's result, without what every result has and no page prints."""
    dataset = run.dataset
    own = {"dataset_id": dataset.id, "row_count": dataset.row_count, "srid": dataset.srid}
    return own | {"bbox": dataset.bbox} | run.counts


def approximately(value: Any) -> Any:
    """Numbers of a computer with another libm differ in the last digits."""
    if isinstance(value, dict):
        return {name: approximately(each) for name, each in value.items()}
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_picture(job_type: str) -> None:
    path = PAGES / "pictures" / f"{job_type}.svg"
    assert f"](pictures/{job_type}.svg)" in read_example(job_type).words
    assert path.stat().st_size <= 150_000
    picture = ET.fromstring(path.read_bytes())  # noqa: S314 (a file of ours)
    assert [each.tag.rpartition("}")[2] for each in picture][:2] == ["title", "desc"]
    assert "width" in picture.attrib


def test_every_picture_is_of_a_page() -> None:
    assert sorted(path.stem for path in (PAGES / "pictures").iterdir()) == sorted(JOB_TYPES)


def test_no_job_compiles_what_a_worker_could_have_had(
    demo_database: Connection, demo_rasters: Path
) -> None:
    """In a process of its own: here any test may have compiled anything."""
    program = [sys.executable, "-m", "tests.compiled_late", demo_database.info.dsn, str(demo_rasters)]
    found = subprocess.run(program, check=True, capture_output=True, text=True)
    assert found.stdout == ""
