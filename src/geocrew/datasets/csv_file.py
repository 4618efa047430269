"""CSV in two passes: the first finds types over the whole file, the second hands rows over."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyarrow import csv as arrow_csv

from geocrew.datasets.csv_types import Types, convert
from geocrew.datasets.source import BATCH_ROWS, Batch, Source
from geocrew.errors import RefusedInput

_DEGREES = (("lon", "lat"), ("lng", "lat"), ("long", "lat"), ("longitude", "latitude"))
_PAIRS = (*_DEGREES, ("x", "y"), ("easting", "northing"), ("eastings", "northings"))
_WKT = ("wkt", "geom", "geometry", "the_geom", "wkb_geometry")
# One row, with its shape as text, has to fit into a block.
_BLOCK_BYTES = 32 * 1024 * 1024


@contextmanager
def open_csv(path: Path, x: str | None = None, y: str | None = None) -> Iterator[Source]:
    """Yield the rows; points from two columns (`x` and `y`, or as usual), or shapes from WKT."""
    try:
        names, delimiter, skip = _header(path)
        place = _place(names, x, y)
        file = _File(path, names, delimiter, skip)
        yield _source(file, place)
    except UnicodeDecodeError as error:
        raise RefusedInput(f'"{path.name}" is not UTF-8 text: {error}; save it as UTF-8') from error
    except (pa.ArrowInvalid, csv.Error) as error:
        raise RefusedInput(f'"{path.name}" cannot be read as CSV: {error}') from error


class _File:
    """A CSV file that can be read again and again, as batches of text columns."""

    def __init__(self, path: Path, names: list[str], delimiter: str, skip: int) -> None:
        self.names = names
        self._path, self._delimiter = path, delimiter
        self._read = arrow_csv.ReadOptions(
            column_names=[str(i) for i in range(len(names))],
            skip_rows=skip,
            block_size=_BLOCK_BYTES,
            use_threads=False,
        )
        self._parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        self._convert = arrow_csv.ConvertOptions(
            column_types={str(i): pa.string() for i in range(len(names))},
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order; nothing for a file with a header only."""
        try:
            reader = arrow_csv.open_csv(self._path, self._read, self._parse, self._convert)
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error):
                return
            raise
        last = None
        with reader:
            for block in reader:
                for start in range(0, block.num_rows, BATCH_ROWS):
                    yield block.slice(start, BATCH_ROWS)
                last = block.column(len(self.names) - 1)[-1].as_py() if block.num_rows else last
        if last is not None:
            _refuse_open_quote(self._path, self._delimiter, last)


def _header(path: Path) -> tuple[list[str], str, int]:
    """Return the column names, the delimiter, and how many lines the header takes."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(1024 * 1024)
        delimiter = max(",;\t|", key=first.count)
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter)
        names = next(reader, [])
        if not names:
            raise RefusedInput(f'"{path.name}" has no header line')
        if not file.readline(1):  # the header is all there is
            _refuse_open_quote(path, delimiter, names[-1])
        return names, delimiter, reader.line_num


def _refuse_open_quote(path: Path, delimiter: str, last: str) -> None:
    """Raise RefusedInput where the file ends within a quote, all of `last`, which is its last value.

    A file in which it is closed ends in a quote or a line feed more.
    """
    value = b'"' + last.replace('"', '""').encode()
    with path.open("rb") as file:
        start = file.seek(0, os.SEEK_END) - len(value)
        file.seek(max(start - 1, 0))
        tail = file.read()
        begun = start == 0 or tail[:1] in (delimiter.encode(), b"\n", b"\r")
        if start < 0 or not begun or not tail.endswith(value):
            return
        file.seek(0)
        chunks = iter(lambda: file.read(min(_BLOCK_BYTES, start - file.tell())), b"")
        line = 1 + sum(each.count(b"\n") for each in chunks)
    problem = f'"{path.name}" line {line}: a quote is opened and never closed'
    raise RefusedInput(f"{problem}, so that all that follows is one value; close it")


def _place(names: list[str], x: str | None, y: str | None) -> tuple[int, ...]:
    """Return the positions of x and y, or of the WKT column; raises RefusedInput listing the columns."""
    columns = "its columns: " + ", ".join(f'"{each}"' for each in names)
    if (x is None) != (y is None):
        raise RefusedInput(f"x and y go together, only one is given; {columns}")
    if x is not None and y is not None:
        missing = [each for each in (x, y) if names.count(each) != 1]
        if missing:
            raise RefusedInput(f'the file has no single column "{missing[0]}"; {columns}')
        return names.index(x), names.index(y)
    lowered = [each.strip().lower() for each in names]
    found: list[tuple[int, ...]] = [
        (i, j)
        for a, b in _PAIRS
        for i, first in enumerate(lowered)
        for j, second in enumerate(lowered)
        if (first, second) == (a, b)
    ]
    shapes = [(i,) for i, each in enumerate(lowered) if each in _WKT]
    # A shape says more than a pair beside it, which is then often its centre.
    choices = shapes or found
    if len(choices) != 1:
        why = (
            "several columns could hold the coordinates"
            if choices
            else "no column is known to hold coordinates"
        )
        raise RefusedInput(f"{why}; name them with x=… and y=…; {columns}")
    return choices[0]


def _source(file: _File, place: tuple[int, ...]) -> Source:
    kept = [i for i in range(len(file.names)) if i not in place or len(place) == 2]
    types = [Types() for _ in kept]
    for batch in file.batches():
        for found, i in zip(types, kept, strict=True):
            found.narrow(batch.column(i))
    notes = []
    crs = None
    if len(place) == 2 and tuple(file.names[i].strip().lower() for i in place) in _DEGREES:
        crs = "EPSG:4326"
        notes.append("CSV names no SRID; longitude and latitude are taken as 4326")
    return Source(
        names=[file.names[i] for i in kept],
        types=[found.arrow for found in types],
        crs=crs,
        batches=_batches(file, place, kept, types),
        notes=notes,
    )


def _batches(
    file: _File, place: tuple[int, ...], kept: list[int], types: list[Types]
) -> Iterator[Batch]:
    first_row = 1
    for batch in file.batches():
        texts = [batch.column(i) for i in place]
        shapes = _points(texts, first_row) if len(texts) == 2 else _parsed(texts[0], first_row)
        columns = [convert(batch.column(i), found.arrow) for i, found in zip(kept, types, strict=True)]
        yield Batch(columns, shapes)
        first_row += batch.num_rows


def _points(texts: list[pa.Array], first_row: int) -> pa.Array:
    """Build points; a row where either coordinate is empty has none."""
    numbers = [pc.utf8_trim_whitespace(each) for each in texts]
    coordinates = np.column_stack([_floats(each, first_row) for each in numbers])
    empty = np.logical_or(*(each.is_null().to_numpy(zero_copy_only=False) for each in numbers))
    wrong = np.flatnonzero(~np.isfinite(coordinates).all(axis=1) & ~empty)
    if wrong.size:
        held = " ".join(str(each[int(wrong[0])]) for each in numbers)
        raise RefusedInput(f"row {first_row + wrong[0]}: the coordinate ({held}) is not finite")
    shapes = shapely.points(np.where(empty[:, None], 0.0, coordinates))
    return pa.array(shapely.to_wkb(np.where(empty, None, shapes)), pa.binary())


def _floats(texts: pa.Array, first_row: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.full(len(texts), np.nan)
    for position, text in enumerate(texts.to_pylist()):
        try:
            values[position] = np.nan if text is None else float(text)
        except ValueError as error:
            raise RefusedInput(
                f"row {first_row + position}: the coordinate {text!r} is not a number"
            ) from error
    return values


def _parsed(texts: pa.Array, first_row: int) -> pa.Array:
    values = np.array(texts.to_pylist(), dtype=object)
    shapes = shapely.from_wkt(values, on_invalid="ignore")
    unread = [i for i, value in enumerate(values) if value is not None and shapes[i] is None]
    if unread:
        held = str(values[unread[0]])[:60]
        raise RefusedInput(f"row {first_row + unread[0]}: {held!r} is no WKT geometry")
    return pa.array(shapely.to_wkb(shapes, flavor="iso"), pa.binary())
