"""The user's mistakes: what each message says."""

from typing import Any

import pytest
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import Run, run_analysis

from geocrew.datasets import catalog
from geocrew.datasets.catalog import Dataset
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, NotFound, UserError
from geocrew.submit import submit

GRID = [(i, float(i * i % 7), f"POINT({i % 3} {i // 3})") for i in range(9)]
BOTH = [("hotspot_analysis", {"distance": 1}), ("outlier_analysis", {})]


def hotspots(connection: Connection, **params: Any) -> Run:
    return run_analysis(connection, "hotspot_analysis", {"value_field": "value"} | params)


def said(caught: pytest.ExceptionInfo[Exception]) -> str:
    return str(caught.value)


@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_unknown_dataset(connection: Connection, job_type: str, params: dict[str, Any]) -> None:
    for dataset_id in (4711, 10**12):
        with pytest.raises(NotFound, match=f"dataset {dataset_id} does not exist"):
            run_analysis(
                connection, job_type, {"dataset_id": dataset_id, "value_field": "value"} | params
            )


@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_dataset_of_somebody_else(connection: Connection, job_type: str, params: dict[str, Any]) -> None:
    connection.execute("CREATE TABLE mine AS SELECT 1 AS id, 2 AS value, ST_Point(0, 0, 27700) AS geom")
    dataset_id = add_dataset(connection, "mine", user_id=7)
    given = {"dataset_id": dataset_id, "value_field": "value"} | params
    with pytest.raises(NotFound, match=f"dataset {dataset_id} does not exist"):
        run_analysis(connection, job_type, given, user_id=8)


@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_field_that_is_missing_or_no_number(
    connection: Connection, job_type: str, params: dict[str, Any]
) -> None:
    connection.execute(
        "CREATE TABLE towns AS SELECT i AS id, i AS population, i / 2.0 AS area_km2, 'x'::text AS name,"
        " now() AS seen, true AS big, ST_Point(i, 0, 27700) AS geom FROM generate_series(1, 9) AS i"
    )
    dataset_id = add_dataset(connection, "towns")
    for field, words in {
        "popluation": (f'value_field "popluation" is not in dataset {dataset_id}', '"population"?'),
        "name": (f'value_field "name" is text, not numeric, in dataset {dataset_id}',),
        "seen": ('value_field "seen" is timestamp, not numeric',),
        "big": ('value_field "big" is boolean, not numeric',),
        "geom": ('value_field "geom" is not in dataset',),
        "Population": ('value_field "Population" is not in dataset',),
        'x"; DROP TABLE towns; --': ("is not in dataset",),
    }.items():
        with pytest.raises(InvalidParameters) as caught:
            run_analysis(connection, job_type, {"dataset_id": dataset_id, "value_field": field} | params)
        for each in (*words, "numeric fields: population, area_km2"):
            assert each in said(caught)


def test_distance_and_k_are_bounded(connection: Connection) -> None:
    dataset_id = add_table(connection, GRID)
    for wrong, words in (
        ({"distance": 0}, "distance should be greater than 0, not 0"),
        ({"distance": -5.5}, "distance should be greater than 0, not -5.5"),
        (
            {"distance": "far"},
            'distance should be a valid number, unable to parse string as a number, not "far"',
        ),
        ({}, 'distance is required for neighbor_type "distance"'),
        ({"neighbor_type": "knn"}, 'k_neighbors is required for neighbor_type "knn"'),
        (
            {"neighbor_type": "knn", "k_neighbors": 0},
            "k_neighbors should be greater than or equal to 1, not 0",
        ),
        ({"neighbor_type": "knn", "k_neighbors": 1.5}, "k_neighbors should be a valid integer"),
        ({"neighbor_type": "ring", "distance": 1}, "'knn', 'queen' or 'rook', not \"ring\""),
        ({"distance": 1e308, "distance_unit": "mi"}, '1e+308 with distance_unit "mi" is too large'),
        ({"distance": 1, "distance_unit": "yd"}, "'mi' or 'dataset', not \"yd\""),
        ({"distance": 1, "correction": "bonferroni"}, "'none' or 'fdr', not \"bonferroni\""),
        ({"distance": 1, "output_mode": "table"}, "'view' or 'materialized_view', not \"table\""),
        ({"distance": 1, "on_invalid": "ignore"}, "'skip' or 'fail', not \"ignore\""),
    ):
        with pytest.raises(InvalidParameters) as caught:
            hotspots(connection, dataset_id=dataset_id, **wrong)
        assert words in said(caught)


@pytest.mark.parametrize("k", [9, 10, 10**30])
def test_more_neighbours_than_there_are(connection: Connection, k: int) -> None:
    dataset_id = add_table(connection, [*GRID, (50, None, "POINT(1 1)"), (51, 3.0, None)])
    with pytest.raises(UserError) as caught:
        hotspots(connection, dataset_id=dataset_id, neighbor_type="knn", k_neighbors=k)
    assert f"k_neighbors is {k}" in said(caught)
    assert "only 9 features have a value and a place; choose at most 8" in said(caught)
    run = hotspots(connection, dataset_id=dataset_id, neighbor_type="knn", k_neighbors=8)
    assert run.counts["n"] == 9


def test_all_mistakes_are_told_at_once(connection: Connection) -> None:
    wrong = {
        "datasetid": 3,
        "neighbour_type": "knn",
        "distance": -1,
        "output_mode": "vieww",
    }
    with pytest.raises(InvalidParameters) as caught:
        run_analysis(connection, "hotspot_analysis", wrong)
    assert len(caught.value.problems) == 6
    for words in (
        'unknown parameter "datasetid"; did you mean "dataset_id"?',
        "dataset_id is required",
        "value_field is required",
        'unknown parameter "neighbour_type"; did you mean "neighbor_type"?',
        "distance should be greater than 0, not -1",
        'not "vieww"',
    ):
        assert words in said(caught)
    with pytest.raises(InvalidParameters, match="value_field should have at least 1 character"):
        hotspots(connection, dataset_id=1, value_field="", distance=1)


@pytest.mark.parametrize(
    ("given", "kind"),
    [([], "an array"), ("x", "a string"), (5, "a number"), (True, "a boolean"), (None, "null")],
)
def test_params_that_are_no_object(connection: Connection, given: Any, kind: str) -> None:
    for job_type, _ in BOTH:
        with pytest.raises(InvalidParameters, match=f"must be a JSON object of parameters, not {kind}"):
            run_analysis(connection, job_type, given)


def test_values_that_do_not_vary(connection: Connection) -> None:
    for value in (0.0, 7.25, 0.1, 1e300):
        dataset_id = add_table(connection, [(i, value, f"POINT({i} 0)") for i in range(40)])
        where = f'value_field "value" of dataset {dataset_id}'
        with pytest.raises(UserError) as caught:
            hotspots(connection, dataset_id=dataset_id, distance=1)
        assert f"{where} does not vary" in said(caught)
        assert f"{value:g}" in said(caught)
        for method in ("zscore", "mad"):
            given = {"dataset_id": dataset_id, "value_field": "value", "method": method}
            with pytest.raises(UserError) as caught:
                run_analysis(connection, "outlier_analysis", given)
            assert f"{where} is constant ({value:g})" in said(caught)


def test_too_few_values(connection: Connection) -> None:
    dataset_id = add_table(connection, [*GRID[:2], (50, None, "POINT(1 1)"), (51, 3.0, None)])
    with pytest.raises(UserError, match=f"dataset {dataset_id} has 2 usable values; .* at least 3"):
        hotspots(connection, dataset_id=dataset_id, distance=1)
    dataset_id = add_table(connection, [(1, 1.0, "POINT(0 0)"), (2, None, "POINT(1 0)")])
    with pytest.raises(UserError, match=f"dataset {dataset_id} has 1 usable values; .* at least 2"):
        run_analysis(connection, "outlier_analysis", {"dataset_id": dataset_id, "value_field": "value"})
    dataset_id = add_table(connection, [(1, None, "POINT(0 0)"), (2, None, "POINT(1 0)")])
    with pytest.raises(UserError, match=f"dataset {dataset_id} has 0 usable values"):
        run_analysis(connection, "outlier_analysis", {"dataset_id": dataset_id, "value_field": "value"})


def test_units_that_mean_nothing(connection: Connection) -> None:
    degrees = add_table(connection, GRID, table="degrees", srid=4326)
    with pytest.raises(InvalidParameters) as caught:
        hotspots(connection, dataset_id=degrees, distance=1, distance_unit="dataset")
    assert f'distance_unit "dataset" would be degrees in dataset {degrees} (EPSG:4326)' in said(caught)
    assert "choose auto, m, km, ft or mi" in said(caught)
    unknown = add_table(connection, GRID, table="unknown", srid=0)
    for unit in ("m", "km", "ft", "mi"):
        with pytest.raises(InvalidParameters) as caught:
            hotspots(connection, dataset_id=unknown, distance=1, distance_unit=unit)
        assert f'distance_unit "{unit}" needs a coordinate reference system' in said(caught)
        assert f"dataset {unknown} has none (SRID 0); choose auto or dataset" in said(caught)
    run = hotspots(connection, dataset_id=unknown, distance=1, distance_unit="dataset")
    assert (run.counts["distance"], run.counts["distance_unit"]) == (1, "dataset")


@pytest.mark.parametrize("rule", [{"distance": 5}, {"distance": "auto"}, {"k_neighbors": 2}])
def test_metres_that_are_said_to_be_degrees(connection: Connection, rule: dict[str, Any]) -> None:
    rows = [(i, float(i % 3), f"POINT({500000 + i} {-200000 - i})") for i in range(9)]
    params = {"dataset_id": add_table(connection, rows, srid=4326), "value_field": "value"} | rule
    if "k_neighbors" in rule:
        params["neighbor_type"] = "knn"
    for job_type, more in (
        ("hotspot_analysis", {}),
        ("outlier_analysis", {"method": "local_moran"}),
        ("hotspot_timeseries", {"time_field": "key", "time_periods": ["a"]}),
    ):
        if "time_field" in more:
            connection.execute("ALTER TABLE places ADD key text DEFAULT 'a'")
        with pytest.raises(UserError) as caught:
            run_analysis(connection, job_type, params | more)
        assert "is in degrees (EPSG:4326), but 9 of its features have a latitude beyond" in str(
            caught.value
        )
        assert "the farthest -200008; give the data the SRID" in str(caught.value)


def test_a_pole_is_no_mistake(connection: Connection) -> None:
    rows = [(i, float(i % 3), f"POINT({40 * i} {90 - 1e-3 * (i % 2)!r})") for i in range(9)]
    run = hotspots(connection, dataset_id=add_table(connection, rows, srid=4326), distance=1000)
    assert run.column("neighbors") == [8] * 9


@pytest.mark.parametrize(
    ("srid", "unit", "factor"),
    [(27700, "km", 1000), (27700, "ft", 0.3048), (2263, "mi", 5280), (2263, "ft", 1)],
)
def test_units_of_a_projected_dataset(
    connection: Connection, srid: int, unit: str, factor: float
) -> None:
    """EPSG:2263 counts US survey feet, 2e-6 longer than international ones."""
    dataset_id = add_table(connection, GRID, srid=srid)
    run = hotspots(connection, dataset_id=dataset_id, distance=2, distance_unit=unit)
    assert run.counts["distance"] == pytest.approx(2 * factor, rel=3e-6)
    assert run.counts["distance_unit"] == "dataset"


@pytest.mark.parametrize(
    ("srtext", "proj4text", "factor"),
    [
        (None, "+proj=utm +zone=33 +ellps=bessel +towgs84=1,2,3 +units=us-ft +no_defs", 3937 / 1.2),
        ("", " ", None),
        ("nonsense", "", None),
    ],
)
def test_units_of_a_system_without_wkt(
    connection: Connection, srtext: str | None, proj4text: str, factor: float | None
) -> None:
    """PostGIS 3.3 ships fourteen of them."""
    connection.execute(
        "INSERT INTO spatial_ref_sys (srid, srtext, proj4text) VALUES (990001, %s, %s)"
        " ON CONFLICT (srid) DO UPDATE SET srtext = EXCLUDED.srtext, proj4text = EXCLUDED.proj4text",
        (srtext, proj4text),
    )
    dataset_id = add_table(connection, GRID, srid=990001)
    try:
        if factor is not None:
            run = hotspots(connection, dataset_id=dataset_id, distance=1, distance_unit="km")
            assert run.counts["distance"] == pytest.approx(factor)
        else:
            with pytest.raises(InvalidParameters) as caught:
                hotspots(connection, dataset_id=dataset_id, distance=1, distance_unit="km")
            assert 'distance_unit "km" needs the unit of SRID 990001' in said(caught)
            assert "no definition in spatial_ref_sys that can be read; choose auto" in said(caught)
    finally:
        connection.execute("DELETE FROM spatial_ref_sys WHERE srid = 990001")


@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_datasets_that_hold_no_features(
    connection: Connection, job_type: str, params: dict[str, Any]
) -> None:
    reserved = catalog.reserve(connection, "later")
    raster = catalog.reserve(connection, "relief")
    catalog.add(
        connection,
        Dataset(id=raster, user_id=1, name="relief", kind="raster", raster_file="x.tif", raster={}),
    )
    for dataset_id, what in ((reserved, "reserved and still empty"), (raster, "a raster")):
        with pytest.raises(
            UserError, match=f"dataset {dataset_id} is {what}, not a dataset of features"
        ):
            run_analysis(
                connection, job_type, {"dataset_id": dataset_id, "value_field": "value"} | params
            )


def test_geometry_column_that_is_gone(connection: Connection) -> None:
    dataset_id = add_table(connection, GRID)
    connection.execute("ALTER TABLE places RENAME geom TO shape")
    with pytest.raises(UserError, match=f'dataset {dataset_id} has lost its geometry column "geom"'):
        hotspots(connection, dataset_id=dataset_id, distance=1)


@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_views_with_a_column_that_no_table_can_have(
    connection: Connection, job_type: str, params: dict[str, Any]
) -> None:
    add_table(connection, GRID)
    connection.execute("CREATE VIEW boxed AS SELECT id, value, ST_XMin(geom) AS xmin, geom FROM places")
    dataset_id = add_dataset(connection, "boxed")
    with pytest.raises(UserError, match=f'dataset {dataset_id} has a column "xmin", a name that'):
        run_analysis(connection, job_type, {"dataset_id": dataset_id, "value_field": "value"} | params)


def test_output_datasets_that_cannot_be_filled(connection: Connection) -> None:
    dataset_id = add_table(connection, GRID)
    given = {"dataset_id": dataset_id, "distance": 1}
    with pytest.raises(NotFound, match="output_dataset_id: dataset 4711 does not exist"):
        hotspots(connection, output_dataset_id=4711, **given)
    with pytest.raises(InvalidParameters) as caught:
        hotspots(connection, output_dataset_id=dataset_id, **given)
    assert f"output_dataset_id {dataset_id} is a table, not a reserved dataset of yours" in said(caught)
    reserved = catalog.reserve(connection, "for the result")
    assert hotspots(connection, output_dataset_id=reserved, **given).dataset.id == reserved
    with pytest.raises(InvalidParameters, match=f"output_dataset_id {reserved} is a table"):
        hotspots(connection, output_dataset_id=reserved, **given)
    theirs = catalog.reserve(connection, "somebody's", user_id=7)
    with pytest.raises(
        InvalidParameters, match=f"output_dataset_id {theirs} is reserved by user 7; reserve"
    ):
        hotspots(connection, output_dataset_id=theirs, **given)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_text_that_postgresql_cannot_store(connection: Connection, value: str) -> None:
    where = {"op": "=", "args": [{"property": "value"}, 1], "remark": value}
    params = {"source_dataset_id": add_table(connection, GRID), "where": where}
    with pytest.raises(InvalidParameters, match=r"params hold text with a NUL character \(\\u0000\)"):
        submit(connection, "create_view", params)
