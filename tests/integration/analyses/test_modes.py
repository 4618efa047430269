"""static, view and materialized_view are one answer."""

from collections.abc import Callable
from typing import Any, LiteralString

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.integration.analyses.compare import assert_same
from tests.integration.analyses.layers import add_table
from tests.run_analysis import run_analysis

from geocrew.db import Connection
from geocrew.errors import UserError

HOTSPOT, OUTLIER = "hotspot_analysis", "outlier_analysis"
DEMO: list[tuple[str, str, dict[str, Any]]] = [
    (HOTSPOT, "us_counties_2009", {"value_field": "unemployment_rate", "k_neighbors": 8}),
    (
        HOTSPOT,
        "us_counties_2009",
        {"value_field": "unemployed", "distance": 80_000, "correction": "fdr"},
    ),
    (HOTSPOT, "us_cities", {"value_field": "population", "distance": 6, "distance_unit": "mi"}),
    (HOTSPOT, "us_cities", {"value_field": "population", "k_neighbors": 3, "correction": "fdr"}),
    (HOTSPOT, "soho_deaths", {"value_field": "deaths", "distance": 40}),
    (HOTSPOT, "soho_deaths", {"value_field": "deaths", "k_neighbors": 6, "correction": "fdr"}),
    (HOTSPOT, "us_state_income", {"value_field": "income", "k_neighbors": 12}),
    (OUTLIER, "us_counties_2009", {"value_field": "unemployment_rate", "method": "mad"}),
    (OUTLIER, "us_counties_2009", {"value_field": "labor_force", "threshold": 3}),
    (OUTLIER, "us_cities", {"value_field": "population", "method": "mad", "threshold": 3.5}),
    (OUTLIER, "soho_deaths", {"value_field": "deaths", "method": "mad"}),
]


@pytest.mark.parametrize(("job_type", "dataset", "params"), DEMO)
def test_demo_data(
    shared: Connection, demo_ids: dict[str, int], job_type: str, dataset: str, params: dict[str, Any]
) -> None:
    modes = (
        ("view",) if dataset == "us_cities" and job_type == HOTSPOT else ("view", "materialized_view")
    )
    assert_modes_agree(shared, job_type, neighbours(params) | {"dataset_id": demo_ids[dataset]}, modes)


def neighbours(params: dict[str, Any]) -> dict[str, Any]:
    return params | {"neighbor_type": "knn"} if "k_neighbors" in params else params


def assert_modes_agree(
    connection: Connection,
    job_type: str,
    params: dict[str, Any],
    modes: tuple[str, ...] = ("view", "materialized_view"),
) -> None:
    static = run_analysis(connection, job_type, params)
    for mode in modes:
        other = run_analysis(connection, job_type, params | {"output_mode": mode})
        assert other.dataset.kind == mode
        assert other.types() == static.types()
        assert_same(other.rows(), static.rows())
        assert other.counts | {"notes": []} == static.counts


# Few distinct places and values make ties, duplicates and islands common.
def shape(kind: str) -> Callable[[tuple[float, float]], str]:
    templates = {
        "Point": "POINT({x} {y})",
        "MultiPoint": "MULTIPOINT({x} {y}, {x1} {y})",
        "LineString": "LINESTRING({x} {y}, {x1} {y1}, {x1} {y})",
        "Polygon": "POLYGON(({x} {y}, {x1} {y}, {x1} {y1}, {x} {y}))",
    }
    return lambda at: templates[kind].format(x=at[0], y=at[1], x1=at[0] + 0.25, y1=at[1] + 0.125)


plane = st.tuples(st.integers(0, 5), st.integers(0, 5))
# Both sides of the antimeridian, longitudes of another turn among them, and rings around a pole.
antimeridian = st.tuples(
    st.sampled_from([179.5, 179.75, -179.75, -179.5, 180.0, -180.0, 180.25, -180.25, 0.0]),
    st.integers(-2, 2),
)
polar = st.tuples(st.integers(-12, 11).map(lambda n: n * 15), st.sampled_from([89.0, 89.5, 88.5, 80.0]))
value = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.sampled_from([None, float("nan"), float("inf")]),
)


def rows(places: st.SearchStrategy[tuple[float, float]]) -> st.SearchStrategy[list[Any]]:
    return st.lists(
        st.tuples(st.integers(1, 999), value, places), max_size=14, unique_by=lambda row: row[0]
    )


rule = st.fixed_dictionaries(
    {"correction": st.sampled_from(["none", "fdr"])}
    | {"k": st.integers(1, 4), "reach": st.sampled_from([0.5, 1, 2**0.5, 2, 5])}
)
quick = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize(
    ("srid", "kind", "places", "scale"),
    [
        (27700, "Point", plane, 1.0),
        (27700, "MultiPoint", plane, 1.0),
        (27700, "Polygon", plane, 1.0),
        (4326, "Point", antimeridian, 60_000.0),
        (4326, "LineString", antimeridian, 60_000.0),
        (4326, "Point", polar, 60_000.0),
        (4326, "Polygon", polar, 60_000.0),
    ],
)
@pytest.mark.parametrize("neighbor_type", ["distance", "knn"])
def test_small_data(
    shared: Connection,
    srid: int,
    kind: str,
    places: st.SearchStrategy[tuple[float, float]],
    scale: float,
    neighbor_type: str,
) -> None:
    write = shape(kind)

    @quick
    @given(rows(places), rule)
    def check(drawn: list[Any], chosen: dict[str, Any]) -> None:
        dataset_id = add_table(shared, [(key, x, write(at)) for key, x, at in drawn], srid=srid)
        given_rule = {"k_neighbors": chosen["k"], "distance": chosen["reach"] * scale}
        params = {"dataset_id": dataset_id, "value_field": "value", "correction": chosen["correction"]}
        try:
            run_analysis(shared, HOTSPOT, params | {"neighbor_type": neighbor_type} | given_rule)
        except UserError:  # too few rows or no variation: test_errors.py
            return
        assert_modes_agree(
            shared, HOTSPOT, params | {"neighbor_type": neighbor_type} | given_rule, ("view",)
        )

    check()


@quick
@example(drawn=[(1, 150.0, (0, 0)), (2, 5.6e-307, (0, 0)), (3, 0.0, (0, 0))], method="mad")
@example(drawn=[(1, 1e6, (0, 0)), (2, 2.3e-308, (0, 0)), (3, 0.0, (0, 0))], method="zscore")
@given(drawn=rows(plane), method=st.sampled_from(["zscore", "mad"]))
def test_small_data_outliers(shared: Connection, drawn: list[Any], method: str) -> None:
    dataset_id = add_table(shared, [(key, x, shape("Point")(at)) for key, x, at in drawn])
    params = {"dataset_id": dataset_id, "value_field": "value", "method": method}
    try:
        run_analysis(shared, OUTLIER, params)
    except UserError:
        return
    assert_modes_agree(shared, OUTLIER, params, ("view",))


def test_view_follows_its_features(shared: Connection) -> None:
    drawn = [(i, float(i * i % 7), f"POINT({i % 3} {i // 3})") for i in range(12)]
    dataset_id = add_table(shared, drawn, table="followed")
    hot = {"dataset_id": dataset_id, "value_field": "value", "distance": 1.5}
    odd = {"dataset_id": dataset_id, "value_field": "value", "method": "mad"}
    hot_view = run_analysis(shared, HOTSPOT, hot | {"output_mode": "view"})
    odd_view = run_analysis(shared, OUTLIER, odd | {"output_mode": "view"})
    shared.execute("UPDATE followed SET value = 100 WHERE id = 4; DELETE FROM followed WHERE id = 7")
    assert_same(hot_view.rows(), run_analysis(shared, HOTSPOT, hot).rows())
    assert_same(odd_view.rows(), run_analysis(shared, OUTLIER, odd).rows())


@pytest.mark.parametrize("change", ["SET value = 5", "SET value = NULL", "SET geom = NULL"])
def test_view_of_data_that_became_useless_keeps_its_rows(
    shared: Connection, change: LiteralString
) -> None:
    drawn = [(i, float(i * i % 7), f"POINT({i % 3} {i // 3})") for i in range(9)]
    dataset_id = add_table(shared, drawn, table="useless")
    params = {"dataset_id": dataset_id, "value_field": "value", "output_mode": "view"}
    hot = run_analysis(shared, HOTSPOT, params | {"distance": 1.5})
    odd = run_analysis(shared, OUTLIER, params)
    shared.execute("UPDATE useless " + change)
    assert hot.column("gi_z") == odd.column("outlier_score") == odd.column("is_outlier") == [None] * 9


@pytest.mark.parametrize("scale", [1e-190, 1e-100, 1e150, 1e290])
@pytest.mark.parametrize("tiny", [0.0, 5e-247, 1e-300])
def test_values_of_extreme_size(connection: Connection, scale: float, tiny: float) -> None:
    """PostgreSQL calls a square that leaves float8's range an error; p-values are often that small."""
    values = [scale * value for value in (3, -3, 1, 0, -1, 7, -7)]
    values[3] = tiny  # as good as the mean of all and of its neighbours
    rows = [(i, value, f"POINT({i} 0)") for i, value in enumerate(values)]
    params = {"dataset_id": add_table(connection, rows), "value_field": "value"}
    assert_modes_agree(connection, HOTSPOT, params | {"distance": 1.5})
    assert_modes_agree(connection, HOTSPOT, params | {"neighbor_type": "knn", "k_neighbors": 2})
    for method in ("zscore", "mad"):
        assert_modes_agree(connection, OUTLIER, params | {"method": method})
    bare = [(key, float(round(value / scale)), place) for key, value, place in rows]
    other = params | {"dataset_id": add_table(connection, bare, table="bare")}
    for job_type, rule, column in ((HOTSPOT, {"distance": 1.5}, "gi_z"), (OUTLIER, {}, "outlier_score")):
        scaled = run_analysis(connection, job_type, params | rule).column(column)
        assert scaled == pytest.approx(run_analysis(connection, job_type, other | rule).column(column))


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("method", ["zscore", "mad"])
def test_values_farther_apart_than_a_number_can_be(
    connection: Connection, method: str, mode: str
) -> None:
    for values in ([1.7e308, -1.7e308], [1e308, -1e308, -1.1e308]):
        rows = [(i, value, f"POINT({i} 0)") for i, value in enumerate(values)]
        params = {"dataset_id": add_table(connection, rows), "value_field": "value"}
        with pytest.raises(UserError, match=r"reaches from -1.*e\+308 to 1.*e\+308, too far for float8"):
            run_analysis(connection, OUTLIER, params | {"method": method, "output_mode": mode})


KNN = {"neighbor_type": "knn", "k_neighbors": 2}


@pytest.mark.parametrize("mode", ["view", "materialized_view"])
@pytest.mark.parametrize(
    ("srid", "places", "rule"),
    [
        (27700, [(1e100, 0), (1.1e100, 0), (1.2e100, 0), (1.3e100, 0)], KNN),
        (27700, [(1e100, 0), (1.1e100, 0), (1.2e100, 0), (1.3e100, 0)], {"distance": 1.5e99}),
        (27700, [(1.7e308, 0), (-1.7e308, 0), (0, 0), (1, 0)], KNN),
        (4326, [(540, 1), (0, 1), (180, 1), (179, 1)], KNN),
        (4326, [(350, 1), (-350, 1), (10, 1), (-10, 1)], {"distance": 600_000}),
    ],
)
@pytest.mark.parametrize("job_type", [HOTSPOT, OUTLIER, "hotspot_timeseries"])
def test_places_too_far_apart_for_a_view(
    connection: Connection,
    job_type: str,
    srid: int,
    places: list[tuple[float, float]],
    rule: dict[str, Any],
    mode: str,
) -> None:
    """A view found fewer neighbours there than a table does, without a word."""
    rows = [(key, float(key * key % 7), f"POINT({x} {y})") for key, (x, y) in enumerate(places)]
    dataset_id = add_table(connection, rows, srid=srid)
    more: dict[str, dict[str, Any]] = {
        HOTSPOT: {},
        OUTLIER: {"method": "local_moran"},
        "hotspot_timeseries": {"time_field": "srid", "time_periods": ["1"]},
    }
    if job_type == "hotspot_timeseries":
        connection.execute("ALTER TABLE places ADD srid text DEFAULT '1'")
    params = {"dataset_id": dataset_id, "value_field": "value"} | rule | more[job_type]
    assert len(run_analysis(connection, job_type, params).rows()) == 4
    with pytest.raises(UserError, match=rf'dataset {dataset_id} has .*"static".*"{mode}"'):
        run_analysis(connection, job_type, params | {"output_mode": mode})


@pytest.mark.parametrize(
    ("srid", "places", "rule"),
    [
        (27700, [(1e308, 0), (0, 0), (1, 0), (2, 1)], {"distance": 1.5}),
        (4326, [(-180, 1), (180, 1), (359.5, 1), (1, 1)], KNN),
    ],
)
def test_places_far_apart_that_a_view_takes(
    connection: Connection, srid: int, places: list[tuple[float, float]], rule: dict[str, Any]
) -> None:
    rows = [(key, float(key * key % 7), f"POINT({x} {y})") for key, (x, y) in enumerate(places)]
    params = {"dataset_id": add_table(connection, rows, srid=srid), "value_field": "value"}
    assert_modes_agree(connection, HOTSPOT, params | rule)


@pytest.mark.parametrize("rule", [KNN, {"distance": 3}])
def test_a_place_beyond_the_box_of_its_shape(connection: Connection, rule: dict[str, Any]) -> None:
    """A view finds places by the boxes of shapes, and PostGIS takes a polygon's from its shell."""
    beyond = "POLYGON((0 0, 1 0, 1 1, 0 1, 0 0), (20 0, 24 0, 24 4, 20 4, 20 0))"
    rows = [
        (key, float(key % 3), f"POLYGON(({x} 0, {x} 1, {x + 1} 1, {x} 0))")
        for key, x in enumerate(range(18, 25))
    ]
    params = {
        "dataset_id": add_table(connection, [*rows, (9, 5.0, beyond)]),
        "value_field": "value",
    } | rule
    assert run_analysis(connection, HOTSPOT, params).counts["n_repaired"] == 1
    with pytest.raises(UserError, match=r'id 9, with a hole beyond its shell.*"static".*"view"'):
        run_analysis(connection, HOTSPOT, params | {"output_mode": "view"})
    assert_modes_agree(connection, HOTSPOT, params | {"on_invalid": "skip"})
