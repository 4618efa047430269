"""Fields: what a dataset's rows are described by, whether a column or a key of a JSONB column."""

from dataclasses import dataclass
from typing import Literal, LiteralString

from psycopg import sql

FieldType = Literal[
    "integer", "real", "text", "boolean", "date", "timestamp", "json", "geometry", "other"
]

# Base type names of PostgreSQL; anything else is "other".
_TYPES: dict[str, FieldType] = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "float4": "real",
    "float8": "real",
    "numeric": "real",
    "text": "text",
    "varchar": "text",
    "bpchar": "text",
    "name": "text",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "timestamptz": "timestamp",
    "json": "json",
    "jsonb": "json",
    "geometry": "geometry",
    "geography": "geometry",
}


@dataclass(frozen=True)
class Field:
    """A name, a type, and how SQL reads it.

    `properties_column` is set where the field is a key of that JSONB column (AR1's layout).
    """

    name: str
    type: FieldType
    sql_type: str
    type_name: str
    properties_column: str | None = None

    @property
    def numeric(self) -> bool:
        """Whether statistics can be made of it."""
        return self.type in ("integer", "real")

    def number(self, alias: str) -> sql.Composable:
        """Return the expression of a finite float8 of table `alias`, NULL where there is none."""
        if self.properties_column is not None:
            return sql.SQL("geocrew.to_number({}->{})").format(
                sql.Identifier(alias, self.properties_column), sql.Literal(self.name)
            )
        column = sql.Identifier(alias, self.name)
        if self.type == "integer":
            return sql.SQL("{}::float8").format(column)
        # NaN sorts above Infinity in PostgreSQL, so the comparison keeps finite numbers alone. The
        # bounds are those of float8, because a numeric may lie beyond them and would not convert.
        tiny: LiteralString = "WHEN abs({0}) < 2.3e-308 THEN 0 " if self.type_name == "numeric" else ""
        return sql.SQL(
            "CASE " + tiny + "WHEN {0} BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"
            " THEN {0}::float8 END"
        ).format(column)

    def present(self, alias: str) -> sql.Composable:
        """Return the condition that a row holds something here, be it a number or not."""
        if self.properties_column is None:
            return sql.SQL("{} IS NOT NULL").format(sql.Identifier(alias, self.name))
        return sql.SQL("COALESCE(jsonb_typeof({}->{}) <> 'null', false)").format(
            sql.Identifier(alias, self.properties_column), sql.Literal(self.name)
        )


def column_field(name: str, sql_type: str, type_name: str) -> Field:
    """Return the field of a typed column."""
    return Field(name, _TYPES.get(type_name, "other"), sql_type, type_name)


def property_field(name: str, field_type: FieldType, column: str) -> Field:
    """Return the field of a key in a JSONB column."""
    return Field(name, field_type, "jsonb", "jsonb", column)
