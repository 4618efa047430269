"""Every analysis of every kind of shape: flat, high, curved, mixed, huge, far off, hardly readable."""

from typing import Any, LiteralString

import numpy as np
import pytest
import shapely
from psycopg import sql
from tests.integration.analyses.compare import assert_same
from tests.integration.analyses.every import BALANCE, CASES, MODES, Case, bits
from tests.integration.analyses.layers import add_table

from geocrew.db import Connection
from geocrew.errors import UserError

KINDS: dict[str, LiteralString] = {
    "PointZ": "POINT Z({0} 0 7)",
    "MultiPoint": "MULTIPOINT({0} 0, {0} 1)",
    "MultiPointM": "MULTIPOINT M({0} 0 7, {0} 1 7)",
    "LineString": "LINESTRING({0} 0, {0} 1)",
    "LineStringZM": "LINESTRING ZM({0} 0 7 8, {0} 1 9 8)",
    "MultiLineStringZ": "MULTILINESTRING Z(({0} 0 7, {0} 1 9), ({0} 2 1, {0} 3 1))",
    "CompoundCurve": "COMPOUNDCURVE(CIRCULARSTRING({0} 0, {0}.5 0.5, {0} 1), ({0} 1, {0} 2))",
    "CurvePolygon": "CURVEPOLYGON(CIRCULARSTRING({0} 0, {0}.25 0.5, {0} 1, {0}.0 0.5, {0} 0))",
    "PolygonZ": "POLYGON Z(({0} 0 7, {0}.5 0 7, {0}.5 1 9, {0} 0 7))",
    "MultiPolygonZM": "MULTIPOLYGON ZM((({0} 0 7 8, {0}.5 0 7 8, {0}.5 1 9 8, {0} 0 7 8)))",
    "MultiSurface": "MULTISURFACE((({0} 0, {0}.5 0, {0}.5 1, {0} 0)))",
}
SPREAD = ["hotspot", "outlier", "moran", "timeseries", "nearest", "dissolve", "clip", "erase"]


def with_fields(connection: Connection, table: str) -> None:
    columns: Any = f"ALTER TABLE {table} ADD part int DEFAULT 1, ADD seen text DEFAULT 'a'"
    connection.execute(columns)


def one_period(case: Case) -> dict[str, Any]:
    return {"time_periods": ["a"]} if case.job_type == "hotspot_timeseries" else {}


def far_mask(connection: Connection, case: Case) -> int:
    """All of it for a clip, and nothing for an erase."""
    x = -50 if case.job_type == "clip" else 900
    wide = f"POLYGON(({x} -50, {x + 300} -50, {x + 300} 50, {x} 50, {x} -50))"
    return add_table(connection, [(1, 0.0, wide)], table="wide")


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SPREAD)
def test_every_kind_keeps_its_heights_and_says_what_is_lost(
    connection: Connection, name: str, kind: str, mode: str
) -> None:
    """What is not cut comes out bit for bit, but for curves, M and the one Multi type."""
    case = CASES[name]
    rows = [(i, float(i * i % 7), KINDS[kind].format(i)) for i in range(9)]
    source = add_table(connection, rows, table="features", geometry_type=kind)
    with_fields(connection, "features")
    run = case.run(connection, source, far_mask(connection, case), output_mode=mode, **one_period(case))
    high = "Z" in kind
    target = {"P": "Point", "Multi": "MultiPoint"}.get(kind.replace("Point", "").rstrip("ZM") or "P")
    if name == "dissolve" and target == "Point":
        target = "MultiPoint"
    if target is None:
        target = "MultiLineString" if "Line" in kind or kind == "CompoundCurve" else "MultiPolygon"
    assert run.types()["geom"] == f"geometry({target}{'Z' if high else ''},27700)"
    notes = " ".join(run.counts["notes"])
    assert ("M values of the shapes are not kept" in notes) == kind.rstrip("Z").endswith("M")
    assert ("curves were replaced" in notes) == (
        kind in ("CompoundCurve", "CurvePolygon", "MultiSurface")
    )
    force = "ST_Force3DZ" if high else "ST_Force2D"
    promoted = f"{'ST_Multi' if target.startswith('Multi') else ''}({force}(ST_CurveToLine(geom)))"
    expected = connection.execute(
        f"SELECT ST_AsEWKB({promoted}) FROM features ORDER BY id".encode()
    ).fetchall()
    found = [shapely.from_wkb(row["geom"]) for row in bits(run)]
    wanted = [shapely.from_wkb(bytes(row[0])) for row in expected]
    if name != "dissolve":
        assert [each.wkb for each in found] == [each.wkb for each in wanted]
    one, other = shapely.union_all(found), shapely.union_all(wanted)
    assert shapely.equals(one, other)
    first, second = (shapely.get_coordinates(each, include_z=high) for each in (one, other))
    assert np.array_equal(np.unique(first, axis=0), np.unique(second, axis=0))
    assert run.counts["rows_in"] == 9 == run.counts["rows_out"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SPREAD)
def test_mixtures(connection: Connection, name: str, mode: str) -> None:
    """Points, lines, polygons and a collection in one column: each stays what it is."""
    case = CASES[name]
    shapes = [*(KINDS[kind] for kind in ("MultiPoint", "LineString")), "POINT({0} 0)"]
    shapes += [
        "POLYGON(({0} 0, {0}.5 0, {0}.5 1, {0} 0))",
        "GEOMETRYCOLLECTION(POINT({0} 0), POINT({0} 3))",
    ]
    rows = [(i, float(i * i % 7), shapes[i % 5].format(i)) for i in range(10)]
    source = add_table(connection, rows, table="features")
    with_fields(connection, "features")
    mask = far_mask(connection, case)
    if name == "dissolve":
        with pytest.raises(UserError, match=r"mixes .*: 4 points, 2 lines, 2 polygons, 2 collections"):
            case.run(connection, source, mask, output_mode=mode)
        return
    run = case.run(connection, source, mask, output_mode=mode, **one_period(case))
    assert run.types()["geom"] == "geometry(Geometry,27700)"
    kinds = sql.SQL("SELECT GeometryType(geom) FROM {} ORDER BY source_id, id").format(run.relation)
    found = [row[0] for row in connection.execute(kinds).fetchall()]
    assert found == ["MULTIPOINT", "LINESTRING", "POINT", "POLYGON", "GEOMETRYCOLLECTION"] * 2
    assert run.counts["rows_in"] == 10 == run.counts["rows_out"]


UNCLOSED = '{"type": "Polygon", "coordinates": [[[40, 0], [41, 0], [41, 1], [40, 1]]]}'


@pytest.mark.parametrize("on_invalid", ["repair", "skip"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_rings_that_are_not_closed(
    connection: Connection, name: str, mode: str, on_invalid: str
) -> None:
    """PostGIS stores them, and fails on the distance to one, as where the index on shapes is walked."""
    case = CASES[name]
    square = "POLYGON(({0} 0, {0} 1, {0}.5 1, {0}.5 0, {0} 0))"
    rows = [(i, float(i * i % 7), square.format(i)) for i in range(9)]
    source = add_table(connection, rows, table="features", geometry_type="Polygon")
    with_fields(connection, "features")
    connection.execute(
        "INSERT INTO features (id, value, geom) SELECT 50, 3, ST_SetSRID(ST_GeomFromGeoJSON(%s), 27700)",
        (UNCLOSED,),
    )
    given = {"output_mode": mode, "on_invalid": on_invalid} | one_period(case)
    mask = far_mask(connection, case)
    connection.execute("SET enable_seqscan = off")
    try:
        run = case.run(connection, source, mask, **given)
        rows_out = bits(run)
    finally:
        connection.execute("RESET enable_seqscan")
    expected = bits(case.run(connection, source, mask, **given | {"output_mode": "static"}))
    found, wanted = ([row | {"geom": ""} for row in each] for each in (rows_out, expected))
    assert_same(found, wanted)
    assert run.counts["rows_in"] == 10 == sum(run.counts[each] for each in BALANCE)
    mended = on_invalid == "repair"
    assert (run.counts["n_repaired"], run.counts["n_skipped"]) == (int(mended), int(not mended))
    shapes = [shapely.from_wkb(row["geom"]) for row in rows_out if row["geom"]]
    assert all(shapely.is_valid(shapes))
    if case.params.get("geometry") != "line":
        assert sum(shapely.area(shapes)) == pytest.approx(5.5 if mended else 4.5)
