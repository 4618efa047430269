"""Records of binary COPY: what was packed comes back, wherever the stream is cut."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrew.datasets.arrays import SIGNATURE, Array, ArrayType, _pack, _record, _take

TYPES: dict[str, ArrayType] = {
    "address": "tid",
    "version": "xid",
    "yes": "bool",
    "small": "int2",
    "medium": "int4",
    "large": "int8",
    "real": "float8",
}
row = st.tuples(
    st.binary(min_size=6, max_size=6),
    st.binary(min_size=4, max_size=4),
    st.booleans(),
    st.integers(-(2**15), 2**15 - 1),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
)
NATIVE: dict[str, Any] = {"address": "V6", "version": "V4", "yes": "?", "small": "i2", "medium": "i4"}


def arrays_of(rows: list[tuple[Any, ...]]) -> dict[str, tuple[ArrayType, Array]]:
    columns = zip(*rows, strict=True) if rows else [[] for _ in TYPES]
    return {
        name: (kind, np.array(list(values), NATIVE.get(name, {"large": "i8", "real": "f8"}.get(name))))
        for (name, kind), values in zip(TYPES.items(), columns, strict=True)
    }


@given(st.lists(row, max_size=9), st.data())
def test_packed_rows_come_back_wherever_the_stream_is_cut(rows: list[Any], data: st.DataObject) -> None:
    arrays, record = arrays_of(rows), _record(TYPES)
    stream = SIGNATURE + _pack(arrays, record, slice(0, len(rows)))
    assert len(stream) == len(SIGNATURE) + len(rows) * record.itemsize
    cut = data.draw(st.integers(len(SIGNATURE), len(stream)))
    pending = bytearray(stream[:cut])
    pieces = [_take(pending, record, TYPES)]
    pending += stream[cut:]
    pieces.append(_take(pending, record, TYPES))
    assert not pending
    for name, (_, values) in arrays.items():
        assert all(piece[name].dtype.isnative for piece in pieces)
        found = np.concatenate([piece[name] for piece in pieces])
        assert found.tobytes() == values.tobytes()


@pytest.mark.parametrize("name", TYPES)
def test_a_null_or_another_width_is_refused(name: str) -> None:
    arrays, record = arrays_of([(b"123456", b"1234", True, 1, 2, 3, 4.0)]), _record(TYPES)
    packed = bytearray(_pack(arrays, record, slice(0, 1)))
    offset = record.fields[f"length of {name}"][1] if record.fields else 0
    for length in (-1, 3):
        packed[offset : offset + 4] = length.to_bytes(4, "big", signed=True)
        with pytest.raises(ValueError, match=f"column {name} has a NULL or is not {TYPES[name]}"):
            _take(bytearray(packed), record, TYPES)


def test_rows_are_laid_out_as_postgresql_writes_them() -> None:
    """The manual's format: the number of columns, then for each its length and its bytes, big-endian."""
    arrays: dict[str, tuple[ArrayType, Array]] = {
        "a": ("int2", np.array([1], "i2")),
        "b": ("float8", np.array([-2.0])),
    }
    record = _record({"a": "int2", "b": "float8"})
    assert _pack(arrays, record, slice(0, 1)).hex(" ", 2) == (
        "0002 0000 0002 0001 0000 0008 c000 0000 0000 0000"
    )
