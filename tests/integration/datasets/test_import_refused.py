"""What is not taken, what the message says, and that nothing is left."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import geopandas
import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet
from shapely.geometry import Point
from tests.integration.datasets.conftest import Take

from geocrew import demo
from geocrew.errors import GeocrewError, RefusedInput

Leftovers = Callable[[], list[str]]


def write_parquet(
    path: Path, shapes: list[shapely.Geometry | None], crs: Any = 4326, **columns: Any
) -> None:
    geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs).to_parquet(path)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (Point(float("inf"), 0), "is not finite"),
        (Point(0, float("nan")), "is not finite"),
        (Point(0, 0, float("inf")), "is not finite"),
        (Point(0, 91), "are x and y swapped"),
        (Point(361, 0), "are x and y swapped"),
    ],
)
@pytest.mark.parametrize("before", [4, 5000])
def test_bad_coordinates_are_refused_by_row(
    bad: Point, said: str, before: int, tmp_path: Path, take: Take, leftovers: Leftovers
) -> None:
    write_parquet(tmp_path / "x.parquet", [Point(0, 0)] * (before - 1) + [None, bad, Point(0, 0)])
    with pytest.raises(RefusedInput, match=rf"row {before + 1}: the coordinate .*{said}"):
        take(tmp_path / "x.parquet")
    assert leftovers() == []


def test_projected_coordinates_may_be_large(tmp_path: Path, take: Take) -> None:
    write_parquet(tmp_path / "x.parquet", [Point(5e5, 5e6)], crs=32633)
    assert take(tmp_path / "x.parquet").bbox == [5e5, 5e6, 5e5, 5e6]


def test_nul_in_text_is_refused_by_row(tmp_path: Path, take: Take, leftovers: Leftovers) -> None:
    write_parquet(tmp_path / "x.parquet", [Point(0, 0)] * 3, word=["a", "b", "c\0d"])
    with pytest.raises(RefusedInput, match=r'row 3: the text in field "word" holds a NUL byte'):
        take(tmp_path / "x.parquet")
    assert leftovers() == []


def test_numbers_too_large_are_refused_by_row(tmp_path: Path, take: Take) -> None:
    values = pa.array([1, 2**64 - 1], pa.uint64()).to_numpy()
    write_parquet(tmp_path / "x.parquet", [Point(0, 0)] * 2, big=values)
    with pytest.raises(RefusedInput, match=r'row 2: field "big" holds a value that no bigint holds'):
        take(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    "curve", ["CIRCULARSTRING(0 0,1 1,2 0)", "CURVEPOLYGON(CIRCULARSTRING(0 0,1 1,2 0,1 -1,0 0))"]
)
def test_curves_are_refused_with_advice(curve: str, tmp_path: Path, take: Take, connection: Any) -> None:
    path = tmp_path / "x.gpkg"
    geopandas.GeoDataFrame(geometry=[Point(0, 0)], crs=27700).to_file(path)
    (wkb,) = connection.execute("SELECT ST_AsBinary(%s::geometry, 'NDR')", [curve]).fetchone()
    with sqlite3.connect(path) as database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE x SET geom = ?", [b"GP\0\x01" + (27700).to_bytes(4, "little") + wkb])
    database.close()
    with pytest.raises(RefusedInput, match=r"row 1: the geometry is curved; .*ST_CurveToLine"):
        take(path)


@pytest.mark.parametrize(
    "suffix", [".gpkg", ".geojson", ".fgb", ".shp", ".zip", ".csv", ".parquet", ".tif"]
)
@pytest.mark.parametrize(
    "content", [b"", b"\0\1\2", b"<xml/>", b"PAR1PAR1", b"SQLite format 3\0" + bytes(200)]
)
def test_a_file_that_is_not_what_it_says(
    suffix: str, content: bytes, tmp_path: Path, take: Take, leftovers: Leftovers
) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(RefusedInput):
        take(path)
    assert leftovers() == []


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb", ".shp", ".parquet", ".tif"])
def test_damaged_files_are_refused(
    suffix: str, tmp_path: Path, take: Take, leftovers: Leftovers
) -> None:
    """Cut short and with flipped bytes: a clear refusal or a whole dataset, never another error."""
    path = tmp_path / f"x{suffix}"
    shapes = geopandas.GeoDataFrame(
        {"a": range(2000)}, geometry=[Point(i / 50, 1) for i in range(2000)], crs=4326
    )
    if suffix == ".tif":
        path.write_bytes(demo.files()[0].read_bytes())
    elif suffix == ".parquet":
        shapes.to_parquet(path)
    else:
        shapes.to_file(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RefusedInput):
        take(path)
    assert leftovers() == []
    for place in range(100, len(whole), len(whole) // 12):
        path.write_bytes(whole[:place] + b"\xff\xfe" * 8 + whole[place + 16 :])
        with suppress(GeocrewError):
            take(path)


@pytest.mark.parametrize(
    ("content", "held"),
    [
        ('{"type": "Topology", "objects": {}, "arcs": []}', "TopoJSON"),
        ('{"arcs": [' + "[[0,0],[1,1]]," * 900 + '[[0,0],[1,1]]], "type": "Topology"}', "TopoJSON"),
        ('{"geometryType": "esriGeometryPoint", "features": []}', "Esri JSON"),
        ('{"type":"Feature"}\n{"type":"Feature"}\n', "several JSON texts, one after another"),
        ("{}", "JSON that is no GeoJSON"),
    ],
)
def test_json_of_another_kind_is_named(content: str, held: str, tmp_path: Path, take: Take) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(RefusedInput) as refused:
        take(tmp_path / "x.json")
    wanted = "wanted is one FeatureCollection, Feature or geometry of GeoJSON (RFC 7946)"
    assert str(refused.value) == f'"x" holds {held}; {wanted}'


def test_unknown_endings_list_the_accepted(tmp_path: Path, take: Take) -> None:
    (tmp_path / "x.kml").write_text("<kml/>")
    with pytest.raises(
        RefusedInput, match=r'"x.kml" has no known ending; accepted: GeoPackage \(\.gpkg\)'
    ):
        take(tmp_path / "x.kml")
    with pytest.raises(RefusedInput, match=r"does not exist"):
        take(tmp_path / "gone.gpkg")
    (tmp_path / "d.gpkg").mkdir()
    with pytest.raises(RefusedInput, match=r"not a regular file"):
        take(tmp_path / "d.gpkg")


def test_parquet_without_geo_metadata(tmp_path: Path, take: Take) -> None:
    parquet.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(RefusedInput, match=r"plain Parquet"):
        take(tmp_path / "x.parquet")
    geo = {"version": "1.1.0", "primary_column": "g", "columns": {"g": {"encoding": "point"}}}
    table = pa.table({"g": [b""]}).replace_schema_metadata({"geo": json.dumps(geo)})
    parquet.write_table(table, tmp_path / "y.parquet")
    with pytest.raises(RefusedInput, match=r"encoding 'point'; only WKB"):
        take(tmp_path / "y.parquet")


def test_parameters_that_would_be_ignored(tmp_path: Path, take: Take) -> None:
    write_parquet(tmp_path / "x.parquet", [Point(0, 0)])
    with pytest.raises(RefusedInput, match=r'layer "b" is not in the file; GeoParquet has no layers'):
        take(tmp_path / "x.parquet", layer="b")
    with pytest.raises(RefusedInput, match=r"x and y name columns of a CSV file; this is GeoParquet"):
        take(tmp_path / "x.parquet", x="a", y="b")


def test_deep_geojson_ends_in_a_refusal_or_a_dataset(
    tmp_path: Path, take: Take, leftovers: Leftovers
) -> None:
    deep = "[" * 200_000 + "]" * 200_000
    (tmp_path / "x.geojson").write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null,"properties":{"a":'
        + deep
        + "}}]}"
    )
    with pytest.raises(RefusedInput):
        take(tmp_path / "x.geojson")
    assert leftovers() == []
