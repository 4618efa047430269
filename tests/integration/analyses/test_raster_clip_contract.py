"""What a clip keeps of its raster, what it says of itself, what it refuses, and what it leaves."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.rasters import UTM, Clipped, clip, geojson, random_cells, rasterio, write
from tests.run_analysis import run_analysis

from geocrew.datasets.importer import import_file
from geocrew.db import Connection
from geocrew.errors import NotFound, UserError


def cells_box(left: float, top: float, right: float, bottom: float) -> dict[str, Any]:
    """A box in cells of the UTM grid, shrunk by a thousandth so that rounding plays no part."""
    shape = shapely.box(
        UTM.c + UTM.a * (left + 1e-3),
        UTM.f + UTM.e * (bottom - 1e-3),
        UTM.c + UTM.a * (right - 1e-3),
        UTM.f + UTM.e * (top + 1e-3),
    )
    return geojson(shapely.segmentize(shape, 100))


@pytest.fixture
def raster_dir(tmp_path: Path) -> Path:
    return tmp_path / "rasters"


def test_what_describes_the_bands_is_kept(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    path = write(tmp_path / "x.tif", random_cells(3, 200, 300), nodata=-1)
    with rasterio.open(path, "r+") as opened:
        opened.descriptions = ("height", "slope", None)
        opened.scales, opened.offsets = (0.1, 2.0, 1.0), (5.0, 0.0, -3.0)
        opened.units = ("m", "degree", "")
        opened.update_tags(SOURCE="survey", AREA_OR_POINT="Point")
        opened.update_tags(2, METHOD="Horn", STATISTICS_MEAN="12")
    for bands in (None, [3, 1], [2]):
        clipped = clip(connection, raster_dir, path, cells_box(10, 20, 100, 60), bands=bands)
        chosen = [each - 1 for each in bands or (1, 2, 3)]
        with rasterio.open(clipped.path) as after, rasterio.open(path) as before:
            for name in ("descriptions", "scales", "offsets", "units", "dtypes", "nodatavals"):
                assert getattr(after, name) == tuple(getattr(before, name)[each] for each in chosen)
            assert after.crs == before.crs
            assert after.tags()["SOURCE"] == "survey"
            assert after.tags()["AREA_OR_POINT"] == "Point"
            for number, each in enumerate(chosen, 1):
                assert after.tags(number).get("METHOD") == ("Horn" if each == 1 else None)
                assert "STATISTICS_MEAN" not in after.tags(number)
            assert np.array_equal(after.read(), before.read()[chosen, 20:60, 10:100])
            assert after.transform.almost_equals(UTM @ rasterio.Affine.translation(10, 20))


def test_palette(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    path = tmp_path / "x.tif"
    cells = random_cells(1, 200, 300, dtype="uint8")
    profile = {"driver": "GTiff", "width": 300, "height": 200, "count": 1, "dtype": "uint8"}
    with rasterio.open(
        path, "w", crs="EPSG:32633", transform=UTM, photometric="palette", **profile
    ) as o:
        o.write_colormap(1, {each: (each, 255 - each, 7, 255) for each in range(256)})
        o.write(cells)
    clipped = clip(connection, raster_dir, path, cells_box(10, 20, 100, 60))
    with rasterio.open(clipped.path) as opened:
        assert opened.colormap(1)[77] == (77, 178, 7, 255)
        assert opened.colorinterp[0].name == "palette"
        assert np.array_equal(opened.read(), cells[:, 20:60, 10:100])


def test_the_output_is_a_cog_and_is_told(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    path = write(tmp_path / "heights.tif", random_cells(2, 1400, 1600))
    clipped = clip(connection, raster_dir, path, cells_box(0, 0, 1600, 1400))
    with rasterio.open(clipped.path) as opened:
        assert opened.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert opened.block_shapes == [(512, 512)] * 2
        assert opened.overviews(1) == [2, 4]
        assert opened.compression.value == "DEFLATE"
    told, dataset = clipped.run.dataset.raster or {}, clipped.run.dataset
    assert (told["width"], told["height"], told["bands"], told["overviews"]) == (1600, 1400, 2, [2, 4])
    assert (dataset.kind, dataset.name, dataset.srid) == ("raster", "Clip of heights", 32633)
    assert (dataset.row_count, dataset.table_name) == (None, None)
    assert clipped.run.counts == {
        "width": 1600,
        "height": 1400,
        "bands": 2,
        "n_pixels_inside": 1600 * 1400,
        "nodata_share": [0.0, 0.0],
        "notes": [],
    }
    shares = [share for share, _ in clipped.run.context.steps]
    assert shares == sorted(shares)
    assert shares[-1] < 0.97


def test_cover_and_edges_on_the_grid(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    """A shape over everything is the identity; edges on the edges of blocks lose and add no cell."""
    cells = random_cells(1, 1100, 1300)
    path = write(tmp_path / "x.tif", cells)
    whole = clip(connection, raster_dir, path, cells_box(-50, -50, 1400, 1200))
    assert np.array_equal(whole.cells, cells)
    assert (whole.mask == 255).all()
    for left, top, right, bottom in ((0, 0, 512, 512), (512, 512, 1024, 1024), (511, 0, 513, 1100)):
        clipped = clip(connection, raster_dir, path, cells_box(left, top, right, bottom))
        assert np.array_equal(clipped.cells, cells[:, top:bottom, left:right])
        assert (clipped.mask == 255).all()


def test_one_cell(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    cells = random_cells(1, 40, 40)
    path = write(tmp_path / "x.tif", cells, nodata=-1)
    clipped = clip(connection, raster_dir, path, cells_box(7.3, 5.3, 7.7, 5.7))
    assert clipped.cells.tolist() == [[[cells[0, 5, 7]]]]
    with pytest.raises(UserError, match=r"no cell .* has its centre inside .*; all_touched true keeps"):
        clip(connection, raster_dir, path, cells_box(7.6, 5.6, 7.9, 5.9))
    touched = clip(connection, raster_dir, path, cells_box(7.6, 5.6, 7.9, 5.9), all_touched=True)
    assert touched.cells.tolist() == [[[cells[0, 5, 7]]]]


def test_a_new_nodata_says_what_it_hides(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    cells = np.full((2, 40, 40), 5, "uint8")
    cells[1, :4, :10] = 9
    path = write(tmp_path / "x.tif", cells)
    clipped = clip(connection, raster_dir, path, cells_box(0, 0, 20, 20), nodata=9)
    assert clipped.run.counts["notes"] == [
        "band 2: 40 cells inside hold 9 as their value and are nodata now"
    ]
    again = write(tmp_path / "y.tif", cells, nodata=9)
    assert (
        clip(connection, raster_dir, again, cells_box(0, 0, 20, 20), nodata=9).run.counts["notes"] == []
    )


def refused(connection: Connection, raster_dir: Path, dataset_id: int, **params: Any) -> str:
    """The message, and nothing left in the directory that was not there."""
    before = sorted(raster_dir.iterdir())
    given = {"raster_dataset_id": dataset_id, "clip_geometry": cells_box(1, 1, 9, 9)} | params
    with pytest.raises(UserError) as caught:
        run_analysis(connection, "raster_clip", given, raster_dir=raster_dir)
    assert sorted(raster_dir.iterdir()) == before
    return str(caught.value)


def test_mistakes(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    made = import_file(
        connection, write(tmp_path / "ndvi.tif", random_cells(2, 40, 40)), raster_dir=raster_dir
    )
    table = add_table(connection, [(1, 1.0, "POINT(0 0)")])
    for params, words in (
        ({"bands": [3]}, f"bands 3 is not in dataset {made.id}; bands: 1 to 2"),
        ({"bands": [0]}, f"bands 0 is not in dataset {made.id}; bands: 1 to 2"),
        ({"bands": [2, 1, 2]}, "bands names 2 twice"),
        ({"bands": []}, "bands"),
        (
            {"nodata": 40000},
            f"nodata 40000 does not fit the int16 cells of dataset {made.id}; choose a whole number",
        ),
        ({"nodata": 1.5}, "nodata 1.5 does not fit the int16"),
        ({"nodata": "nan"}, "nodata nan does not fit the int16"),
        (
            {"nodata": "none"},
            'nodata should be a valid number, unable to parse string as a number, not "none"',
        ),
        ({"clip_geometry": {"type": "Point", "coordinates": [0, 0]}}, "clip_geometry must be a GeoJSON"),
        ({"crop": "perhaps"}, "crop should be a valid boolean"),
        ({"all_touch": True}, 'did you mean "all_touched"?'),
        (
            {"clip_geometry": geojson(shapely.box(600_000, 4_000_000, 600_100, 4_000_100))},
            f"dataset {made.id}, which reaches from (500000, 4999600) to (500400, 5000000) in EPSG",
        ),
    ):
        assert words in refused(connection, raster_dir, made.id, **params)
    said = refused(connection, raster_dir, table)
    assert f"raster_dataset_id {table} is a table, not a raster; rasters:" in said
    assert re.search(r"rasters: \d+ \(", said)
    assert "dataset 999999 does not exist" in refused(connection, raster_dir, 999999)


def test_a_float_takes_what_it_can_hold(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    made = import_file(
        connection,
        write(tmp_path / "x.tif", random_cells(1, 40, 40, dtype="float32")),
        raster_dir=raster_dir,
    )
    said = refused(connection, raster_dir, made.id, nodata=1e39)
    assert "float32 cells of dataset" in said
    assert 'at most 3.40282e+38, or "nan"' in said


def test_a_nodata_value_that_no_cell_can_hold(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    """-9999 among bytes marks nothing; the mask does."""
    path = write(tmp_path / "x.tif", random_cells(1, 40, 40, dtype="uint8"))
    text = path.read_bytes()
    write(path, random_cells(1, 40, 40, dtype="uint8"), nodata=255)
    altered = path.read_bytes().replace(b"255\x00", b"-99\x00")
    assert altered != text
    path.write_bytes(altered)
    clipped = clip(connection, raster_dir, path, cells_box(0, 0, 20, 20))
    assert (clipped.mask == 255).all()
    assert clipped.run.counts["nodata_share"] == [0.0]


def test_a_raster_without_a_system(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    made = import_file(
        connection, write(tmp_path / "x.tif", random_cells(1, 40, 40), crs=None), raster_dir=raster_dir
    )
    said = refused(connection, raster_dir, made.id)
    assert f"dataset {made.id} has no coordinate reference system (SRID 0)" in said
    assert "import it again with its srid" in said


def test_the_srid_given_at_import_counts(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    path = write(tmp_path / "x.tif", random_cells(1, 40, 40), crs=None)
    made = import_file(connection, path, raster_dir=raster_dir, srid=32633)
    given = {"raster_dataset_id": made.id, "clip_geometry": cells_box(1, 1, 9, 9)}
    run = run_analysis(connection, "raster_clip", given, raster_dir=raster_dir)
    assert run.dataset.srid == 32633
    assert run.counts["n_pixels_inside"] == 64


def test_a_file_that_is_elsewhere(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    made = import_file(
        connection, write(tmp_path / "x.tif", random_cells(1, 40, 40)), raster_dir=raster_dir
    )
    (raster_dir / str(made.raster_file)).unlink()
    with pytest.raises(NotFound, match=f"the file of dataset {made.id} is not in the raster directory"):
        run_analysis(
            connection,
            "raster_clip",
            {"raster_dataset_id": made.id, "clip_geometry": cells_box(1, 1, 9, 9)},
            raster_dir=raster_dir,
        )


def test_somebody_elses_raster(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    path = write(tmp_path / "x.tif", random_cells(1, 40, 40))
    made = import_file(connection, path, raster_dir=raster_dir, user_id=7)
    given = {"raster_dataset_id": made.id, "clip_geometry": cells_box(1, 1, 9, 9)}
    with pytest.raises(NotFound, match=f"dataset {made.id} does not exist"):
        run_analysis(connection, "raster_clip", given, user_id=8, raster_dir=raster_dir)


def test_a_run_that_breaks_off_leaves_no_file(
    connection: Connection, tmp_path: Path, raster_dir: Path
) -> None:
    made = import_file(
        connection, write(tmp_path / "x.tif", random_cells(1, 700, 700)), raster_dir=raster_dir
    )
    given = {"raster_dataset_id": made.id, "clip_geometry": cells_box(1, 1, 690, 690)}
    seen: list[set[str]] = []
    before = set(raster_dir.iterdir())

    def stop_at(limit: float, share: float) -> None:
        seen.append({each.name.rsplit(".tif", 1)[1] for each in set(raster_dir.iterdir()) - before})
        if share >= limit:
            raise KeyboardInterrupt

    for limit in (0.1, 0.6):

        def stop(share: float, _message: str, limit: float = limit) -> None:
            stop_at(limit, share)

        with pytest.raises(KeyboardInterrupt):
            run_analysis(connection, "raster_clip", given, raster_dir=raster_dir, on_progress=stop)
        assert set(raster_dir.iterdir()) == before
    assert {".partial.cells", ".partial.cells1"} in seen


def test_the_same_bits_again(connection: Connection, tmp_path: Path, raster_dir: Path) -> None:
    path = write(tmp_path / "x.tif", random_cells(2, 700, 700))
    first: Clipped = clip(connection, raster_dir, path, cells_box(1, 1, 690, 690))
    second = clip(connection, raster_dir, path, cells_box(1, 1, 690, 690))
    assert first.path.read_bytes() == second.path.read_bytes()
