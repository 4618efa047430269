"""Shapes: invalid ones, their type, Z, M, curves and mixtures."""

from typing import Any

import pytest
from psycopg import sql
from tests.integration.analyses.compare import assert_same
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import Run, run_analysis

from geocrew.datasets import ticks
from geocrew.db import Connection
from geocrew.errors import UserError

MODES = ["static", "view", "materialized_view"]
BOTH = [("hotspot_analysis", {"distance": 3}), ("outlier_analysis", {})]
SQUARE = "POLYGON(({0} 0, {1} 0, {1} 1, {0} 1, {0} 0))"
BOW_TIE = "POLYGON((20 0, 22 2, 22 0, 20 2, 20 0))"
SPIKE = "POLYGON((30 0, 30 1, 31 1, 31 0, 40 0, 31 0, 30 0))"
FLAT = "POLYGON((50 0, 51 0, 52 0, 50 0))"


def run(connection: Connection, job_type: str, dataset_id: int, **params: Any) -> Run:
    return run_analysis(
        connection, job_type, {"dataset_id": dataset_id, "value_field": "value"} | params
    )


def squares() -> list[tuple[int, float, str]]:
    return [(i, float(i * i % 5), SQUARE.format(2 * i, 2 * i + 1)) for i in range(1, 9)]


def broken(connection: Connection) -> int:
    rows = [*squares(), (20, 4.0, BOW_TIE), (30, 2.0, SPIKE)]
    return add_table(connection, rows, geometry_type="Polygon")


def check_shapes(result: Run, expected_type: str, dimension: int) -> None:
    assert result.types()["geom"] == expected_type
    connection = result.context.connection
    query = sql.SQL(
        "SELECT count(*) FROM {} WHERE NOT ST_IsValid(geom)"
        " OR ST_Dimension(geom) <> {} OR ST_SRID(geom) <> 27700"
    )
    found = connection.execute(query.format(result.relation, sql.Literal(dimension))).fetchone()
    assert found == (0,)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_repair(shared: Connection, job_type: str, params: dict[str, Any], mode: str) -> None:
    result = run(shared, job_type, broken(shared), output_mode=mode, **params)
    check_shapes(result, "geometry(MultiPolygon,27700)", 2)
    assert (result.counts["n_repaired"], result.counts["n_skipped"]) == (2, 0)
    assert result.counts["rows_in"] == result.counts["rows_out"] == 10
    areas = shared.execute("SELECT id, ST_Area(geom) FROM places WHERE id < 20").fetchall()
    query = sql.SQL("SELECT id, ST_Area(geom) FROM {}").format(result.relation)
    repaired: dict[int, float] = dict(shared.execute(query).fetchall())
    assert repaired == dict(areas) | {20: pytest.approx(2.0), 30: pytest.approx(1.0)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_skip(shared: Connection, job_type: str, params: dict[str, Any], mode: str) -> None:
    dataset_id = broken(shared)
    result = run(shared, job_type, dataset_id, output_mode=mode, on_invalid="skip", **params)
    check_shapes(result, "geometry(MultiPolygon,27700)", 2)
    counts = result.counts
    assert result.column("id") == list(range(1, 9))
    assert (counts["n"], counts["n_repaired"], counts["n_skipped"]) == (8, 0, 2)
    assert (counts["rows_in"], counts["rows_out"], counts["failed"]) == (10, 8, 2)
    assert [each["id"] for each in counts["dropped"]] == [20, 30]
    assert counts["dropped"][0]["reason"] == "Self-intersection[21 1]"
    rows = result.rows()
    left = add_table(shared, squares(), geometry_type="Polygon")
    assert_same(rows, run(shared, job_type, left, **params).rows())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("on_invalid", ["repair", "skip"])
@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_the_catalog_describes_the_output(
    shared: Connection, job_type: str, params: dict[str, Any], on_invalid: str, mode: str
) -> None:
    """Not the input, whose invalid shapes are left out, or mended and smaller."""
    dataset_id = broken(shared)
    result = run(shared, job_type, dataset_id, output_mode=mode, on_invalid=on_invalid, **params)
    query = sql.SQL(
        "SELECT rows, nulls, ARRAY[ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box)] FROM (SELECT"
        " count(*) AS rows, count(*) FILTER (WHERE geom IS NULL) AS nulls, ST_Extent(geom) AS box"
        " FROM {}) AS found"
    )
    found = shared.execute(query.format(result.relation)).fetchone()
    dataset = result.dataset
    assert (dataset.row_count, dataset.null_geometry_count, dataset.bbox) == found
    assert dataset.row_count == result.counts["rows_out"]


@pytest.mark.parametrize("on_invalid", ["repair", "skip"])
def test_progress_grows_while_invalid_shapes_are_looked_for(
    shared: Connection, on_invalid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each row has much to be told of, each of the ten is, and each that is mended."""
    monkeypatch.setattr(ticks, "_EACH", 1)
    result = run(shared, "outlier_analysis", broken(shared), on_invalid=on_invalid)
    shares = [share for share, step in result.context.steps if step == "checking shapes"]
    looked_at = 0.09 if on_invalid == "repair" else 0.1
    found = [looked_at * number / 10 for number in range(11)]
    mending = [0.09, 0.095] if on_invalid == "repair" else []
    assert shares == pytest.approx(found + mending)


@pytest.mark.parametrize(
    ("job_type", "params"), [*BOTH, ("hotspot_analysis", {"neighbor_type": "queen"})]
)
def test_progress_grows_while_rows_are_written(
    shared: Connection, job_type: str, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "_EACH", 1)
    result = run(shared, job_type, broken(shared), **params)
    shares = [share for share, step in result.context.steps if step == "writing"]
    first = 0.3 if job_type == "outlier_analysis" else 0.6
    assert shares == pytest.approx([first + (1 - first) * 0.35 * number / 10 for number in range(11)])


def test_no_more_than_a_thousand_dropped_rows_are_named(shared: Connection) -> None:
    shared.execute(
        "DROP TABLE IF EXISTS many_broken; CREATE TABLE many_broken AS SELECT i AS id, i % 3 AS value,"
        " CASE WHEN i > 5 THEN 'SRID=27700;POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))'"
        " ELSE 'SRID=27700;POLYGON((0 0, 0 1, 1 1, 0 0))' END::geometry(Polygon, 27700) AS geom"
        " FROM generate_series(1, 1205) AS i"
    )
    counts = run(
        shared, "outlier_analysis", add_dataset(shared, "many_broken"), on_invalid="skip"
    ).counts
    assert counts["failed"] == 1200
    assert [each["id"] for each in counts["dropped"]] == list(range(6, 1006))


@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_fail_names_the_first_ten(shared: Connection, job_type: str, params: dict[str, Any]) -> None:
    rows = [*squares(), *((i, 1.0, BOW_TIE) for i in range(40, 25, -1))]
    dataset_id = add_table(shared, rows, geometry_type="Polygon")
    steps: list[str] = []
    with pytest.raises(UserError) as caught:
        run_analysis(
            shared,
            job_type,
            {"dataset_id": dataset_id, "value_field": "value", "on_invalid": "fail"} | params,
            on_progress=lambda _share, step: steps.append(step),
        )
    assert "15 invalid geometries" in str(caught.value)
    assert "id 26, 27, 28, 29, 30, 31, 32, 33, 34, 35;" in str(caught.value)
    assert '"repair" or "skip"' in str(caught.value)
    assert set(steps) == {"checking shapes"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_what_cannot_be_repaired_is_said(
    shared: Connection, job_type: str, params: dict[str, Any], mode: str
) -> None:
    dataset_id = add_table(shared, [*squares(), (50, 4.0, FLAT)], geometry_type="Polygon")
    result = run(shared, job_type, dataset_id, output_mode=mode, **params)
    last = result.rows()[-1]
    assert (last["id"], last["geom"], result.dataset.null_geometry_count) == (50, None, 1)
    assert (result.counts["n_repaired"], result.counts["n_empty"]) == (0, 1)
    said = "1 invalid shapes could not be repaired and are NULL in the output"
    assert result.counts["notes"][0] == said


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("declared", "wkt", "expected_type", "expected", "note"),
    [
        ("Point", "POINT({0} 0)", "Point,27700", "POINT(1 0)", None),
        ("PointZ", "POINT Z ({0} 0 7)", "PointZ,27700", "POINT(1 0 7)", None),
        ("PointM", "POINT M ({0} 0 7)", "Point,27700", "POINT(1 0)", "M values"),
        ("PointZM", "POINT ZM ({0} 0 7 8)", "PointZ,27700", "POINT(1 0 7)", "M values"),
        ("MultiPoint", "MULTIPOINT({0} 0)", "MultiPoint,27700", "MULTIPOINT(1 0)", None),
        (
            "LineStringZ",
            "LINESTRING Z ({0} 0 7, 9 9 9)",
            "MultiLineStringZ,27700",
            "MULTILINESTRING((1 0 7,9 9 9))",
            None,
        ),
        ("GeometryZ", "POINT Z ({0} 0 7)", "PointZ,27700", "POINT(1 0 7)", None),
        (
            "Geometry",
            "POLYGON(({0} 0, 9 0, 9 9, {0} 0))",
            "MultiPolygon,27700",
            "MULTIPOLYGON(((1 0,9 0,9 9,1 0)))",
            None,
        ),
        (
            "MultiPolygonZM",
            "MULTIPOLYGON ZM ((({0} 0 1 2, 9 0 1 2, 9 9 1 2, {0} 0 1 2)))",
            "MultiPolygonZ,27700",
            "MULTIPOLYGON(((1 0 1,9 0 1,9 9 1,1 0 1)))",
            "M values",
        ),
    ],
)
def test_type_of_the_output(
    shared: Connection,
    declared: Any,
    wkt: str,
    expected_type: str,
    expected: str,
    note: str | None,
    mode: str,
) -> None:
    rows = [(i, float(i % 3), wkt.format(i)) for i in range(1, 8)]
    dataset_id = add_table(shared, rows, geometry_type=declared)
    for job_type, params in BOTH:
        result = run(shared, job_type, dataset_id, output_mode=mode, **params)
        assert result.types()["geom"] == f"geometry({expected_type})"
        assert result.rows()[0]["geom"] == f"SRID=27700;{expected}"
        assert any(note in each for each in result.counts["notes"]) if note else True
        assert note is not None or not [each for each in result.counts["notes"] if "values" in each]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("wkt", "expected"),
    [
        ("POINT({0} 0)", "Point"),
        ("POINT Z ({0} 0 7)", "PointZ"),
        ("LINESTRING M ({0} 0 7, 9 9 9)", "MultiLineString"),
        ("MULTIPOLYGON ZM ((({0} 0 1 2, 9 0 1 2, 9 9 1 2, {0} 0 1 2)))", "MultiPolygonZ"),
    ],
)
def test_a_column_that_promises_nothing(
    connection: Connection, wkt: str, expected: str, mode: str
) -> None:
    dataset_id = add_table(connection, [(1, 0.0, None)])
    connection.execute("ALTER TABLE places ALTER geom TYPE geometry")
    insert = "INSERT INTO places VALUES (%s, %s, ST_GeomFromEWKT(%s))"
    for i in range(2, 9):
        connection.execute(insert, (i, i % 3, f"SRID=27700;{wkt.format(i)}"))
    for job_type, params in BOTH:
        result = run(connection, job_type, dataset_id, output_mode=mode, **params)
        assert result.types()["geom"] == f"geometry({expected},27700)"


@pytest.mark.parametrize("mode", MODES)
def test_mixed_kinds_stay_what_they_are(shared: Connection, mode: str) -> None:
    shapes = ["POINT({0} 0)", "LINESTRING({0} 0, {0} 1)", "POLYGON(({0} 0, {0} 1, 9 9, {0} 0))"]
    rows = [(i, float(i % 4), shapes[i % 3].format(i)) for i in range(1, 10)]
    dataset_id = add_table(shared, [*rows, (20, 1.0, BOW_TIE)], srid=0)
    static = run(shared, "hotspot_analysis", dataset_id, distance=3)
    result = run(shared, "hotspot_analysis", dataset_id, distance=3, output_mode=mode)
    assert result.types()["geom"] == "geometry(Geometry)" or result.types()["geom"] == "geometry"
    assert [row["geom"].split("(")[0] for row in result.rows()[:3]] == ["LINESTRING", "POLYGON", "POINT"]
    assert_same(result.rows()[:9], static.rows()[:9])
    assert result.counts["n_repaired"] == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("job_type", "params"), BOTH)
def test_curves_are_linearised(
    shared: Connection, job_type: str, params: dict[str, Any], mode: str
) -> None:
    disc = "CURVEPOLYGON(CIRCULARSTRING({0} 0, {1} 1, {2} 0, {1} -1, {0} 0))"
    rows = [(i, float(i * i % 5), disc.format(3 * i, 3 * i + 1, 3 * i + 2)) for i in range(1, 9)]
    broken_curve = (
        "CURVEPOLYGON(CIRCULARSTRING(60 0, 61 1, 62 0, 61 -1, 60 0), (60 0, 64 0, 64 1, 60 0))"
    )
    for extra, repaired in (([], 0), ([(20, 1.0, broken_curve)], 1)):
        dataset_id = add_table(shared, [*rows, *extra], geometry_type="CurvePolygon")
        result = run(shared, job_type, dataset_id, output_mode=mode, **params)
        check_shapes(result, "geometry(MultiPolygon,27700)", 2)
        assert result.counts["n_repaired"] == repaired
        assert "curves were replaced by short straight lines" in result.counts["notes"]


@pytest.mark.parametrize("mode", MODES)
def test_coordinates_that_are_no_numbers(shared: Connection, mode: str) -> None:
    add_table(shared, squares(), geometry_type="Polygon")
    shared.execute(
        "INSERT INTO places SELECT 60, 1, ST_SetSRID(ST_MakePolygon(ST_MakeLine(ARRAY["
        "ST_MakePoint(0, 0), ST_MakePoint('NaN', 0), ST_MakePoint(1, 1), ST_MakePoint(0, 0)])), 27700)"
    )
    shared.execute("DELETE FROM geocrew.datasets WHERE table_name = 'places'")
    dataset_id = add_dataset(shared, "places")
    for job_type, params in BOTH:
        result = run(shared, job_type, dataset_id, output_mode=mode, **params)
        assert len(result.rows()) == 9
        assert result.rows()[-1]["gi_z" if "distance" in params else "outlier_score"] is None


def test_several_srids_are_refused_with_their_counts(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE mixed AS SELECT i AS id, i AS value,"
        " ST_Point(i, i, CASE WHEN i < 4 THEN 27700 ELSE 4326 END) AS geom"
        " FROM generate_series(1, 9) AS i"
    )
    dataset_id = add_dataset(connection, "mixed")
    for job_type, params in BOTH:
        with pytest.raises(UserError, match=r"SRID 4326: 6 rows, SRID 27700: 3 rows"):
            run(connection, job_type, dataset_id, **params)


@pytest.mark.parametrize("kind", ["POLYHEDRALSURFACE", "TIN", "TRIANGLE"])
def test_surfaces_that_nothing_can_compute_with_are_refused(connection: Connection, kind: str) -> None:
    ring = "((0 0 0, 0 1 0, 1 0 1, 0 0 0))"
    wkt = f"{kind} Z {ring if kind == 'TRIANGLE' else f'({ring})'}"
    connection.execute("CREATE TABLE solids (id int PRIMARY KEY, value float8, geom geometry)")
    for number in range(5):
        connection.execute(
            "INSERT INTO solids VALUES (%s, 1, ST_GeomFromText(%s, 27700))", (number, wkt)
        )
    dataset_id = add_dataset(connection, "solids")
    jobs: list[tuple[str, dict[str, Any]]] = [
        *(
            (job_type, {"dataset_id": dataset_id, "value_field": "value"} | more)
            for job_type, more in BOTH
        ),
        ("nearest", {"source_dataset_id": dataset_id, "target_dataset_id": dataset_id}),
        ("dissolve", {"source_dataset_id": dataset_id, "dissolve_mode": "all"}),
        ("clip", {"dataset_id": dataset_id, "clip_dataset_id": dataset_id}),
    ]
    for job_type, params in jobs:
        with pytest.raises(UserError, match=f"dataset {dataset_id} holds shapes of the type {kind} in"):
            run_analysis(connection, job_type, params)
