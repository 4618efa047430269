"""One function a format: the rows of a reading into a new file; each returns the number of rows."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyproj
from pyarrow import csv, parquet

from geocrew.datasets import gdal, names
from geocrew.datasets.reading import Reading
from geocrew.db import Connection

Writer = Callable[[Connection, Reading, Path, str | None], int]


def write_errors() -> tuple[type[Exception], ...]:
    """Return what the libraries raise when a format cannot hold the data."""
    pyogrio = gdal.vector()
    return (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        pyogrio.errors.FeatureError,
        pyogrio.errors.GeometryError,
        pyogrio.errors.FieldError,
        pa.ArrowException,
    )


def write_geopackage(connection: Connection, plan: Reading, path: Path, crs: str | None) -> int:
    """Row numbers and shapes get the names `fid` and `geom`, unless a field has them."""
    fields = _folded([each.name for each in plan.attributes])
    fid, shape = _free("fid", fields), _free("geom", fields)
    return _write_gdal(
        connection,
        plan,
        path,
        crs,
        fields,
        driver="GPKG",
        layer=plan.dataset.name.lstrip(_REFUSED_FIRST) or "layer",
        geometry_name=shape,
        layer_options={"FID": fid, "GEOMETRY_NAME": shape},
    )


def write_geojson(connection: Connection, plan: Reading, path: Path, crs: str | None) -> int:
    """RFC 7946: right-hand rings, cut at the antimeridian; nine decimals are 0.1 mm."""
    fields = _folded([each.name for each in plan.attributes])
    return _write_gdal(
        connection,
        plan,
        path,
        crs,
        fields,
        driver="GeoJSON",
        layer_options={"RFC7946": "YES", "COORDINATE_PRECISION": "9"},
    )


def write_flatgeobuf(connection: Connection, plan: Reading, path: Path, crs: str | None) -> int:
    """With a spatial index, which sorts the rows along a curve and has no room for missing shapes."""
    fields = _folded([each.name for each in plan.attributes])
    index = "NO" if plan.lacks_shapes(connection) else "YES"
    return _write_gdal(
        connection,
        plan,
        path,
        crs,
        fields,
        driver="FlatGeobuf",
        layer_options={"SPATIAL_INDEX": index},
    )


def write_geoparquet(connection: Connection, plan: Reading, path: Path, crs: str | None) -> int:
    """GeoParquet 1.1, shapes as WKB."""
    fields = names.unique([each.name for each in plan.attributes], ())
    shape = _free("geometry", fields)
    schema = plan.schema(fields, shape)
    described: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": [],
        "crs": pyproj.CRS.from_user_input(crs).to_json_dict() if crs else None,
    }
    if plan.dataset.bbox is not None:
        described["bbox"] = plan.dataset.bbox
    geo = {"version": "1.1.0", "primary_column": shape, "columns": {shape: described}}
    schema = schema.with_metadata({"geo": json.dumps(geo)})
    counted = Counted(plan.batches(connection, schema))
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in counted:
            writer.write_batch(batch)
    return counted.rows


def write_csv(connection: Connection, plan: Reading, path: Path, _crs: str | None) -> int:
    """UTF-8 with a header; the shape as WKT in the last column."""
    fields = names.unique([each.name for each in plan.attributes], ())
    plan = Reading(plan.dataset, plan.attributes, plan.shape, pa.string())
    schema = plan.schema(fields, _free("wkt", fields))
    counted = Counted(plan.batches(connection, schema))
    with csv.CSVWriter(path, schema) as writer:
        for batch in counted:
            writer.write_batch(batch)
    return counted.rows


class Counted:
    """Batches that pass through, how many rows they had, and what stopped them."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self.rows = 0
        self.error: BaseException | None = None
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._batches:
                self.rows += batch.num_rows
                yield batch
        except BaseException as error:
            # On the other side of GDAL only "error while accessing batch" arrives.
            self.error = error
            raise


def _write_gdal(
    connection: Connection, plan: Reading, path: Path, crs: str | None, fields: list[str], **options: Any
) -> int:
    pyogrio = gdal.vector()
    shape = options.setdefault("geometry_name", _free("geom", fields))
    schema = plan.schema(fields, shape)
    counted = Counted(plan.batches(connection, schema))
    try:
        pyogrio.raw.write_arrow(
            pa.RecordBatchReader.from_batches(schema, counted),
            path,
            crs=crs,
            geometry_type=_spelled(str(plan.dataset.geometry_type)),
            **options,
        )
    except RuntimeError as error:
        raise counted.error or error from error
    return counted.rows


def _spelled(geometry_type: str) -> str:
    """GDAL writes PointZ as "Point Z", and knows mixtures as Unknown."""
    base = geometry_type.rstrip("MZ")
    known = base if base in _SIMPLE else "Unknown"
    return f"{known} Z" if geometry_type.endswith(("Z", "ZM")) and known != "Unknown" else known


_SIMPLE = (
    "Point",
    "LineString",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
)


def _folded(wanted: list[str]) -> list[str]:
    """Make names unique in any case: GDAL would write Name and name into one field."""
    changed = names.unique([each.lower() for each in wanted], ())
    return [
        original if new == original.lower() else new
        for original, new in zip(wanted, changed, strict=True)
    ]


# What GDAL refuses at the start of a GeoPackage's layer name.
_REFUSED_FIRST = "`~!@#$%^&*()+-={}|[]\\:\";'<>?,./ "


def _free(name: str, fields: list[str]) -> str:
    taken = {each.lower() for each in fields}
    return next(
        each for each in (name, *(f"{name}_{i}" for i in range(1, len(taken) + 2))) if each not in taken
    )
