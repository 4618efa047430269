"""Which PostgreSQL type an Arrow column becomes, and how its values travel there."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from geocrew.datasets import pgcopy
from geocrew.errors import RefusedInput


@dataclass(frozen=True)
class Column:
    """A column to be: `arrow` is the type that `encode` wants."""

    name: str
    sql_type: str
    arrow: pa.DataType
    encode: Callable[[pa.Array], pgcopy.Fields]
    text_fallback: str | None = None

    def fields(self, array: pa.Array, first_row: int) -> pgcopy.Fields:
        """Encode a batch; raises RefusedInput with the row (1-based) that PostgreSQL cannot hold."""
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if types.is_string(array.type) or types.is_large_string(array.type):
            array = self._readable(array, first_row)
        try:
            array = array.cast(self.arrow)
        except pa.ArrowInvalid as error:
            row = next((i for i in range(len(array)) if not _casts(array.slice(i, 1), self.arrow)), 0)
            raise RefusedInput(
                f'row {first_row + row}: field "{self.name}" holds a value that no '
                f"{self.sql_type} holds: {error}"
            ) from error
        return self.encode(array)

    def _readable(self, array: pa.Array, first_row: int) -> pa.Array:
        """Make sure of UTF-8 without NUL."""
        try:
            array.validate(full=True)
        except pa.ArrowInvalid as error:
            values = array.cast(pa.binary(), safe=False).to_pylist()
            if self.text_fallback is None:
                row = next(i for i, value in enumerate(values) if not _is_utf8(value))
                raise RefusedInput(
                    f'row {first_row + row}: the text in field "{self.name}" is not UTF-8'
                ) from error
            array = pa.array([v if v is None else v.decode(self.text_fallback) for v in values])
        nul = pgcopy.first_where(pc.match_substring(array, "\0"))
        if nul is not None:
            raise RefusedInput(
                f'row {first_row + nul}: the text in field "{self.name}" holds a NUL byte, which '
                f"no text may"
            )
        return array


def column(name: str, arrow: pa.DataType, text_fallback: str | None = None) -> Column:
    """Choose the PostgreSQL type; what has none of its own (durations, intervals) becomes text."""
    if types.is_dictionary(arrow):
        return column(name, arrow.value_type, text_fallback)
    if isinstance(arrow, pa.BaseExtensionType):
        if arrow.extension_name == "arrow.json":
            return Column(name, "jsonb", pa.string(), pgcopy.json_texts, text_fallback)
        return column(name, arrow.storage_type, text_fallback)
    for matches, sql_type, target, encode in _RULES:
        if matches(arrow):
            return Column(name, sql_type, target or arrow, encode, text_fallback)
    return Column(name, "text", pa.string(), pgcopy.texts, text_fallback)


def _small(arrow: pa.DataType) -> bool:
    return arrow in (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16())


def _zoned(arrow: pa.DataType) -> bool:
    return types.is_timestamp(arrow) and arrow.tz is not None


_RULES: tuple[
    tuple[Callable[[pa.DataType], bool], str, pa.DataType | None, Callable[[pa.Array], pgcopy.Fields]],
    ...,
] = (
    (types.is_boolean, "boolean", None, pgcopy.booleans),
    (_small, "integer", pa.int32(), lambda array: pgcopy.numbers(array, ">i4")),
    (types.is_integer, "bigint", pa.int64(), lambda array: pgcopy.numbers(array, ">i8")),
    (types.is_floating, "float8", pa.float64(), lambda array: pgcopy.numbers(array, ">f8")),
    (types.is_decimal, "float8", pa.float64(), lambda array: pgcopy.numbers(array, ">f8")),
    (types.is_date, "date", pa.date32(), pgcopy.dates),
    (_zoned, "timestamptz", pa.timestamp("us", "UTC"), pgcopy.timestamps),
    (types.is_timestamp, "timestamp", pa.timestamp("us"), pgcopy.timestamps),
    (types.is_time, "time", pa.time64("us"), pgcopy.times),
    (types.is_binary, "bytea", None, pgcopy.blobs),
    (types.is_large_binary, "bytea", None, pgcopy.blobs),
    (types.is_fixed_size_binary, "bytea", None, pgcopy.blobs),
    (types.is_nested, "jsonb", None, pgcopy.json_values),
)


def _casts(array: pa.Array, target: pa.DataType) -> bool:
    try:
        array.cast(target)
    except pa.ArrowInvalid:
        return False
    return True


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
