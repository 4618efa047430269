"""Dissolve against PostGIS, geopandas and the Census Bureau, and what must hold for any input."""

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from psycopg import sql
from tests.integration.analyses.compare import same
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.test_dissolve import box, dissolve, without_shapes
from tests.run_analysis import Run

from geocrew import demo
from geocrew.db import Connection

RATES = {"unemployed": ["sum", "count"], "unemployment_rate": ["avg", "median", "stddev", "min", "max"]}
PANDAS = {"avg": "mean", "stddev": "std"}
GROUPS = [
    {"name": "Pacific", "values": ["CA", "OR", "WA"]},
    {"name": "South", "values": ["TX", "LA", "NM"]},
]
CUSTOM = {"dissolve_mode": "custom", "custom_field": "state", "custom_groups": GROUPS}
quick = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def count(run: Run, query: str, **parts: sql.Composable) -> Any:
    """The one value of a query about a run's `{relation}`."""
    composed = sql.SQL(query).format(relation=run.relation, **parts)
    row = run.context.connection.execute(composed).fetchone()
    return row and row[0]


def bits(run: Run) -> list[Any]:
    query = sql.SQL("SELECT id, ST_AsEWKB(geom) FROM {} ORDER BY id").format(run.relation)
    return [
        (*row.values(), *shape)
        for row, shape in zip(
            without_shapes(run.rows()), run.context.connection.execute(query).fetchall(), strict=True
        )
    ]


def assert_alike(static: Run, other: Run) -> None:
    """The same rows to 1e-9, and the same ground covered."""
    assert other.types() == static.types()
    rows, others = without_shapes(static.rows()), without_shapes(other.rows())
    assert len(rows) == len(others)
    for one, two in zip(rows, others, strict=True):
        assert all(same(one[name], two[name]) for name in one), (one, two)
    apart = (
        "SELECT count(*) FROM {relation} AS a JOIN {other} AS b USING (id) WHERE NOT ST_IsValid(a.geom)"
        " OR NOT ST_IsValid(b.geom) OR ST_Dimension(a.geom) <> ST_Dimension(b.geom)"
        " OR abs(ST_Length(a.geom) - ST_Length(b.geom)) > 1e-9 * ST_Length(b.geom)"
        " OR ST_Area(ST_SymDifference(a.geom, b.geom)) > 1e-9 * ST_Area(b.geom)"
    )
    assert count(static, apart, other=other.relation) == 0


def test_states_of_their_counties(shared: Connection, demo_ids: dict[str, int]) -> None:
    run = dissolve(
        shared,
        demo_ids["us_counties_2009"],
        dissolve_field="state",
        aggregation_fields={"labor_force": "sum"},
    )
    states = shared.execute(
        "SELECT table_name FROM geocrew.datasets WHERE id = %s", (demo_ids["us_states"],)
    ).fetchone()
    assert states is not None
    query = (
        "SELECT count(*) FROM {relation} AS d JOIN {states} AS s USING (state)"
        " WHERE abs(ST_Area(d.geom) / ST_Area(s.geom) - 1) < 1e-9"
        " AND ST_Area(ST_SymDifference(d.geom, s.geom)) < 1e-9 * ST_Area(s.geom)"
    )
    assert count(run, query, states=sql.Identifier("public", states[0])) == 51
    assert run.dataset.row_count == 51
    assert run.counts["merged_by"] == {"coverage": 51}


def test_geopandas(shared: Connection, demo_ids: dict[str, int]) -> None:
    run = dissolve(
        shared, demo_ids["us_counties_2009"], dissolve_field="state", aggregation_fields=RATES
    )
    path = next(each for each in demo.files() if each.stem == "us_counties_2009")
    counties = gpd.read_file(path).set_crs(None, allow_override=True)
    functions_of = {name: [PANDAS.get(each, each) for each in RATES[name]] for name in RATES}
    oracle = counties.dissolve("state", aggfunc=functions_of)
    rows = run.rows()
    assert [row["state"] for row in rows] == list(oracle.index)
    shapes = gpd.GeoSeries.from_wkt([row["geom"].split(";")[1] for row in rows])
    assert shapes.area.to_numpy() == pytest.approx(oracle.geometry.area.to_numpy(), rel=1e-9)
    assert shapes.geom_equals(oracle.geometry.reset_index(drop=True)).all()
    for name, functions in RATES.items():
        for function in functions:
            found = np.array([row[f"{name}_{function}"] for row in rows], float)
            expected = oracle[(name, PANDAS.get(function, function))].to_numpy(float)
            assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("mode", ["view", "materialized_view"])
@pytest.mark.parametrize(
    ("dataset", "params"),
    [
        ("us_counties_2009", {"dissolve_field": "state", "aggregation_fields": RATES}),
        ("us_counties_2009", CUSTOM | {"aggregation_fields": RATES, "multipart": False}),
        ("us_cities", {"dissolve_field": "state", "aggregation_fields": {"population": "sum"}}),
        ("us_state_income", {"dissolve_mode": "all"}),
    ],
)
def test_modes_agree(
    shared: Connection, demo_ids: dict[str, int], dataset: str, params: dict[str, Any], mode: str
) -> None:
    static = dissolve(shared, demo_ids[dataset], **params)
    other = dissolve(shared, demo_ids[dataset], output_mode=mode, **params)
    assert_alike(static, other)
    assert other.counts | {"notes": [], "merged_by": {}} == static.counts | {"merged_by": {}}
    assert "materialized_view" in "".join(other.counts["notes"]) or mode != "view"


cell = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 3), st.integers(1, 3))
SHAPES = {
    "Polygon": lambda at: box(at[0], at[1], at[0] + at[2], at[1] + at[3]),
    "LineString": lambda at: f"LINESTRING({at[0]} {at[1]}, {at[2]} {at[3]}, {at[1]} {at[0]}, 6 6)",
    "MultiPoint": lambda at: f"MULTIPOINT({at[0]} {at[1]}, {at[2]} {at[3]})",
    "PolygonZ": lambda at: "POLYGON Z(({0} {1} 1, {2} {1} 2, {0} {3} 3, {0} {1} 1))".format(
        at[0], at[1], at[0] + at[2], at[1] + at[3]
    ),
}
drawn = st.lists(st.tuples(st.sampled_from([1.0, 2.0, None, 0.1, 0.7]), cell), max_size=12)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("multipart", [True, False])
def test_any_small_data(shared: Connection, kind: Any, multipart: bool) -> None:
    @quick
    @given(drawn)
    def check(rows: list[Any]) -> None:
        listed = [(i, value, SHAPES[kind](at)) for i, (value, at) in enumerate(rows)]
        params = {"dissolve_field": "value", "multipart": multipart, "aggregation_fields": {"id": "sum"}}
        dataset_id = add_table(shared, listed, geometry_type=kind)
        static = dissolve(shared, dataset_id, **params)
        assert_alike(static, dissolve(shared, dataset_id, output_mode="view", **params))

    check()


@quick
@given(drawn, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(shared: Connection, rows: list[Any], random: Any) -> None:
    listed = [(i, value, SHAPES["Polygon"](at)) for i, (value, at) in enumerate(rows)]
    params = {"dissolve_mode": "all", "aggregation_fields": {"value": ["sum", "avg", "stddev", "first"]}}
    first = bits(dissolve(shared, add_table(shared, listed), **params))
    random.shuffle(listed)
    assert bits(dissolve(shared, add_table(shared, listed), **params)) == first


@quick
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-1e6, 1e6)), min_size=1, max_size=25))
def test_a_coverage_keeps_area_and_sums(shared: Connection, cells: list[tuple[int, float]]) -> None:
    rows = [
        (10 * i + group, value, box(i % 5, i // 5, i % 5 + 1, i // 5 + 1))
        for i, (group, value) in enumerate(cells)
    ]
    dataset_id = add_table(shared, rows)
    shared.execute("ALTER TABLE places ADD part int; UPDATE places SET part = id % 10")
    run = dissolve(shared, dataset_id, dissolve_field="part", aggregation_fields={"value": "sum"})
    assert count(run, "SELECT sum(ST_Area(geom)) FROM {relation}") == pytest.approx(
        len(cells), rel=1e-12
    )
    total = count(run, "SELECT sum(value_sum) FROM {relation}")
    assert total == pytest.approx(sum(value for _, value in cells), rel=1e-9, abs=1e-6)
    assert count(run, "SELECT sum(feature_count) FROM {relation}") == len(cells)
    assert run.counts["merged_by"] == {"coverage": len({group for group, _ in cells})}


def test_many_batches_are_one_answer(
    shared: Connection, monkeypatch: pytest.MonkeyPatch, demo_ids: dict[str, int]
) -> None:
    params = {"dissolve_field": "state", "aggregation_fields": RATES}
    whole = bits(dissolve(shared, demo_ids["us_counties_2009"], **params))
    monkeypatch.setattr("geocrew.analyses.parts.groups_shapes._BATCH_BYTES", 10_000)
    run = dissolve(shared, demo_ids["us_counties_2009"], **params)
    assert bits(run) == whole
    merging = [share for share, message in run.context.steps if message == "merging shapes"]
    assert len(merging) > 40
    assert merging == sorted(merging)
    assert merging[-1] == pytest.approx(0.8)
