"""GeoPackage, GeoJSON, FlatGeobuf and Shapefile through GDAL's Arrow stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from geocrew.datasets import gdal
from geocrew.datasets.sniff import json_kind
from geocrew.datasets.source import BATCH_ROWS, Batch, Source
from geocrew.errors import RefusedInput


@contextmanager
def open_vector(path: Path, stem: str, layer: str | None) -> Iterator[Source]:
    """Yield one layer of the sheltered file; `stem` is what the user calls its only layer."""
    pyogrio = gdal.vector()
    try:
        chosen = _choose(pyogrio.list_layers(path), path.stem, stem, layer)
        with pyogrio.raw.open_arrow(path, layer=chosen, batch_size=BATCH_ROWS, use_pyarrow=True) as (
            meta,
            reader,
        ):
            yield _source(meta, reader, None if chosen == path.stem else chosen, _promised(path))
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pa.ArrowException) as error:
        raise RefusedInput(_refused(path, stem, str(error).replace(str(path), stem))) from error
    except OSError as error:
        # Arrow's stream reports GDAL's errors as OSError.
        raise RefusedInput(f'"{stem}" cannot be read: {error}') from error


def _refused(path: Path, stem: str, reason: str) -> str:
    """Say why a file cannot be read, in words of ours where no driver takes it for its own."""
    if "not recognized" not in reason:
        return f'"{stem}" cannot be read: {reason}'
    if path.suffix in (".json", ".geojson"):
        wanted = "wanted is one FeatureCollection, Feature or geometry of GeoJSON (RFC 7946)"
        return f'"{stem}" holds {json_kind(path)}; {wanted}'
    return f'"{stem}" cannot be read: it is damaged, or of another format than its first bytes say'


def _choose(layers: Any, inner: str, stem: str, layer: str | None) -> str:  # numpy rows (name, type)
    spatial = [str(name) for name, kind in layers if kind is not None]
    names = ", ".join(f'"{stem if each == inner else each}"' for each in spatial)
    if layer is not None:
        wanted = [each for each in spatial if each == layer or (each == inner and layer == stem)]
        if not wanted:
            raise RefusedInput(
                f'layer "{layer}" with geometries is not in the file; its layers: {names}'
            )
        return wanted[0]
    if not spatial:
        raise RefusedInput("the file has no layer with geometries")
    if len(spatial) > 1:
        raise RefusedInput(f"the file has several layers, name one with layer=…: {names}")
    return spatial[0]


def _source(
    meta: dict[str, Any], reader: pa.RecordBatchReader, layer: str | None, promised: int | None
) -> Source:
    schema = reader.schema
    shapes = max(i for i, each in enumerate(schema) if _is_geometry(each))
    fields = [i for i in range(len(schema)) if i != shapes]
    latin = str(meta["encoding"]).upper() == "ISO-8859-1"
    return Source(
        names=[schema.field(i).name for i in fields],
        types=[schema.field(i).type for i in fields],
        crs=meta["crs"],
        batches=(Batch([batch.column(i) for i in fields], batch.column(shapes)) for batch in reader),
        layer=layer,
        promised_rows=promised,
        text_fallback="iso-8859-1" if latin else None,
    )


def _promised(path: Path) -> int | None:
    """FlatGeobuf's header counts the rows, and GDAL ends quietly where the file was cut short."""
    if path.suffix != ".fgb":
        return None
    count = int(gdal.vector().read_info(path)["features"])
    return count if count > 0 else None


def _is_geometry(field: pa.Field) -> bool:
    return (field.metadata or {}).get(b"ARROW:extension:name") in (b"geoarrow.wkb", b"ogc.wkb")
