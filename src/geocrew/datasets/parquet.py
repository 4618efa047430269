"""GeoParquet through pyarrow (GDAL's wheels come without it)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from geocrew.datasets.source import BATCH_ROWS, Batch, Source
from geocrew.errors import RefusedInput


@contextmanager
def open_parquet(path: Path) -> Iterator[Source]:
    """Yield the file's columns and its primary geometry column."""
    try:
        with path.open("rb") as file:
            opened = parquet.ParquetFile(file)
            yield _source(opened, path.name)
    except (pa.ArrowException, OSError) as error:
        raise RefusedInput(f'"{path.name}" cannot be read: {error}') from error


def _source(opened: Any, name: str) -> Source:  # pyarrow has no types
    schema = opened.schema_arrow
    primary, described = _geometry(schema, name)
    covering = described.get("covering", {}).get("bbox", {}).get("xmin", [None])[0]
    fields = [i for i, each in enumerate(schema) if each.name not in (primary, covering)]
    shapes = schema.get_field_index(primary)
    notes = (
        ["edges are spherical in the file, straight here"]
        if described.get("edges") == "spherical"
        else []
    )
    return Source(
        names=[schema.field(i).name for i in fields],
        types=[schema.field(i).type for i in fields],
        crs=_crs(described),
        batches=(
            Batch([batch.column(i) for i in fields], batch.column(shapes).cast(pa.large_binary()))
            for batch in opened.iter_batches(batch_size=BATCH_ROWS)
        ),
        notes=notes,
    )


def _geometry(schema: pa.Schema, name: str) -> tuple[str, dict[str, Any]]:
    """Return the primary geometry column and what the "geo" metadata says of it."""
    try:
        geo = json.loads((schema.metadata or {})[b"geo"])
        primary = geo["primary_column"]
        described = geo["columns"][primary]
        encoding = described["encoding"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RefusedInput(
            f'"{name}" has no GeoParquet metadata ("geo" with a primary_column); it is plain Parquet'
        ) from error
    if encoding != "WKB" or schema.get_field_index(primary) < 0:
        raise RefusedInput(
            f'"{name}": the geometry column "{primary}" has the encoding {encoding!r}; only WKB is taken'
        )
    return primary, described


def _crs(described: dict[str, Any]) -> str | None:
    """No crs member means OGC:CRS84, a null one means unknown (GeoParquet 1.1)."""
    if "crs" not in described:
        return "OGC:CRS84"
    return None if described["crs"] is None else json.dumps(described["crs"])
