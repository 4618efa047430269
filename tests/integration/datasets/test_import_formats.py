"""Every format in, held against what geopandas wrote or reads."""

import zipfile
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import LineString, MultiPoint, MultiPolygon, Point, Polygon
from tests.integration.datasets.conftest import Rows, Take

from geocrew import demo
from geocrew.datasets.gdal import vector
from geocrew.db import Connection
from geocrew.errors import RefusedInput

LINE = LineString([(0, 0), (1, 1)])
SQUARE = Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])


def frame() -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(
        {
            "whole": [1, 2, 3],
            "real": [0.1, np.nan, -1e15],
            "text": ["é'\"", None, ""],
            "yes": [True, False, True],
        },
        geometry=[Point(1, 2), None, Point(-3.5, 4.25)],
        crs="EPSG:27700",
    )


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".parquet", ".geojson", ".shp", ".zip"])
def test_every_format_keeps_rows_values_and_srid(
    suffix: str, tmp_path: Path, take: Take, rows: Rows
) -> None:
    path = tmp_path / f"data{suffix}"
    written = frame()
    if suffix == ".parquet":
        written.to_parquet(path)
    elif suffix == ".zip":
        written.to_file(tmp_path / "inner.shp")
        with zipfile.ZipFile(path, "w") as archive:
            for part in tmp_path.glob("inner.*"):
                archive.write(part, f"folder/{part.name}")
    elif suffix == ".fgb":
        written.to_file(path, SPATIAL_INDEX="NO")
    else:
        written.to_file(path)
    dataset = take(path)
    assert (dataset.row_count, dataset.null_geometry_count) == (3, 1)
    assert (dataset.srid, dataset.geometry_type, dataset.key_column) == (27700, "Point", "id")
    assert dataset.bbox == [-3.5, 2, 1, 4.25]
    found = rows(dataset, "id, whole, real, text, yes::int, st_astext(geom), st_srid(geom)")
    # A shapefile has no empty text.
    empty = None if suffix in (".shp", ".zip") else ""
    assert found == [
        (1, 1, 0.1, "é'\"", 1, "POINT(1 2)", 27700),
        (2, 2, None, None, 0, None, None),
        (3, 3, -1e15, empty, 1, "POINT(-3.5 4.25)", 27700),
    ]
    assert dataset.source["null_counts"]["real"] == 1


@pytest.mark.parametrize(
    "path", [each for each in demo.files() if each.suffix == ".gpkg"], ids=lambda p: p.stem
)
def test_demo_data_arrives_whole(path: Path, take: Take, rows: Rows, connection: Connection) -> None:
    dataset = take(path)
    expected = vector().read_dataframe(path)
    fields = [each for each in expected.columns if each != "geometry"]
    assert dataset.name == path.stem
    assert dataset.row_count == len(expected)
    assert dataset.bbox == expected.total_bounds.tolist()
    assert dataset.srid == expected.crs.to_epsg()
    columns = ", ".join(f'"{"id_1" if each == "id" else each}"' for each in fields)
    found = pd.DataFrame(rows(dataset, columns), columns=fields)
    for each in fields:
        same = found[each].eq(expected[each]) | (found[each].isna() & expected[each].isna())
        assert same.all(), each
    shapes = shapely.from_wkb([bytes(wkb) for (wkb,) in rows(dataset, "st_asbinary(geom)")])
    assert shapely.equals_exact(shapely.normalize(shapes), shapely.normalize(expected.geometry)).all()
    index = connection.execute(
        "SELECT count(*) FROM pg_indexes WHERE tablename = %s AND indexdef LIKE '%%gist (geom)'",
        [dataset.table_name],
    ).fetchone()
    assert index == (1,)
    analysed = connection.execute(
        "SELECT reltuples::int FROM pg_class WHERE relname = %s", [dataset.table_name]
    ).fetchone()
    assert analysed == (dataset.row_count,)


@pytest.mark.parametrize(
    ("shapes", "geometry_type", "texts"),
    [
        (
            [Point(0, 0), MultiPoint([(1, 1), (2, 2)])],
            "MultiPoint",
            ["MULTIPOINT((0 0))", "MULTIPOINT((1 1),(2 2))"],
        ),
        ([LineString([(0, 0), (1, 1)])], "MultiLineString", ["MULTILINESTRING((0 0,1 1))"]),
        (
            [SQUARE, MultiPolygon([SQUARE])],
            "MultiPolygon",
            ["MULTIPOLYGON(((0 0,0 1,1 1,1 0,0 0)))"] * 2,
        ),
        (
            [Point(0, 0), LineString([(0, 0), (1, 1)])],
            "Geometry",
            ["POINT(0 0)", "MULTILINESTRING((0 0,1 1))"],
        ),
        (
            [LINE, Point(0, 0), MultiPoint([(1, 1), (2, 2)])],
            "Geometry",
            ["MULTILINESTRING((0 0,1 1))", "MULTIPOINT((0 0))", "MULTIPOINT((1 1),(2 2))"],
        ),
        ([Point(0, 0, 5), None], "PointZ", ["POINT Z (0 0 5)", None]),
        ([Point(0, 0), Point(1, 1, 7)], "PointZ", ["POINT Z (0 0 0)", "POINT Z (1 1 7)"]),
        ([None, None], "Geometry", [None, None]),
    ],
    ids=["points", "lines", "polygons", "mixed", "mixed with multi", "z", "mixed z", "nothing"],
)
@pytest.mark.parametrize("spread", [False, True])
def test_geometries_become_one_type(  # fixtures and cases
    shapes: list[shapely.Geometry],
    geometry_type: str,
    texts: list[str | None],
    spread: bool,
    tmp_path: Path,
    take: Take,
    rows: Rows,
    connection: Connection,
) -> None:
    repeat = 5000 if spread else 1  # so that the second kind comes in a later batch than the first
    data = [each for each in shapes for _ in range(repeat)]
    geopandas.GeoDataFrame(geometry=data, crs=3857).to_parquet(tmp_path / "x.parquet")
    dataset = take(tmp_path / "x.parquet")
    assert dataset.geometry_type == geometry_type
    assert [row[0] for row in rows(dataset, "st_astext(geom)")][::repeat] == texts
    declared = connection.execute(
        "SELECT type, srid FROM geometry_columns WHERE f_table_name = %s", [dataset.table_name]
    ).fetchone()
    assert declared == (geometry_type.removesuffix("Z").upper(), 3857)


def test_an_empty_file_is_an_empty_dataset(tmp_path: Path, take: Take, rows: Rows) -> None:
    frame().iloc[:0].to_parquet(tmp_path / "x.parquet")
    dataset = take(tmp_path / "x.parquet")
    assert (dataset.row_count, dataset.null_geometry_count, dataset.bbox) == (0, 0, None)
    assert rows(dataset) == []


def test_m_is_dropped_and_said(tmp_path: Path, take: Take, rows: Rows) -> None:
    (tmp_path / "x.csv").write_text('wkt,a\n"LINESTRING M (0 0 5, 1 1 6)",1\n')
    dataset = take(tmp_path / "x.csv")
    assert rows(dataset, "st_astext(geom)") == [("MULTILINESTRING((0 0,1 1))",)]
    assert "M values of 1 geometries were dropped" in dataset.source["notes"]


def test_layers_are_chosen_by_name(tmp_path: Path, take: Take) -> None:
    path = tmp_path / "two.gpkg"
    frame().to_file(path, layer="one")
    frame().iloc[:1].to_file(path, layer='o"; DROP')
    with pytest.raises(RefusedInput, match=r'several layers.*layer=.*"one", "o"; DROP"'):
        take(path)
    with pytest.raises(RefusedInput, match=r'layer "nine" .*"one", "o"; DROP"'):
        take(path, layer="nine")
    dataset = take(path, layer='o"; DROP')
    assert (dataset.row_count, dataset.name) == (1, 'o"; DROP')


def test_srid_given_replaces_the_files(tmp_path: Path, take: Take, rows: Rows) -> None:
    frame().to_parquet(tmp_path / "x.parquet")
    dataset = take(tmp_path / "x.parquet", srid=3857)
    assert dataset.srid == 3857
    assert rows(dataset, "st_srid(geom)")[0] == (3857,)
    assert any("3857 was given" in each for each in dataset.source["notes"])


def test_no_crs_is_srid_zero_and_said(tmp_path: Path, take: Take) -> None:
    frame().set_crs(None, allow_override=True).to_parquet(tmp_path / "x.parquet")
    dataset = take(tmp_path / "x.parquet")
    assert dataset.srid == 0
    assert any("SRID is 0" in each for each in dataset.source["notes"])


def test_unknown_crs_is_refused_with_advice(tmp_path: Path, take: Take) -> None:
    crs = "+proj=laea +lat_0=12.3 +lon_0=4.5 +datum=WGS84 +units=m"
    frame().set_crs(crs, allow_override=True).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(RefusedInput, match=r"not in the table spatial_ref_sys; give srid="):
        take(tmp_path / "x.parquet")
    with pytest.raises(RefusedInput, match=r"srid 999 is not in the table spatial_ref_sys"):
        take(tmp_path / "x.parquet", srid=999)


def test_progress_counts_rows(tmp_path: Path, take: Take) -> None:
    shapes = [Point(i / 100, 0) for i in range(9000)]
    geopandas.GeoDataFrame(geometry=shapes, crs=4326).to_file(tmp_path / "x.gpkg")
    heard: list[int] = []
    take(tmp_path / "x.gpkg", on_progress=heard.append)
    assert heard == [4096, 8192, 9000]


@pytest.mark.parametrize("name", ["/vsizip/a.gpkg", "GPKG:a.gpkg", "http://a!b?c.gpkg", "é x'\".gpkg"])
def test_odd_paths_are_plain_file_names(name: str, tmp_path: Path, take: Take) -> None:
    path = tmp_path / name.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "plain.gpkg").unlink(missing_ok=True)
    frame().to_file(tmp_path / "plain.gpkg")
    (tmp_path / "plain.gpkg").rename(path)
    assert take(path).row_count == 3
