"""What every reader of vector files hands over: columns, a CRS, and batches of rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

# Rows a batch. Small enough that a batch of country-sized polygons (1 MB each) stays in memory.
BATCH_ROWS = 4096


@dataclass(frozen=True)
class Batch:
    """Some rows: attribute columns in the source's order, and the shapes as WKB (binary array)."""

    columns: list[pa.Array]
    shapes: pa.Array


@dataclass(frozen=True)
class Source:
    """An opened file; `crs` is anything pyproj understands, None where the file names none.

    `promised_rows` is what the file's own header says, where one can believe it.
    `text_fallback` is the encoding of text that is not UTF-8, None where there is only UTF-8.
    """

    names: list[str]
    types: list[pa.DataType]
    crs: str | None
    batches: Iterator[Batch]
    layer: str | None = None
    promised_rows: int | None = None
    text_fallback: str | None = None
    notes: list[str] = field(default_factory=list)
