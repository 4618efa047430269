"""Shapes to cut, what cuts them, and how right a result is: for the tests of clip and erase."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from psycopg import sql
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import Run, run_analysis

from geocrew.datasets import catalog
from geocrew.db import Connection

quick = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BALANCE = ("rows_out", "dropped_outside", "dropped_empty", "dropped_lower_dimension", "failed")
seeds = st.integers(0, 2**32 - 1)


def clip(connection: Connection, dataset: int, mask: int, **params: Any) -> Run:
    return run_analysis(connection, "clip", {"dataset_id": dataset, "clip_dataset_id": mask, **params})


def erase(connection: Connection, dataset: int, mask: int, **params: Any) -> Run:
    given = {"input_dataset_id": dataset, "erase_dataset_id": mask, **params}
    return run_analysis(connection, "erase_analysis", given)


BOTH = pytest.mark.parametrize("operation", [clip, erase])


def wkb_of(run: Run) -> dict[Any, bytes]:
    """Shapes to the bit, by source."""
    query = sql.SQL("SELECT source_id, ST_AsEWKB(geom) FROM {} ORDER BY id").format(run.relation)
    return {key: bytes(wkb) for key, wkb in run.context.connection.execute(query)}


def shapes_of(run: Run) -> dict[Any, Any]:
    return {key: shapely.from_wkb(wkb) for key, wkb in wkb_of(run).items()}


def blobs(seed: int, count: int, span: float = 10.0, radius: float = 1.5) -> list[Any]:
    """Star-shaped polygons, some with a hole, some of two parts."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        angle = np.sort(rng.uniform(0, 2 * np.pi, 12))
        reach = radius * rng.uniform(0.4, 1, 12)
        middle = rng.uniform(0, span, 2)
        ring = middle + np.column_stack((np.cos(angle) * reach, np.sin(angle) * reach))
        shape = shapely.make_valid(shapely.Polygon(ring), method="structure", keep_collapsed=False)
        if number % 3 == 0:
            shape = shapely.difference(shape, shapely.buffer(shapely.centroid(shape), 0.1, quad_segs=3))
        if number % 4 == 0:
            shape = shapely.union(shape, shapely.box(*(middle + 3), *(middle + 3.3)))
        made.append(shape)
    return made


def lines(seed: int, count: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [shapely.LineString(rng.uniform(0, 10, (5, 2))) for _ in range(count)]


def points(seed: int, count: int) -> list[Any]:
    return list(shapely.points(np.random.default_rng(seed).uniform(0, 10, (count, 2))))


def multipoints(seed: int, count: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [shapely.MultiPoint(rng.uniform(0, 10, (4, 2))) for _ in range(count)]


KINDS = {"polygons": blobs, "lines": lines, "points": points, "multipoints": multipoints}


def add(connection: Connection, shapes: list[Any], table: str, **options: Any) -> int:
    rows = [(i, float(i), None if each is None else each.wkt) for i, each in enumerate(shapes)]
    return add_table(connection, rows, table=table, **options)


def measured(shape: Any) -> float:
    """Area, length, or number of points."""
    dimension = shapely.get_dimensions(shape)
    return float(
        (shapely.get_num_coordinates, shapely.length, shapely.area)[dimension](shape)
        if not shape.is_empty
        else 0
    )


def apart(one: Any, other: Any) -> float:
    """How far two shapes are from equal: a share of the area, or a distance."""
    if one.is_empty or other.is_empty:
        return measured(one) + measured(other)
    if shapely.get_dimensions(one) < 2:
        return float(shapely.hausdorff_distance(one, other))
    return measured(shapely.symmetric_difference(one, other)) / max(measured(one), measured(other), 1e-3)


def stored(connection: Connection, table: str) -> list[Any]:
    """The shapes of a table as PostGIS has read them from text."""
    query = sql.SQL("SELECT ST_AsBinary(geom) FROM {} ORDER BY id").format(sql.Identifier(table))
    return [shapely.from_wkb(bytes(row[0])) for row in connection.execute(query)]


def assert_right(run: Run, inputs: int) -> None:
    """The laws of every output: valid, one type in one SRID, counted to the last row."""
    shapes = shapes_of(run)
    assert all(shape.is_valid and not shape.is_empty for shape in shapes.values())
    assert {shapely.get_srid(shape) for shape in shapes.values()} <= {run.dataset.srid}
    counts = run.counts
    assert counts["rows_in"] == inputs == sum(counts[name] for name in BALANCE)
    assert counts["rows_out"] == len(shapes) == counts["n_cut"] + counts["n_untouched"]
    assert len(counts["dropped"]) == min(1000, inputs - len(shapes))
    assert not set(shapes) & {each["id"] for each in counts["dropped"]}


def colorado(connection: Connection, demo_ids: dict[str, int]) -> int:
    """The state as a dataset of its own."""
    found = catalog.get(connection, demo_ids["us_states"])
    connection.execute(
        sql.SQL(
            "DROP TABLE IF EXISTS public.colorado CASCADE;"
            " CREATE TABLE public.colorado AS SELECT * FROM {} WHERE state = 'CO'"
        ).format(sql.Identifier(found.schema_name or "", found.table_name or ""))
    )
    connection.execute("DELETE FROM geocrew.datasets WHERE table_name = 'colorado'")
    return add_dataset(connection, "colorado", schema="public", key=None, srid=found.srid or 0)
