"""What is erase's own: rows that vanish, the demo's counties without a state, changes under the job."""

from typing import Any, LiteralString

import pytest
import shapely
from tests.integration.analyses.changes import changed_at
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.overlay_cases import (
    add,
    apart,
    assert_right,
    blobs,
    colorado,
    erase,
    shapes_of,
)
from tests.integration.analyses.test_clip import demo_table
from tests.run_analysis import run_analysis

from geocrew import analyses
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, NotFound, SourceChanged

MODES = ("static", "view", "materialized_view")


@pytest.mark.parametrize("mode", MODES)
def test_by_hand(connection: Connection, mode: str) -> None:
    boxes = [shapely.box(x, 0, x + 1, 1) for x in range(5)]
    dataset = add(connection, boxes, "features")
    # Two masks cover box 1 only together; a third makes a hole in box 3.
    masks = [shapely.box(1, -1, 1.5, 2), shapely.box(1.5, -1, 2, 2), shapely.box(3.25, 0.25, 3.75, 0.75)]
    run = erase(connection, dataset, add(connection, masks, "masks"), output_mode=mode)
    assert_right(run, 5)
    assert {key: shape.area for key, shape in shapes_of(run).items()} == {0: 1, 2: 1, 3: 0.75, 4: 1}
    assert (run.counts["n_erased"], run.counts["n_cut"], run.counts["n_untouched"]) == (1, 1, 3)
    assert run.counts["dropped"] == [{"id": 1, "reason": "wholly covered"}]
    assert len(shapely.get_parts(shapes_of(run)[3])[0].interiors) == 1


@pytest.mark.parametrize("mode", MODES)
def test_lines_along_a_border_stay_as_they_are(connection: Connection, mode: str) -> None:
    """A line that shares no interior with the areas is untouched, however far it runs along them."""
    along = shapely.LineString([(0, 0), (1, 0), (3, 0), (3, -1)])
    parts = shapely.MultiLineString([[(1, -2), (1, 0), (2, 0)], [(8, 0), (9, 0)]])
    through = shapely.LineString([(0, 0), (2, 0), (2, 3)])
    dataset = add(connection, [along, parts, through], "features")
    mask = add(connection, [shapely.box(1, 0, 4, 2)], "masks")
    run = erase(connection, dataset, mask, output_mode=mode)
    assert_right(run, 3)
    found = shapes_of(run)
    assert found[0].wkb == shapely.multilinestrings([along]).wkb
    assert found[1].wkb == parts.wkb
    assert shapely.equals(found[2], shapely.from_wkt("MULTILINESTRING((0 0, 1 0), (2 2, 2 3))"))
    assert (run.counts["n_cut"], run.counts["n_untouched"]) == (1, 2)


def test_itself_leaves_nothing(connection: Connection) -> None:
    dataset = add(connection, blobs(2, 40), "features")
    run = erase(connection, dataset, dataset)
    assert sum(shape.area for shape in shapes_of(run).values()) < 1e-12
    assert run.counts["n_erased"] + run.counts["rows_out"] == 40


@pytest.mark.parametrize("missing", ["input_dataset_id", "erase_dataset_id"])
def test_parameters(connection: Connection, missing: str) -> None:
    dataset = add(connection, blobs(2, 3), "features")
    both = {"input_dataset_id": dataset, "erase_dataset_id": dataset}
    with pytest.raises(InvalidParameters, match=f"{missing} is required"):
        analyses.find("erase_analysis").parse({k: v for k, v in both.items() if k != missing})
    with pytest.raises(NotFound, match="dataset 999999 does not exist"):
        run_analysis(connection, "erase_analysis", both | {missing: 999_999})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE features SET value = 9 WHERE id = 3",
        "DELETE FROM features WHERE id = 3",
        "DROP TABLE features",
        "DELETE FROM features WHERE id < 0; VACUUM FULL features",
    ],
)
@pytest.mark.parametrize("step", ["reading", "writing"])
def test_rows_that_change_under_the_job(
    shared_url: str, connection: Connection, step: str, statement: LiteralString
) -> None:
    dataset, mask = add(connection, blobs(2, 20), "features"), add(connection, blobs(3, 5), "masks")
    params = {"input_dataset_id": dataset, "erase_dataset_id": mask}
    change = changed_at(shared_url, connection, step, statement)
    if step == "reading" and "UPDATE" in statement:  # what is read afterwards is one state
        run = run_analysis(connection, "erase_analysis", params, on_progress=change)
        assert 9.0 in run.column("value")
        return
    if step == "reading" and "WHERE id = 3" in statement:
        assert_right(run_analysis(connection, "erase_analysis", params, on_progress=change), 19)
        return
    with pytest.raises(SourceChanged, match=f"dataset {dataset} was changed"):
        run_analysis(connection, "erase_analysis", params, on_progress=change)
    left = "SELECT FROM pg_class WHERE relnamespace = 'geocrew_staging'::regnamespace"
    assert connection.execute(left).rowcount == 0


def test_rows_that_come_later_are_left_to_the_next_job(shared_url: str, connection: Connection) -> None:
    dataset, mask = add(connection, blobs(2, 20), "features"), add(connection, blobs(3, 5), "masks")
    params = {"input_dataset_id": dataset, "erase_dataset_id": mask}
    insert: LiteralString = "INSERT INTO features SELECT id + 100, value, geom FROM features"
    change = changed_at(shared_url, connection, "writing", insert)
    assert_right(run_analysis(connection, "erase_analysis", params, on_progress=change), 20)


def test_a_view_follows_both_tables(connection: Connection) -> None:
    dataset = add(connection, [shapely.box(x, 0, x + 1, 1) for x in range(3)], "features")
    mask = add(connection, [shapely.box(0, 0, 1, 2)], "masks")
    view = erase(connection, dataset, mask, output_mode="view")
    assert sorted(shapes_of(view)) == [1, 2]
    connection.execute("UPDATE masks SET geom = ST_Translate(geom, 1, 0)")
    connection.execute("DELETE FROM features WHERE id = 2")
    assert sorted(shapes_of(view)) == [0]
    (note,) = view.counts["notes"]
    assert "materialized_view" in note


def test_counties_without_a_state(shared: Connection, demo_ids: dict[str, int]) -> None:
    counties = demo_ids["us_counties_2009"]
    mask = colorado(shared, demo_ids)
    params = {"input_dataset_id": counties, "erase_dataset_id": mask}
    runs = [run_analysis(shared, "erase_analysis", {**params, "output_mode": mode}) for mode in MODES]
    assert_right(runs[0], 3142)
    expected = shapes_of(runs[0])
    for run in runs[1:]:
        others = shapes_of(run)
        assert list(others) == list(expected)
        assert all(apart(others[key], expected[key]) < 1e-9 for key in others)
    table = demo_table(shared, counties)
    area = state_shape(shared)
    for key, shape in table.geometry.items():
        left = expected.get(key, shapely.Polygon())
        assert left.area == pytest.approx(shapely.difference(shape, area).area, abs=1e-6 * shape.area)
    assert runs[0].counts["n_erased"] > 30


def state_shape(connection: Connection) -> Any:
    row = connection.execute("SELECT ST_AsBinary(geom) FROM public.colorado").fetchone()
    return shapely.from_wkb(bytes(row[0] if row else b""))


def test_permutation_of_the_masks_changes_nothing(connection: Connection) -> None:
    dataset = add(connection, blobs(2, 40), "features")
    masks = blobs(3, 20)
    rows = [(i, 0.0, each.wkt) for i, each in enumerate(masks)]
    forth = erase(connection, dataset, add_table(connection, rows, table="masks")).rows()
    back = erase(connection, dataset, add_table(connection, rows[::-1], table="masks")).rows()
    assert forth == back
