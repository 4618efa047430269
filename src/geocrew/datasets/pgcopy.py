"""Arrow arrays → the fields of a binary COPY: for each value four bytes of length, then the value.

Layout: PostgreSQL documentation, COPY, "Binary Format"; values as the types' receive functions
want them.
"""

import json
from collections.abc import Iterable
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

Fields = list[bytes]

# PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01.
_EPOCH_DAYS = 10957
_EPOCH_MICROSECONDS = _EPOCH_DAYS * 86_400_000_000


def rows(columns: list[Fields]) -> bytes:
    """Interleave the columns to rows, each with its field count in front."""
    count = len(columns).to_bytes(2, "big")
    heads = [count] * len(columns[0])
    return b"".join(chain.from_iterable(zip(heads, *columns, strict=True)))


def numbers(array: pa.Array, dtype: str, shift: int = 0) -> Fields:
    """Encode fixed-width numbers; `dtype` is the big-endian numpy type, `shift` is subtracted."""
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    record = np.empty(len(values), dtype=[("size", ">i4"), ("value", dtype)])
    record["size"] = np.dtype(dtype).itemsize
    record["value"] = values - shift if shift else values
    fields: Fields = record.view(f"V{record.itemsize}").tolist()
    for position in np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)):
        fields[position] = NULL
    return fields


def booleans(array: pa.Array) -> Fields:
    """Encode truth values."""
    return numbers(array.cast(pa.int8()), ">i1")


def dates(array: pa.Array) -> Fields:
    """Encode date32 arrays."""
    return numbers(array.cast(pa.int32()), ">i4", _EPOCH_DAYS)


def timestamps(array: pa.Array) -> Fields:
    """Encode timestamps in microseconds, with or without zone (UTC inside)."""
    return numbers(array.cast(pa.int64()), ">i8", _EPOCH_MICROSECONDS)


def times(array: pa.Array) -> Fields:
    """Encode time64 arrays in microseconds."""
    return numbers(array.cast(pa.int64()), ">i8")


def texts(array: pa.Array) -> Fields:
    """Encode UTF-8 text."""
    return blobs(array.cast(pa.large_binary()))


def blobs(array: pa.Array) -> Fields:
    """Encode bytes."""
    return prefixed(array.cast(pa.large_binary()).to_pylist())


def json_texts(array: pa.Array) -> Fields:
    """Encode JSON text for jsonb; what is no JSON becomes a JSON string (GDAL quotes none)."""
    return _jsonb(None if value is None else _as_json(value) for value in array.to_pylist())


def json_values(array: pa.Array) -> Fields:
    """Encode lists, structs and maps for jsonb; NaN and infinity, which JSON lacks, become null."""
    return _jsonb(
        None if value is None else json.dumps(_plain(value), default=str) for value in array.to_pylist()
    )


def prefixed(values: Iterable[bytes | None]) -> Fields:
    """Put its length in front of each value."""
    return [NULL if value is None else len(value).to_bytes(4, "big") + value for value in values]


def first_where(mask: pa.Array) -> int | None:
    """Return the position of the first true value."""
    position = pc.index(mask, True).as_py()
    return None if position < 0 else int(position)


def _jsonb(values: Iterable[str | None]) -> Fields:
    # jsonb's receive function wants its version number, 1, before the text.
    return prefixed(None if value is None else b"\1" + value.encode() for value in values)


def _as_json(text: str) -> str:
    try:
        return json.dumps(_plain(json.loads(text)))
    except (ValueError, RecursionError):
        return json.dumps(text)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value
