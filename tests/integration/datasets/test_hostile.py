"""Inputs that try to make GDAL read, write or fetch something else (T5) or that are bombs (T9)."""

import http.server
import json
import sqlite3
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely.geometry import Point
from tests.integration.datasets.conftest import Take

from geocrew.datasets.gdal import raster
from geocrew.errors import RefusedInput

Leftovers = Callable[[], list[str]]


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """An address that must not be asked, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815  # the name http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def documents(secret: Path, url: str, written: Path) -> dict[str, str]:
    return {
        "vrt": f'<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" '
        f'band="1"><SimpleSource>'
        f"<SourceFilename>/vsicurl/{url}/a.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
        "ogr vrt": f"<OGRVRTDataSource><OGRVRTLayer "
        f'name="x"><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>",
        "mrf": f"<MRF_META><CachedSource><Source>/vsicurl/{url}/a.tif</Source></CachedSource>"
        "<Raster><Size x='8' y='8'/>"
        f"<DataFile>{written}</DataFile><IndexFile>{written}.idx</IndexFile></Raster></MRF_META>",
        "gml": f'<!DOCTYPE a [<!ENTITY x SYSTEM "{url}/x"><!ENTITY y SYSTEM '
        f'"file://{secret}">]><gml>&x;&y;</gml>',
        "wfs": f"<OGRWFSDataSource><URL>{url}/wfs</URL></OGRWFSDataSource>",
        "esri": json.dumps(
            {"geometryType": "esriGeometryPoint", "features": [], "displayFieldName": url}
        ),
        "topo": json.dumps({"type": "Topology", "objects": {}, "arcs": []}),
        "service": f'{{"type": "GDAL_WMS", "a": "{url}"}}',
    }


@pytest.mark.parametrize("kind", sorted(documents(Path(), "", Path())))
@pytest.mark.parametrize(
    "suffix", [".gpkg", ".geojson", ".fgb", ".shp", ".zip", ".csv", ".parquet", ".tif"]
)
def test_other_formats_under_our_names(
    kind: str,
    suffix: str,
    tmp_path: Path,
    take: Take,
    listener: tuple[str, list[str]],
    leftovers: Leftovers,
) -> None:
    url, asked = listener
    secret, written = tmp_path / "secret.csv", tmp_path / "written"
    secret.write_text("x,y,word\n1,2,canary\n")
    path = tmp_path / f"input{suffix}"
    path.write_text(documents(secret, url, written)[kind])
    with pytest.raises(RefusedInput) as refused:
        take(path)
    assert "canary" not in str(refused.value)
    assert asked == []
    assert leftovers() == []
    assert sorted(each.name for each in tmp_path.iterdir() if each.name != "rasters") == [
        path.name,
        "secret.csv",
    ]


def geopackage(path: Path, *statements: str) -> Path:
    geopandas.GeoDataFrame({"a": [1]}, geometry=[Point(0, 0)], crs=4326).to_file(path, layer="good")
    database = sqlite3.connect(path)
    with database:
        database.execute("PRAGMA writable_schema = ON")
        for each in statements:
            database.execute(each)
    database.close()
    return path


FORGED = "INSERT INTO sqlite_master VALUES ({kind!r}, 'evil', 'evil', 0, {sql})"


@pytest.mark.parametrize("kind", ["table", "view", "index"])
@pytest.mark.parametrize(
    "create",
    [
        "CREATE VIRTUAL TABLE evil USING VirtualOGR({secret!r})",
        "create/* */virtual/**/table evil using VirtualOGR({secret!r})",
        "CREATE -- \n VIRTUAL TABLE evil USING fts5(a)",
        'CREATE VIRTUAL TABLE "rtree_x USING rtree(" USING VirtualOGR({secret!r})',
    ],
)
def test_geopackages_with_virtual_tables(kind: str, create: str, tmp_path: Path, take: Take) -> None:
    statement = create.format(secret=str(tmp_path / "s.csv")).replace("'", "''")
    forged = FORGED.format(kind=kind, sql=f"'{statement}'")
    with pytest.raises(RefusedInput):
        take(geopackage(tmp_path / "x.gpkg", forged), layer="good")


@pytest.mark.parametrize(
    "select",
    [
        "SELECT load_extension('/tmp/x.so') AS a",
        "SELECT \"load_extension\"('/tmp/x.so') AS a",
        "SELECT gdal_get_pixel_value('/tmp/x.tif', 1, 'pixel', 0, 0) AS a",
        "SELECT ogr_datasource_load_layers('/tmp/x.csv') AS a",
    ],
)
def test_geopackages_with_reaching_views(select: str, tmp_path: Path, take: Take) -> None:
    with pytest.raises(RefusedInput, match=r"the view 'evil', which is not a plain SELECT"):
        take(geopackage(tmp_path / "x.gpkg", f"CREATE VIEW evil AS {select}"), layer="good")


def test_geopackages_with_reaching_triggers(tmp_path: Path, take: Take) -> None:
    trigger = "CREATE TRIGGER evil AFTER INSERT ON good BEGIN SELECT load_extension('x'); END"
    with pytest.raises(RefusedInput, match=r"the trigger 'evil'"):
        take(geopackage(tmp_path / "x.gpkg", trigger), layer="good")


def test_a_plain_view_is_a_layer_like_others(tmp_path: Path, take: Take) -> None:
    path = geopackage(
        tmp_path / "x.gpkg",
        "CREATE VIEW seen AS SELECT fid AS OGC_FID, upper(a) AS a, geom FROM good",
        "INSERT INTO gpkg_contents (table_name, identifier, data_type, srs_id) VALUES ('seen', "
        "'seen', 'features', 4326)",
        "INSERT INTO gpkg_geometry_columns VALUES ('seen', 'geom', 'POINT', 4326, 0, 0)",
    )
    assert take(path, layer="seen").row_count == 1


def test_a_geotiff_cannot_name_other_files(
    tmp_path: Path, take: Take, listener: tuple[str, list[str]]
) -> None:
    url, asked = listener
    path = tmp_path / "x.tif"
    rasterio = raster()
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=600,
        height=600,
        count=1,
        dtype="uint8",
        crs="EPSG:4326",
        transform=rasterio.Affine(0.001, 0, 0, 0, -0.001, 1),
    ) as opened:
        opened.write(np.ones((1, 600, 600), "uint8"))
        opened.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=f"/vsicurl/{url}/x.tif")
    path.with_name("x.tif.aux.xml").write_text(
        f"<PAMDataset><Metadata><MDI key='a'>{url}</MDI></Metadata></PAMDataset>"
    )
    path.with_name("x.tif.ovr").write_bytes(b"II*\0nonsense")
    assert take(path).raster is not None
    assert asked == []


def archive(path: Path, *entries: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([("a.shp", bytes(50_000_000))], "more than 100 times its size"),
        ([(f"{i}.shp", b"") for i in range(65)], "65 entries; at most 64"),
        ([("../../a.shp", b"x")], "leads out of the archive"),
        ([("/a.shp", b"x")], "leads out of the archive"),
        ([("c:\\a.shp", b"x")], "leads out of the archive"),
        ([("..\\a.shp", b"x")], "leads out of the archive"),
        ([(link("a.shp"), b"/etc/passwd")], "is a symbolic link"),
        ([("a.shp", b"x"), ("inner.ZIP", b"x")], "is an archive within the archive"),
        ([("a.txt", b"x")], "holds no .shp file"),
        ([("a.shp", b"x"), ("b.shp", b"x")], 'several layers; name one: "a", "b"'),
        ([("xl/workbook.xml", b"<a/>")], "holds no .shp file"),
    ],
)
def test_zip_files_that_are_not_taken(
    entries: list[tuple[zipfile.ZipInfo | str, bytes]], said: str, tmp_path: Path, take: Take
) -> None:
    with pytest.raises(RefusedInput, match=said):
        take(archive(tmp_path / "x.zip", *entries))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_entry_that_is_damaged(method: int, tmp_path: Path, take: Take) -> None:
    path, rough = tmp_path / "x.zip", np.random.default_rng(1).integers(0, 9, 100_000)
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("a.shp", rough.astype(np.uint8).tobytes())
    content = path.read_bytes()
    for at in range(100, len(content) - 200, len(content) // 20):
        path.write_bytes(
            content[:at] + bytes(byte ^ 255 for byte in content[at : at + 50]) + content[at + 50 :]
        )
        with pytest.raises(RefusedInput, match=r"is a damaged zip file|cannot be unpacked: Invalid"):
            take(path)


def test_a_zip_entry_that_lies_about_its_size(tmp_path: Path, take: Take) -> None:
    path = archive(tmp_path / "x.zip", ("a.shp", bytes(range(256)) * 40))
    content = path.read_bytes()
    real = (10240).to_bytes(4, "little")
    assert content.count(real) == 2
    path.write_bytes(content.replace(real, (100).to_bytes(4, "little")))
    with pytest.raises(RefusedInput):
        take(path)


def test_an_encrypted_zip(tmp_path: Path, take: Take) -> None:
    path = archive(tmp_path / "x.zip", ("a.shp", b"x"))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(RefusedInput, match=r"is encrypted"):
        take(path)
