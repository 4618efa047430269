"""Laws that every analysis keeps, whatever the order of rows, the place of the layer, and its shapes."""

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.analyses.compare import same
from tests.integration.analyses.every import BALANCE, Case, add_layer, bits, boxes, every, quads
from tests.run_analysis import Row

from geocrew.db import Connection

quick = settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("mode", ["static", "view"])
@every
def test_the_order_of_rows_changes_no_bit(connection: Connection, case: Case, mode: str) -> None:
    """Of both datasets; with twins, which are equally near and whose ids decide."""

    @quick
    @given(st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
    def check(seed: int, random: Any) -> None:
        features, others = quads(seed, 30), quads(seed + 1, 8)
        found = []
        for shuffled in (False, True):
            orders = [list(range(len(each))) for each in (features, others)]
            for order in orders:
                if shuffled:
                    random.shuffle(order)
            source = add_layer(connection, features, "features", order=orders[0])
            other = add_layer(connection, others, "others", order=orders[1])
            run = case.run(connection, source, other, output_mode=mode)
            found.append((bits(run), run.counts, run.dataset.bbox))
        assert found[0] == found[1]
        assert len(found[0][0]) > 1

    check()


@every
def test_a_moved_layer_gives_the_same_numbers_and_moved_shapes(
    connection: Connection, case: Case
) -> None:
    """By a power of two, so that no coordinate is rounded."""

    @quick
    @given(st.integers(0, 2**32 - 1), st.sampled_from([(2.0**19, -(2.0**18)), (-(2.0**20), 2.0**16)]))
    def check(seed: int, by: tuple[float, float]) -> None:
        found = []
        for shift in ((0.0, 0.0), by):
            moved = [
                [shapely.transform(each, lambda xy, shift=shift: xy + shift) for each in boxes(*drawn)]
                for drawn in ((seed, 30), (seed + 1, 8))
            ]
            source = add_layer(connection, moved[0], "features")
            run = case.run(connection, source, add_layer(connection, moved[1], "others"))
            rows = bits(run)
            shapes = [shapely.from_wkb(row["geom"]) for row in rows]
            back = [
                each and shapely.normalize(shapely.transform(each, lambda xy, shift=shift: xy - shift))
                for each in shapes
            ]
            found.append(([row | {"geom": None} for row in rows], back))
        (before, shapes_before), (after, shapes_after) = found
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert all(same(one[name], other[name]) for name in one), (one, other)
        for one, other in zip(shapes_before, shapes_after, strict=True):
            assert one is other is None or shapely.equals_exact(one, other, 1e-9)

    check()


# What is wrong, or only unusual, with shapes that PostGIS stores.
ODD = {
    "bow-tie": "POLYGON((20 0, 22 2, 22 0, 20 2, 20 0))",
    "spike": "POLYGON((23 0, 23 1, 24 1, 24 0, 29 0, 24 0, 23 0))",
    "duplicate points": "POLYGON((30 0, 30 0, 30 1, 31 1, 31 1, 31 1, 31 0, 30 0))",
    "nested shells": (
        "MULTIPOLYGON(((33 0, 37 0, 37 4, 33 4, 33 0)), ((34 1, 36 1, 36 3, 34 3, 34 1)))"
    ),
    "hole in a hole": (
        "POLYGON((40 0, 44 0, 44 4, 40 4, 40 0), (41 1, 43 1, 43 3, 41 3, 41 1),"
        " (41.5 1.5, 42.5 1.5, 42.5 2.5, 41.5 2.5, 41.5 1.5))"
    ),
    "ring that touches itself": "POLYGON((45 0, 49 0, 49 4, 47 0, 46 2, 47 0, 45 4, 45 0))",
    "hole as a bight": "POLYGON((50 0, 54 0, 54 4, 52 4, 51 2, 53 2, 52 4, 50 4, 50 0))",
    "hole that touches": "POLYGON((55 0, 59 0, 59 4, 55 4, 55 0), (55 2, 57 1, 57 3, 55 2))",
    "overlapping parts": (
        "MULTIPOLYGON(((60 0, 62 0, 62 2, 60 2, 60 0)), ((61 1, 63 1, 63 3, 61 3, 61 1)))"
    ),
    "edge in common": "MULTIPOLYGON(((64 0, 65 0, 65 1, 64 0)), ((65 0, 66 0, 65 1, 65 0)))",
    "turned the other way": "POLYGON((67 0, 68 0, 68 1, 67 1, 67 0))",
}


def finite(row: Row) -> bool:
    return all(math.isfinite(each) for each in row.values() if isinstance(each, float))


@pytest.mark.parametrize("srid", [27700, 0])
@pytest.mark.parametrize("mode", ["static", "view"])
@every
def test_outputs_are_valid_of_the_dimension_finite_and_in_the_srid(
    connection: Connection, case: Case, mode: str, srid: int
) -> None:
    given_shapes = [
        *(shapely.box(2 * i, 0, 2 * i + 1, 1) for i in range(6)),
        *map(shapely.from_wkt, ODD.values()),
    ]
    expected = shapely.make_valid(given_shapes, method="structure", keep_collapsed=False)
    source = add_layer(connection, given_shapes, "features", srid=srid)
    mask = shapely.box(-5, -5, 99, 99) if case.job_type == "clip" else shapely.box(200, 0, 201, 1)
    other = add_layer(connection, [mask], "others", srid=srid)
    run = case.run(connection, source, other, output_mode=mode)
    rows, lines = bits(run), case.params.get("geometry") == "line"
    assert rows
    assert all(finite(row) for row in rows)
    multi = "MultiLineString" if lines else "MultiPolygon"
    assert run.types()["geom"] == (f"geometry({multi},{srid})" if srid else f"geometry({multi})")
    shapes = [shapely.from_wkb(row["geom"]) for row in rows]
    assert all(shapely.is_valid(shapes))
    assert {shapely.get_srid(each) for each in shapes} == {srid}
    assert {shapely.get_dimensions(each) for each in shapes} == {1 if lines else 2}
    assert np.isfinite(shapely.get_coordinates(shapes)).all()
    assert run.counts["rows_in"] == len(given_shapes) == sum(run.counts[name] for name in BALANCE)
    assert run.counts["n_repaired"] == sum(not each for each in shapely.is_valid(given_shapes))
    if case.job_type == "dissolve":
        parts = [shapely.union_all(expected[part::3]).area for part in range(3)]
        assert shapely.area(shapes).tolist() == pytest.approx(parts)
    elif not lines:
        areas = {row["source_id"]: shape.area for row, shape in zip(rows, shapes, strict=True)}
        assert areas == pytest.approx(dict(enumerate(shapely.area(expected))))
