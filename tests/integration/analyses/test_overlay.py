"""What clip and erase have in common: oracles, laws of sets, modes, how the work is done."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.overlay_cases import (
    BALANCE,
    BOTH,
    KINDS,
    add,
    apart,
    assert_right,
    blobs,
    clip,
    erase,
    measured,
    quick,
    seeds,
    shapes_of,
    stored,
    wkb_of,
)

from geocrew.analyses.parts import overlay as overlay_module
from geocrew.analyses.parts import overlay_cut, overlay_mask
from geocrew.analyses.parts.overlay_ladder import Verdict, overlay_one
from geocrew.db import Connection
from geocrew.kernels.ring_overlay import Pieces


@pytest.mark.parametrize("kind", KINDS)
def test_oracle_and_laws_of_sets(connection: Connection, kind: str) -> None:
    @quick
    @given(seeds, st.integers(0, 25), st.integers(0, 12))
    def check(seed: int, count: int, mask_count: int) -> None:
        dataset = add(connection, KINDS[kind](seed, count), "features")
        mask = add(connection, blobs(seed + 1, mask_count, radius=2.5), "masks")
        features, masks = stored(connection, "features"), stored(connection, "masks")
        clipped, erased = clip(connection, dataset, mask), erase(connection, dataset, mask)
        assert_right(clipped, count)
        assert_right(erased, count)
        union = shapely.union_all(masks)
        inside, outside = shapes_of(clipped), shapes_of(erased)
        nothing = shapely.Polygon()
        for number, shape in enumerate(features):
            for found, expected in (
                (inside.get(number, nothing), shapely.intersection(shape, union)),
                (outside.get(number, nothing), shapely.difference(shape, union)),
            ):
                if expected.is_empty or shapely.get_dimensions(expected) < shapely.get_dimensions(shape):
                    assert measured(found) < 1e-9
                else:
                    assert apart(found, expected) < 1e-9
            total = measured(inside.get(number, nothing)) + measured(outside.get(number, nothing))
            assert total == pytest.approx(measured(shape), rel=1e-9)

    check()


@pytest.mark.parametrize("kind", KINDS)
@BOTH
def test_modes_agree(connection: Connection, kind: str, operation: Any) -> None:
    @quick
    @given(seeds)
    def check(seed: int) -> None:
        dataset = add(connection, KINDS[kind](seed, 12), "features")
        mask = add(connection, blobs(seed + 1, 5, radius=3), "masks")
        static = operation(connection, dataset, mask)
        expected = shapes_of(static)
        for mode in ("view", "materialized_view"):
            other = operation(connection, dataset, mask, output_mode=mode)
            assert (other.dataset.kind, other.types()) == (mode, static.types())
            assert other.dataset.row_count == len(expected)
            assert other.counts | {"notes": []} == static.counts
            found = shapes_of(other)
            assert list(found) == list(expected)
            assert all(apart(found[key], expected[key]) < 1e-9 for key in found)

    check()


@BOTH
def test_order_of_rows_changes_no_bit(connection: Connection, operation: Any) -> None:
    features, masks = blobs(5, 200), blobs(6, 40)
    results = []
    for order in (range(200), np.random.default_rng(1).permutation(200).tolist()):
        dataset = add_table(connection, [(i, 1.0, features[i].wkt) for i in order], table="features")
        shuffled = masks if isinstance(order, range) else masks[::-1]
        results.append(wkb_of(operation(connection, dataset, add(connection, shuffled, "masks"))))
    assert results[0] == results[1]
    assert len(results[0]) > 50


@BOTH
def test_a_moved_layer_gives_moved_shapes(connection: Connection, operation: Any) -> None:
    """By a power of two, on coordinates of few bits, so that every difference is exact."""
    rng = np.random.default_rng(3)
    corners = rng.integers(0, 640, (60, 2)) / 64
    boxes = [
        shapely.box(*each, *(each + size))
        for each, size in zip(corners, rng.integers(1, 5, 60), strict=True)
    ]
    found = []
    for shift in (0.0, 2.0**18):
        moved = [shapely.transform(each, lambda xy, by=shift: xy + by) for each in boxes]
        dataset, mask = add(connection, moved[:40], "features"), add(connection, moved[40:], "masks")
        run = operation(connection, dataset, mask)
        back = {k: shapely.transform(v, lambda xy, by=shift: xy - by) for k, v in shapes_of(run).items()}
        found.append((back, {name: run.counts[name] for name in BALANCE}))
    assert found[0][1] == found[1][1]
    assert all(shapely.equals(found[0][0][key], found[1][0][key]) for key in found[0][0])


def test_erase_after_clip_leaves_nothing(connection: Connection) -> None:
    dataset, mask = add(connection, blobs(8, 60), "features"), add(connection, blobs(9, 12), "masks")
    clipped = clip(connection, dataset, mask)
    rest = erase(connection, clipped.dataset.id, mask)
    assert sum(measured(shape) for shape in shapes_of(rest).values()) < 1e-9
    erased = erase(connection, dataset, mask)
    assert sum(measured(s) for s in shapes_of(clip(connection, erased.dataset.id, mask)).values()) < 1e-9


@BOTH
def test_no_vertex_is_invented(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, operation: Any
) -> None:
    """Each vertex of the output is one of the inputs', or on an edge of a feature and one of a mask."""
    # Every mask is cut for every chunk.
    monkeypatch.setattr(overlay_mask, "_SMALL", 4)
    monkeypatch.setattr(overlay_mask, "_WORTH_A_CUT", 4)
    dataset, mask = add(connection, blobs(10, 150), "features"), add(connection, blobs(11, 30), "masks")
    features, masks = stored(connection, "features"), stored(connection, "masks")
    given = {tuple(xy) for xy in shapely.get_coordinates([*features, *masks]).tolist()}
    edges = shapely.union_all(shapely.boundary(masks))
    checked = 0
    for key, shape in shapes_of(operation(connection, dataset, mask)).items():
        for xy in shapely.get_coordinates(shape).tolist():
            if tuple(xy) not in given:
                place = shapely.Point(xy)
                # A crossing of two masks' edges is an end of neither feature's edge.
                assert shapely.distance(edges, place) < 1e-12
                on_feature = shapely.distance(shapely.boundary(features[key]), place) < 1e-12
                crossings = sum(
                    shapely.distance(shapely.boundary(each), place) < 1e-12 for each in masks
                )
                assert on_feature or crossings >= 2
                checked += 1
    assert checked > 50


@BOTH
def test_bit_for_bit_what_is_not_cut(connection: Connection, operation: Any) -> None:
    features = blobs(12, 80)
    dataset = add(connection, features, "features", geometry_type="Geometry")
    expected = connection.execute("SELECT id, ST_AsEWKB(ST_Multi(geom)) FROM features").fetchall()
    whole = shapely.box(-50, -50, 50, 50)
    elsewhere = shapely.box(100, 100, 101, 101)
    mask = add(connection, [whole if operation is clip else elsewhere], "masks")
    run = operation(connection, dataset, mask)
    assert wkb_of(run) == {key: bytes(value) for key, value in expected}
    assert run.counts["n_untouched"] == 80


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
@pytest.mark.parametrize("kind", ["polygons", "outlines", "corners"])
@BOTH
def test_what_one_of_many_overlapping_masks_holds_is_inside(
    connection: Connection, operation: Any, kind: str, mode: str
) -> None:
    """To the edge: the union of the masks has rounded corners, and does not quite hold such rows."""
    masks = [each.geoms[0] if each.geom_type == "MultiPolygon" else each for each in blobs(0, 40)]
    rings = [shapely.get_coordinates(each.exterior) for each in masks[:20]]
    made = {"polygons": masks[:20], "outlines": [shapely.LineString(each) for each in rings]}
    features = made.get(kind) or [shapely.MultiPoint(each) for each in rings]
    dataset = add(connection, features, "features")
    run = operation(connection, dataset, add(connection, masks, "masks"), output_mode=mode)
    assert run.counts["n_cut"] == 0
    assert run.counts["n_untouched"] == (20 if operation is clip else 0)
    query = "SELECT id, ST_AsEWKB(ST_Multi(geom)) FROM features"
    stored_shapes = {key: bytes(value) for key, value in connection.execute(query).fetchall()}
    assert wkb_of(run) == (stored_shapes if operation is clip else {})


@BOTH
def test_what_geos_refuses_at_once_is_cut_row_by_row(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, operation: Any
) -> None:
    dataset, mask = add(connection, blobs(20, 90), "features"), add(connection, blobs(21, 20), "masks")
    expected = wkb_of(operation(connection, dataset, mask))
    refused = []

    def refuse(*_given: Any) -> None:
        refused.append(1)
        raise shapely.GEOSException("TopologyException: side location conflict")

    def give_up(_operation: Any, _wholes: Any, _cutters: Any, rows: Any, *_given: Any) -> Pieces:
        none, one = np.empty(0), np.zeros(1, np.int64)
        return Pieces(
            np.zeros(len(rows), np.int64), none, none, one, one, np.zeros(len(rows) + 1, np.int64)
        )

    monkeypatch.setattr(overlay_cut, "cut_rings", give_up)
    monkeypatch.setattr(overlay_cut, "_cut_plain", refuse)
    run = operation(connection, dataset, mask)
    assert refused
    assert run.counts["n_mended_to_cut"] == 0
    found = shapes_of(run)
    assert list(found) == list(expected)
    assert all(apart(found[key], shapely.from_wkb(expected[key])) < 1e-12 for key in found)


@BOTH
def test_the_ladder(monkeypatch: pytest.MonkeyPatch, operation: Any) -> None:
    """Each rung is reached when the one before raises; past the last, the row has failed."""
    name = "clip" if operation is clip else "erase"
    function = "intersection" if operation is clip else "difference"
    shape, mask = shapely.box(0, 0, 2, 2), shapely.box(1, -1, 3, 3)
    real = getattr(shapely, function)
    for broken in range(5):
        calls: list[float | None] = []

        def refuse(
            one: Any, other: Any, grid_size: float | None, calls: Any = calls, broken: int = broken
        ) -> Any:
            calls.append(grid_size)
            if len(calls) <= broken:
                raise shapely.GEOSException("TopologyException: side location conflict")
            return real(one, other, grid_size=grid_size)

        monkeypatch.setattr(shapely, function, refuse)
        outcome = overlay_one(name, shape, mask)  # type: ignore[arg-type] # a Literal
        if broken == 4:
            assert (outcome.verdict, outcome.shape) == (Verdict.FAILED, None)
            assert calls == [None, None, 2e-9, 2e-7]
        else:
            assert (outcome.verdict, outcome.rung) == (Verdict.CUT, broken)
            assert outcome.shape.area == pytest.approx(2)


@BOTH
def test_progress_is_real(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, operation: Any
) -> None:
    monkeypatch.setattr(overlay_module, "_GROUP_ROWS", 60)
    dataset, mask = add(connection, blobs(30, 300), "features"), add(connection, blobs(31, 20), "masks")
    shares = [share for share, _ in operation(connection, dataset, mask).context.steps]
    assert shares == sorted(shares)
    assert len({share for share in shares if 0.2 < share < 0.8}) >= 4


@BOTH
def test_points_that_are_nowhere_are_counted(connection: Connection, operation: Any) -> None:
    rows = [
        (1, 0.0, "POINT(1 1)"),
        (2, 0.0, "POINT(9 9)"),
        (3, 0.0, "POINT EMPTY"),
        (4, 0.0, "POINT(0 0)"),
    ]
    dataset = add_table(connection, rows, table="features", geometry_type="Point")
    connection.execute(
        "UPDATE features SET geom = ST_SetSRID(ST_MakePoint('NaN', 1), 27700) WHERE id = 4"
    )
    # On the edge is inside.
    mask = add(connection, [shapely.box(1, 0, 5, 5)], "masks")
    for mode in ("static", "view"):
        run = operation(connection, dataset, mask, output_mode=mode)
        assert_right(run, 4)
        assert list(shapes_of(run)) == ([1] if operation is clip else [2])
        assert run.counts["dropped_empty"] == 2
