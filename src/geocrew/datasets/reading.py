"""Rows of a dataset as Arrow batches, through a server-side cursor."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from psycopg import sql

from geocrew.datasets.catalog import Dataset
from geocrew.datasets.relation import find_relation
from geocrew.datasets.source import BATCH_ROWS
from geocrew.db import Connection

# Types whose values travel as they are; times count from 1970 in SQL, since Python's own calendar
# ends in 9999.
_MICROSECONDS = "CASE WHEN isfinite({c}) THEN (extract(epoch FROM {c}) * 1000000)::bigint END"
_TYPES: dict[str, tuple[str, pa.DataType]] = {
    "bool": ("{c}", pa.bool_()),
    "int2": ("{c}", pa.int16()),
    "int4": ("{c}", pa.int32()),
    "int8": ("{c}", pa.int64()),
    "float4": ("{c}::float8", pa.float64()),
    "float8": ("{c}", pa.float64()),
    "numeric": ("{c}::float8", pa.float64()),
    "bytea": ("{c}", pa.binary()),
    "date": ("CASE WHEN isfinite({c}) THEN {c} - date '1970-01-01' END", pa.date32()),
    "timestamp": (_MICROSECONDS, pa.timestamp("us")),
    "timestamptz": (_MICROSECONDS, pa.timestamp("us", "UTC")),
    "geometry": ("ST_AsEWKT({c})", pa.string()),
}
_TEXT = ("{c}::text", pa.string())
_ARRAY = ("to_jsonb({c})::text", pa.string())
_FINITE = "CASE WHEN abs({c}) < 'Infinity' THEN {c} END"
# Keys of AR1's JSONB column, by their type in the catalog.
_KEYS: dict[str, tuple[str, pa.DataType]] = {
    "integer": (
        "CASE WHEN geocrew.to_number({c} -> {k}) IS NOT NULL THEN ({c} ->> {k})::numeric::bigint END",
        pa.int64(),
    ),
    "real": ("geocrew.to_number({c} -> {k})", pa.float64()),
    "boolean": (
        "CASE jsonb_typeof({c} -> {k}) WHEN 'boolean' THEN ({c} ->> {k})::boolean END",
        pa.bool_(),
    ),
    "text": ("{c} ->> {k}", pa.string()),
    "json": ("({c} -> {k})::text", pa.string()),
}


@dataclass(frozen=True)
class Attribute:
    """A column of the output: its name, type and the SQL that reads it."""

    name: str
    arrow: pa.DataType
    expression: sql.Composable


@dataclass(frozen=True)
class Reading:
    """What to read: attributes, the shape's expression, and the dataset's relation."""

    dataset: Dataset
    attributes: list[Attribute]
    shape: sql.Composable
    shape_type: pa.DataType = field(default_factory=pa.binary)

    def schema(self, names: list[str], shape_name: str) -> pa.Schema:
        """Return the Arrow schema with the shape as last column."""
        fields = [(name, each.arrow) for name, each in zip(names, self.attributes, strict=True)]
        return pa.schema([*fields, (shape_name, self.shape_type)])

    def lacks_shapes(self, connection: Connection) -> bool:
        """Say whether any row's shape is NULL or empty."""
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {geom} IS NULL OR ST_IsEmpty({geom}))")
        found = connection.execute(
            query.format(self._relation(), geom=sql.Identifier(str(self.dataset.geometry_column)))
        ).fetchone()
        return bool(found and found[0])

    def _relation(self) -> sql.Identifier:
        return sql.Identifier(str(self.dataset.schema_name), str(self.dataset.table_name))

    def batches(self, connection: Connection, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows by key; needs an open transaction, for the cursor lives in it."""
        columns = [each.expression for each in self.attributes]
        key = self.dataset.key_column
        query = sql.SQL("SELECT {columns} FROM {relation}{order}").format(
            columns=sql.SQL(", ").join([*columns, self.shape]),
            relation=self._relation(),
            order=sql.SQL(" ORDER BY {}").format(sql.Identifier(key)) if key else sql.SQL(""),
        )
        with connection.cursor("geocrew_export", binary=True) as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(BATCH_ROWS):
                yield _batch(rows, schema)


def reading(connection: Connection, dataset: Dataset, shape: str, *, finite: bool = False) -> Reading:
    """Plan to read all columns of `dataset`; `shape` is SQL with {c} for its geometry column.

    With `finite`, numbers that JSON lacks (NaN, infinity) are read as NULL.
    """
    relation = find_relation(connection, dataset.schema_name, dataset.table_name)
    attributes: list[Attribute] = []
    for column in relation.columns if relation is not None else ():
        name, kind = column.name, column.type_name
        if name == dataset.properties_column:
            attributes += _keys(name, dataset.properties_fields or {})
        elif name != dataset.geometry_column:
            expression, arrow = _TYPES.get(kind, _ARRAY if kind.startswith("_") else _TEXT)
            if finite and arrow == pa.float64():
                expression = _FINITE.format(c=expression)
            attributes.append(Attribute(name, arrow, _column(expression, name)))
    return Reading(dataset, attributes, _column(shape, str(dataset.geometry_column)))


def _keys(column: str, fields: dict[str, str]) -> list[Attribute]:
    found = []
    for key, kind in fields.items():
        expression, arrow = _KEYS[kind]
        parts = {"c": sql.Identifier(column), "k": sql.Literal(key)}
        found.append(Attribute(key, arrow, sql.SQL(expression).format(**parts)))
    return found


def _column(expression: str, name: str) -> sql.Composable:
    return sql.SQL(expression).format(c=sql.Identifier(name))


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [_array(values, each.type) for values, each in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: tuple[Any, ...], arrow: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(arrow):
        return pa.array(values, pa.int64()).cast(arrow)
    if pa.types.is_date(arrow):
        return pa.array(values, pa.int32()).cast(arrow)
    return pa.array(values, arrow)
