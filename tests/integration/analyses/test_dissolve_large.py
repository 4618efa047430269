"""Dissolve of much: large shapes, many rows, their order, and shapes that turn out to be invalid."""

from itertools import pairwise
from typing import Any, LiteralString

import numpy as np
import pytest
import shapely
from psycopg import sql
from tests.integration.analyses.layers import add_dataset, add_table
from tests.integration.analyses.test_dissolve import box, dissolve, shapes
from tests.integration.analyses.test_dissolve_oracles import bits, count
from tests.run_analysis import run_analysis

from geocrew.analyses import dissolve as module
from geocrew.analyses.parts import groups_shapes
from geocrew.db import Connection
from geocrew.errors import UserError


def stars(number: int, seed: int) -> list[str]:
    """Polygons whose edges cross at places that float8 cannot hold."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, (number, 9)), axis=1)
    around = np.stack((np.cos(angle), np.sin(angle)), -1) * rng.uniform(0.3, 1, (number, 9, 1))
    polygons = shapely.polygons(around + rng.uniform(0, 4, (number, 1, 2)))
    return [shapely.to_wkt(each, rounding_precision=17) for each in polygons]


@pytest.mark.parametrize("kind", ["polygons", "lines"])
def test_shapes_that_cross_are_merged_alike_in_any_order(connection: Connection, kind: str) -> None:
    texts = [each for each in stars(60, 5) if shapely.is_valid(shapely.from_wkt(each))]
    if kind == "lines":
        texts = [
            shapely.to_wkt(shapely.from_wkt(each).boundary, rounding_precision=17) for each in texts
        ]
    rows = [(number, 1.0, text) for number, text in enumerate(texts)]
    first = bits(dissolve(connection, add_table(connection, rows), dissolve_mode="all"))
    rng = np.random.default_rng(1)
    for _ in range(3):
        shuffled = [rows[each] for each in rng.permutation(len(rows))]
        assert bits(dissolve(connection, add_table(connection, shuffled), dissolve_mode="all")) == first


def squares(connection: Connection, side: int, *, broken: int = 0) -> int:
    """A board of squares in ten groups; the last `broken` ones far off are bow-ties."""
    connection.execute(
        "CREATE TABLE board (id int PRIMARY KEY, part int, geom geometry(Polygon, 27700))"
    )
    connection.execute(
        "INSERT INTO board SELECT x * %(side)s + y, x * 10 / %(side)s,"
        " ST_MakeEnvelope(x, y, x + 1, y + 1, 27700)"
        " FROM generate_series(0, %(side)s - 1) AS x, generate_series(0, %(side)s - 1) AS y",
        {"side": side},
    )
    for number in range(broken):
        x = 1000 + 10 * number
        connection.execute(
            "INSERT INTO board VALUES (%s, 99, ST_GeomFromText(%s, 27700))",
            (-1 - number, f"POLYGON(({x} 0, {x + 2} 2, {x + 2} 0, {x} 2, {x} 0))"),
        )
    return add_dataset(connection, "board")


def test_progress_is_the_share_of_what_is_merged(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_shapes, "_TELL_ROWS", 1000)
    run = dissolve(connection, squares(connection, 80), dissolve_mode="all")
    merging = [share for share, message in run.context.steps if message == "merging shapes"]
    assert merging == sorted(merging)
    assert [merging[0], merging[-1]] == pytest.approx([0.2, 0.8])
    assert max(later - sooner for sooner, later in pairwise(merging)) < 0.1
    assert shapes(run) == ["MULTIPOLYGON(((0 0,0 1," + shapes(run)[0].split("0 0,0 1,")[1]]
    assert count(run, "SELECT ST_Area(geom) FROM {relation}") == 6400


def test_valid_shapes_are_looked_at_once(connection: Connection) -> None:
    run = dissolve(connection, squares(connection, 20), dissolve_field="part")
    assert "checking shapes" not in {message for _, message in run.context.steps}
    assert run.counts["merged_by"] == {"coverage": 10}


@pytest.mark.parametrize("on_invalid", ["repair", "skip"])
def test_an_invalid_shape_found_late(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, on_invalid: str
) -> None:
    """All starts anew; the result is that of a dataset whose shapes were looked at before."""
    monkeypatch.setattr(groups_shapes, "_BATCH_BYTES", 5000)
    dataset_id = squares(connection, 20, broken=2)
    params: dict[str, Any] = {"dissolve_field": "part", "on_invalid": on_invalid}
    run = dissolve(connection, dataset_id, **params)
    steps = run.context.steps
    at = [message for _, message in steps].index("checking shapes")
    assert "merging shapes" in {message for _, message in steps[:at]}
    assert steps[at][0] > 0.5
    assert [share for share, _ in steps] == sorted(share for share, _ in steps)
    monkeypatch.setattr(module, "take_unchecked", lambda *_: None)
    before = dissolve(connection, dataset_id, **params)
    assert bits(run) == bits(before)
    assert run.counts == before.counts
    assert run.counts["n_repaired" if on_invalid == "repair" else "n_skipped"] == 2


@pytest.mark.parametrize("on_invalid", ["repair", "skip"])
def test_invalid_shapes_in_no_group(connection: Connection, on_invalid: str) -> None:
    """A table found them unmatched, a view failed: it meets only the shapes that it merges."""
    invalid = ["POLYGON((0 0, 1 0, 2 0, 0 0))", "POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))"]
    rows = [(key, float(key), shape) for key, shape in enumerate([box(0, 0, 1, 1), *invalid])]
    params: dict[str, Any] = {
        "source_dataset_id": add_table(connection, rows),
        "dissolve_mode": "custom",
        "custom_field": "value",
        "custom_groups": [{"name": "one", "values": [0]}],
        "on_invalid": on_invalid,
    }
    modes = ("static", "view", "materialized_view")
    runs = [run_analysis(connection, "dissolve", params | {"output_mode": mode}) for mode in modes]
    names = ("rows_in", "rows_out", "dropped_outside", "failed", "n_repaired", "n_skipped", "dropped")
    told = [[run.counts[name] for name in names] for run in runs]
    assert told[0] == told[1] == told[2]
    expected = [3, 1, 1, 1, 1, 0] if on_invalid == "repair" else [3, 1, 0, 2, 0, 2]
    assert told[0][:-1] == expected
    assert [run.rows()[0]["feature_count"] for run in runs] == [1, 1, 1]


UNCLOSED = '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}'
NOWHERE = (
    "010300000001000000050000000000000000000000000000000000000000000000000014400000000000000000"
    + ("000000000000f87f000000000000144000000000000000000000000000001440" + 32 * "0")
)


@pytest.mark.parametrize(
    "value", [f"ST_GeomFromGeoJSON('{UNCLOSED}')", f"'{NOWHERE}'::geometry"], ids=["unclosed", "NaN"]
)
def test_shapes_that_can_hardly_be_read(connection: Connection, value: LiteralString) -> None:
    """PostGIS stores rings that are not closed, and corners that are nowhere."""
    dataset_id = add_table(connection, [(1, 1.0, box(5, 5, 6, 6))], geometry_type="Polygon")
    insert = sql.SQL("INSERT INTO places VALUES (2, 1.0, ST_SetSRID({}, 27700))")
    connection.execute(insert.format(sql.SQL(value)))
    run = dissolve(connection, dataset_id, dissolve_field="value")
    counts = run.counts
    assert counts["rows_in"] == counts["rows_out"] + counts["failed"] == 2
    assert counts["n_repaired"] + counts["failed"] == 1
    assert count(run, "SELECT bool_and(ST_IsValid(geom)) FROM {relation}") is True


def test_a_polygon_of_a_million_corners(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE huge AS SELECT 1 AS id, 'a' AS part,"
        " ST_Buffer(ST_Point(0, 0, 27700), 100, 250000) AS geom"
        " UNION ALL SELECT 2, 'a', ST_MakeEnvelope(500, 0, 501, 1, 27700)"
        " UNION ALL SELECT 3, 'b', ST_MakeEnvelope(500, 5, 501, 6, 27700)"
    )
    connection.execute("ALTER TABLE huge ADD PRIMARY KEY (id)")
    run = dissolve(connection, add_dataset(connection, "huge"), dissolve_field="part")
    points = "SELECT ST_NPoints(geom) FROM {relation} WHERE part = 'a'"
    assert count(run, points) == 1_000_001 + 5
    area = "SELECT sum(ST_Area(geom)) FROM {relation}"
    original = connection.execute("SELECT sum(ST_Area(geom)) FROM huge").fetchone()
    assert original is not None
    assert count(run, area) == pytest.approx(original[0], rel=1e-12)


def test_rows_without_a_known_place_on_earth(connection: Connection) -> None:
    rows = [(1, 1.0, box(0, 0, 1, 1)), (2, 1.0, box(1, 0, 2, 1))]
    run = dissolve(connection, add_table(connection, rows, srid=0), dissolve_field="value")
    assert run.types()["geom"] == "geometry(MultiPolygon)"
    assert count(run, "SELECT ST_SRID(geom) FROM {relation}") == 0
    assert run.dataset.srid == 0
    assert shapes(run) == ["MULTIPOLYGON(((0 0,0 1,1 1,2 1,2 0,1 0,0 0)))"]


def test_several_srids_in_one_table_are_refused(connection: Connection) -> None:
    """ST_Union would mix them in silence."""
    connection.execute("CREATE TABLE mixed (id int PRIMARY KEY, part int, geom geometry)")
    connection.execute(
        "INSERT INTO mixed SELECT i, 1, ST_Point(i, 0, 27700) FROM generate_series(1, 3) i"
    )
    connection.execute("INSERT INTO mixed VALUES (9, 1, ST_Point(1, 1, 4326))")
    with pytest.raises(UserError, match="SRID 4326: 1 rows, SRID 27700: 3 rows"):
        dissolve(connection, add_dataset(connection, "mixed"), dissolve_field="part")


def test_the_same_ground_twice(connection: Connection) -> None:
    rows = [(1, 1.0, box(0, 0, 1, 1)), (2, 1.0, box(0, 0, 1, 1)), (3, 2.0, box(9, 0, 10, 1))]
    run = dissolve(connection, add_table(connection, rows), dissolve_field="value")
    assert run.column("feature_count") == [2, 1]
    assert shapes(run)[0] == "MULTIPOLYGON(((0 0,0 1,1 1,1 0,0 0)))"
    assert run.counts["merged_by"] == {"overlay": 1, "coverage": 1}


def test_one_row_and_two(connection: Connection) -> None:
    rows = [(1, 1.0, box(0, 0, 1, 1)), (2, 1.0, box(1, 0, 2, 1))]
    alone = dissolve(connection, add_table(connection, rows[:1]), dissolve_field="value")
    assert (shapes(alone), alone.counts["n_groups"]) == (["MULTIPOLYGON(((0 0,0 1,1 1,1 0,0 0)))"], 1)
    both = dissolve(connection, add_table(connection, rows), dissolve_mode="all")
    assert shapes(both) == ["MULTIPOLYGON(((0 0,0 1,1 1,2 1,2 0,1 0,0 0)))"]
    query = sql.SQL("SELECT count(*) FROM pg_index WHERE indrelid = to_regclass({})")
    name = both.relation.as_string(connection)
    assert connection.execute(query.format(sql.Literal(name))).fetchone() == (2,)
