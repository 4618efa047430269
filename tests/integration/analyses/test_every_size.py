"""Every analysis of a polygon of a million vertices, of coordinates far off, and of twins."""

import libpysal
import numpy as np
import pytest
import shapely
from geopandas import GeoDataFrame
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql
from tests.integration.analyses.every import BALANCE, CASES, Case, add_layer, bits, boxes, every
from tests.integration.analyses.layers import add_dataset
from tests.run_analysis import run_analysis

from geocrew.db import Connection
from geocrew.errors import UserError

VERTICES = 1_000_001
# Of clip and dissolve there are tests beside their others.
HUGE = ("hotspot", "hotspot-queen", "outlier", "timeseries", "nearest", "nearest-line", "erase")


@pytest.mark.parametrize(
    ("name", "mode"), [*((name, "static") for name in HUGE), *((name, "view") for name in HUGE[3:-1])]
)
def test_a_polygon_of_a_million_vertices(connection: Connection, name: str, mode: str) -> None:
    """Amid small ones, and as what is looked for and what cuts."""
    connection.execute(
        "CREATE TABLE huge AS SELECT 0 AS id, 5 AS value, 'a' AS seen, 0 AS part,"
        " ST_Buffer(ST_Point(50, 50, 27700), 30, 250000)::geometry(Polygon, 27700) AS geom UNION ALL"
        " SELECT i, i * i % 7, 'a', 0, ST_MakeEnvelope(i * 5, 48, i * 5 + 4, 52, 27700)"
        " FROM generate_series(1, 20) AS i;"
        "CREATE TABLE mask AS SELECT 1 AS id, ST_MakeEnvelope(40, 40, 90, 90, 27700) AS geom"
    )
    huge, mask, case = add_dataset(connection, "huge"), add_dataset(connection, "mask"), CASES[name]
    more = {"time_periods": ["a"]} if name == "timeseries" else {}
    run = case.run(connection, huge, mask, output_mode=mode, **more)
    assert run.counts["rows_in"] == 21 == sum(run.counts[each] for each in BALANCE)
    disc, square = shapely.Point(50, 50).buffer(30, 250000), shapely.box(40, 40, 90, 90)
    row = connection.execute(
        sql.SQL("SELECT ST_Area(geom), ST_NPoints(geom) FROM {} WHERE source_id = 0").format(
            run.relation
        )
    ).fetchone()
    assert row is not None
    if name == "erase":
        assert row[0] == pytest.approx(shapely.difference(disc, square).area, rel=1e-7)
        back = case.run(connection, mask, huge, output_mode=mode)
        (left,) = [shapely.from_wkb(each["geom"]) for each in bits(back)]
        small = [shapely.box(i * 5, 48, i * 5 + 4, 52) for i in range(1, 21)]
        rest = shapely.difference(square, shapely.union_all([disc, *small]))
        assert left.area == pytest.approx(rest.area, rel=1e-7)
    elif name == "nearest":
        assert row == (pytest.approx(disc.area), VERTICES)
        back = case.run(connection, mask, huge, output_mode=mode)
        assert [each["target_id"] for each in back.rows()] == [0, 8]
        assert back.column("distance") == [0.0, 0.0]
    elif name != "nearest-line":
        assert row == (pytest.approx(disc.area), VERTICES)


def test_a_view_of_a_million_vertices(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE huge AS SELECT 1 AS id, ST_Buffer(ST_Point(5e5, 2e5, 27700), 3000, 250000) AS geom"
    )
    huge = add_dataset(connection, "huge")
    for given_params in (
        {"where": "S_INTERSECTS(geom, BBOX(-1, 51, 0, 52))"},
        {"query": f"SELECT id, ST_Simplify(geom, 1) AS geom FROM spatial_data_{huge}"},
    ):
        run = run_analysis(connection, "create_view", {"source_dataset_id": huge} | given_params)
        (shape,) = [shapely.from_wkb(each["geom"]) for each in bits(run)]
        assert shape.area == pytest.approx(9e6 * np.pi, rel=1e-3)


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("size", [1e150, 1e300])
@every
def test_coordinates_far_out_of_range(
    connection: Connection, case: Case, size: float, mode: str
) -> None:
    """Valid to GEOS, but too large for areas: a right result, or an error that names the dataset."""
    shapes = [shapely.box(i * size, 0, (i + 0.5) * size, size / 2) for i in range(6)]
    source = add_layer(connection, [*shapes, *boxes(3, 9)], "features")
    other = add_layer(connection, boxes(4, 3), "others")
    run, refused = None, ""
    try:
        run = case.run(connection, source, other, output_mode=mode)
    except UserError as error:
        refused = str(error)
    if run is None:
        assert f"dataset {source}" in refused
        return
    counts = run.counts
    assert counts["rows_in"] == 15 == sum(counts[each] for each in BALANCE)
    rows = bits(run)
    assert run.dataset.row_count == len(rows)
    numbers = [each for row in rows for each in row.values() if isinstance(each, float)]
    assert np.isfinite(numbers).all()
    shapes_out = [shapely.from_wkb(row["geom"]) for row in rows if row["geom"]]
    assert all(shapely.is_valid(shapes_out))


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("contiguity", ["queen", "rook"])
def test_twins_are_neighbours_of_each_other(connection: Connection, contiguity: str, mode: str) -> None:
    cells = [shapely.box(x, y, x + 1, y + 1) for x in range(4) for y in range(3)]
    shapes = [*cells, cells[5], cells[5], cells[0], shapely.box(9, 9, 10, 10), shapely.box(9, 9, 10, 10)]
    source = add_layer(connection, shapes, "features")
    params = {"dataset_id": source, "value_field": "value", "neighbor_type": contiguity}
    run = run_analysis(connection, "hotspot_analysis", params | {"output_mode": mode})
    kind = {"queen": libpysal.weights.Queen, "rook": libpysal.weights.Rook}[contiguity]
    weights = kind.from_dataframe(GeoDataFrame(geometry=shapes), use_index=False, silence_warnings=True)
    assert run.column("neighbors") == [weights.cardinalities[i] for i in range(len(shapes))]


TURNED = {"gi_z", "gi_bin", "trend_z"}
SCORES = (*TURNED, "gi_p", "gi_p_perm", "neighbors", "trend_p", "moran_i", "moran_z", "moran_p")
AFFINE = ("hotspot", "hotspot-knn", "hotspot-queen", "moran", "moran-queen", "timeseries")


@pytest.mark.parametrize("name", AFFINE)
def test_an_affine_change_of_the_values_changes_no_score(shared: Connection, name: str) -> None:
    """But its sign, where the values are turned around; by powers of two and whole numbers, exactly."""
    case = CASES[name]
    draws = {"permutations": 99} if case.job_type == "hotspot_analysis" else {}

    @settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.generate])
    @given(
        st.integers(0, 2**32 - 1),
        st.sampled_from([1.0, -1.0, 2.0**20, -(2.0**-20)]),
        st.integers(-(10**9), 10**9),
    )
    def check(seed: int, factor: float, shift: int) -> None:
        found = []
        source = add_layer(shared, boxes(seed, 40), "affine")
        for change in ("value", f"value * {factor} + {shift * abs(factor)}"):
            shared.execute(f"UPDATE affine SET value = {change}".encode())
            found.append(case.run(shared, source, source, **draws).rows())
        for one, other in zip(*found, strict=True):
            for each in (each for each in SCORES if each in one):
                sign = -1 if factor < 0 and each in TURNED else 1
                expected = None if one[each] is None else pytest.approx(one[each] * sign, 1e-6, 1e-9)
                assert other[each] == expected, each

    check()
