"""Out and in again: the same rows; and never half a file."""

import datetime as dt
import math
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from pyarrow import parquet
from tests.integration.datasets.conftest import Rows, Take

from geocrew.datasets import reading
from geocrew.datasets.catalog import Dataset
from geocrew.datasets.exporter import export
from geocrew.datasets.importer import import_file
from geocrew.datasets.registry import register
from geocrew.db import Connection
from geocrew.errors import NotFound, UserError

SUFFIXES = [".gpkg", ".geojson", ".fgb", ".parquet", ".csv"]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | TEXT,
        st.booleans(),
        st.none() | st.dates(dt.date(1, 1, 2)),
        st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=ROWS)
@pytest.mark.parametrize("suffix", [".gpkg", ".parquet"])
def test_values_survive_the_round_trip(
    suffix: str, data: list[tuple[Any, ...]], tmp_path: Path, raster_dir: Path, connection: Connection
) -> None:
    connection.execute("DROP TABLE IF EXISTS t; DELETE FROM geocrew.datasets WHERE registered")
    connection.execute(
        "CREATE TABLE t (n bigint, r float8, s text, b bool, d date, geom geometry(Point, 4326), "
        "key serial PRIMARY KEY)"
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO t VALUES (%s, %s, %s, %s, %s, ST_Point(%s, %s, 4326))",
            [(*row[:5], *row[5]) for row in data],
        )
    dataset = register(connection, "public", "t")
    path = tmp_path / f"x{suffix}"
    assert export(connection, dataset, path, raster_dir, overwrite=True) == len(data)
    back = import_file(connection, path, raster_dir=raster_dir)
    query = "SELECT n, r, s, b, d, ST_X(geom), ST_Y(geom) FROM {} ORDER BY key"
    found = connection.execute(sql.SQL(query).format(sql.Identifier(str(back.table_name)))).fetchall()
    assert found == [(*row[:5], *row[5]) for row in data]


@pytest.fixture
def table(connection: Connection) -> None:
    connection.execute(
        'CREATE TABLE t (id int PRIMARY KEY, "Name" text, name text, real float8, day date, '
        "moment timestamptz,"
        " amount numeric, tags text[], extra jsonb, mark uuid, raw bytea, fid int, geom "
        "geometry(PolygonZ, 27700))"
    )
    connection.execute(
        "INSERT INTO t SELECT i, 'N' || i, NULL, CASE i WHEN 2 THEN 'NaN' ELSE i / 3.0 END, "
        "'infinity', '2020-01-02 03:04:05+00',"
        " 1.25, '{a,b}', '{\"a\": 1}', '00000000-0000-0000-0000-000000000001', NULL, 7,"
        " CASE WHEN i <> 3 THEN ST_Force3D(ST_MakeEnvelope(i, 0, i + 1, 1, 27700), 9) END FROM "
        "generate_series(1, 5000) i"
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.usefixtures("table")
def test_every_format_holds_every_type(
    suffix: str, tmp_path: Path, take: Take, rows: Rows, connection: Connection
) -> None:
    dataset = register(connection, "public", "t")
    path = tmp_path / f"x{suffix}"
    assert export(connection, dataset, path, tmp_path) == 5000
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    back = take(path)
    assert back.row_count == 5000
    assert back.null_geometry_count == 1
    assert back.geometry_type == "MultiPolygonZ"
    assert back.srid == {".csv": 0, ".geojson": 4326}.get(suffix, 27700)
    found = sorted(
        rows(back, 'id_1, "Name", real, amount, tags::text, mark, day, ST_Area(geom)'),
        key=lambda row: row[0],
    )
    first = found[0]
    assert first[:4] == (1, "N1", 1 / 3, 1.25)
    assert (first[4], str(first[5]), first[6]) == (
        '["a", "b"]',
        "00000000-0000-0000-0000-000000000001",
        None,
    )
    assert found[1][2] is None or math.isnan(found[1][2])
    assert suffix == ".geojson" or first[7] == 1.0


@pytest.mark.usefixtures("table")
def test_geojson_is_rfc7946(tmp_path: Path, connection: Connection) -> None:
    dataset = register(connection, "public", "t")
    export(connection, dataset, tmp_path / "x.geojson", tmp_path)
    frame = geopandas.read_file(tmp_path / "x.geojson")
    text = (tmp_path / "x.geojson").read_text()
    assert '"crs"' not in text
    assert frame.crs.to_2d() == "EPSG:4326"
    (expected,) = connection.execute(
        "SELECT ST_AsBinary(ST_Transform(geom, 4326)) FROM t WHERE id = 1"
    ).fetchone() or ("",)
    shape = shapely.from_wkb(bytes(expected))
    assert shapely.hausdorff_distance(shape, frame.geometry[0]) < 1e-8
    assert frame.geometry[0].exterior.is_ccw


@pytest.mark.usefixtures("table")
def test_geoparquet_is_read_by_geopandas(tmp_path: Path, connection: Connection) -> None:
    export(connection, register(connection, "public", "t"), tmp_path / "x.parquet", tmp_path)
    frame = geopandas.read_parquet(tmp_path / "x.parquet")
    assert frame.crs == "EPSG:27700"
    assert frame.total_bounds.tolist() == [1, 0, 5001, 1]
    assert frame["real"][0] == 1 / 3


def test_ar1_keys_become_columns(tmp_path: Path, connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE a (id serial PRIMARY KEY, properties jsonb, geom geometry(Geometry, 4326))"
    )
    connection.execute(
        'INSERT INTO a (properties, geom) VALUES (\'{"n": "12", "s": "x", "it\'\'s \\"": 1.5}\', '
        "'SRID=4326;POINT(1 2)'),"
        ' (\'{"n": "bad", "s": null}\', NULL), (\'{"n": 7}\', NULL)'
    )
    export(connection, register(connection, "public", "a"), tmp_path / "x.parquet", tmp_path)
    frame = geopandas.read_parquet(tmp_path / "x.parquet")
    assert list(frame.columns) == ["id", "it's \"", "n", "s", "geometry"]
    assert frame["n"].tolist()[0::2] == [12, 7]
    assert math.isnan(frame["n"][1])
    assert frame["s"].isna().tolist() == [False, True, True]


def test_ar1_integers_keep_all_digits(tmp_path: Path, connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE a (id serial PRIMARY KEY, properties jsonb, geom geometry(Geometry, 4326));"
        "INSERT INTO a (properties) SELECT jsonb_build_object('n', n)"
        " FROM (VALUES (9007199254740993), (-9007199254740995)) AS t (n)"
    )
    export(connection, register(connection, "public", "a"), tmp_path / "x.parquet", tmp_path)
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table["n"].to_pylist() == [9007199254740993, -9007199254740995]


def test_ar1_integers_that_have_grown_too_large_are_told(tmp_path: Path, connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE a (id serial PRIMARY KEY, properties jsonb, geom geometry(Geometry, 4326));"
        "INSERT INTO a (properties) VALUES (jsonb_build_object('n', 5))"
    )
    dataset = register(connection, "public", "a")
    connection.execute("UPDATE a SET properties = jsonb_build_object('n', 1e20)")
    with pytest.raises(UserError, match="not of its field's type any more"):
        export(connection, dataset, tmp_path / "x.gpkg", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_dataset_is_an_empty_file(
    suffix: str, tmp_path: Path, take: Take, connection: Connection
) -> None:
    connection.execute("CREATE TABLE t (a int, geom geometry(Polygon, 4326))")
    assert (
        export(connection, register(connection, "public", "t"), tmp_path / f"x{suffix}", tmp_path) == 0
    )
    assert take(tmp_path / f"x{suffix}").row_count == 0


@pytest.mark.usefixtures("table")
def test_an_existing_file_is_kept_unless_told(tmp_path: Path, connection: Connection) -> None:
    dataset = register(connection, "public", "t")
    path = tmp_path / "x.csv"
    path.write_text("mine")
    with pytest.raises(UserError, match=r'x.csv" exists already'):
        export(connection, dataset, path, tmp_path)
    assert path.read_text() == "mine"
    assert export(connection, dataset, path, tmp_path, overwrite=True) == 5000


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.usefixtures("table")
def test_a_failed_export_leaves_nothing(
    suffix: str, tmp_path: Path, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = register(connection, "public", "t")

    batches = reading.Reading.batches

    def fail(*arguments: Any) -> Any:
        yield next(batches(*arguments))
        raise OSError("no space left on device")

    monkeypatch.setattr(reading.Reading, "batches", fail)
    path = tmp_path / f"x{suffix}"
    path.write_text("before")
    with pytest.raises(UserError, match=r"no space left on device"):
        export(connection, dataset, path, tmp_path, overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "before"


def test_what_cannot_be_written(tmp_path: Path, connection: Connection) -> None:
    connection.execute("CREATE TABLE t (geom geometry(Point))")
    dataset = register(connection, "public", "t")
    with pytest.raises(
        UserError, match=r'"x.kml": dataset 1 is a vector dataset; choose one of .gpkg, .geojson'
    ):
        export(connection, dataset, tmp_path / "x.kml", tmp_path)
    with pytest.raises(UserError, match=r"has no SRID, and GeoJSON is longitude and latitude"):
        export(connection, dataset, tmp_path / "x.geojson", tmp_path)
    with pytest.raises(UserError, match=r"cannot be written: .*No such file or directory"):
        export(connection, dataset, tmp_path / "nowhere" / "x.gpkg", tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_curve_is_an_empty_polygon(
    suffix: str, tmp_path: Path, take: Take, connection: Connection
) -> None:
    """PostGIS cannot turn it into lines."""
    connection.execute(
        "CREATE TABLE t (id int PRIMARY KEY, geom geometry(CurvePolygon, 27700));"
        "INSERT INTO t VALUES (1, ST_GeomFromText('CURVEPOLYGON EMPTY', 27700)),"
        " (2, ST_GeomFromText('CURVEPOLYGON(CIRCULARSTRING(0 0, 1 1, 2 0, 1 -1, 0 0))', 27700))"
    )
    path = tmp_path / f"x{suffix}"
    assert export(connection, register(connection, "public", "t"), path, tmp_path) == 2
    assert take(path).row_count == 2


def test_a_table_that_is_gone_is_told(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    connection.execute("CREATE TABLE gone (id int PRIMARY KEY, geom geometry(Point, 4326))")
    dataset = register(connection, "public", "gone")
    connection.execute("DROP TABLE gone")
    with pytest.raises(UserError, match=f"the table of dataset {dataset.id}, public.gone, is not there"):
        export(connection, dataset, tmp_path / "gone.gpkg", raster_dir)
    assert list(tmp_path.glob("*.gpkg")) == []


def test_a_raster_whose_file_is_gone_is_told(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    """The file to be written was blamed for it."""
    gone = Dataset(7, 1, "relief", "raster", raster_file="gone.tif", raster={})
    with pytest.raises(NotFound, match=r"the file of dataset 7, gone\.tif, is not there any more"):
        export(connection, gone, tmp_path / "out.tif", raster_dir)
    assert list(tmp_path.glob("*.tif")) == []
