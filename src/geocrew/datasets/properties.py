"""AR1's layout: one JSONB column of attributes, whose keys are the fields."""

from dataclasses import dataclass

from psycopg import sql

from geocrew.db import Connection

# Integer in every engine that reads it as bigint: no fraction, no exponent, at most 18 digits.
_SCAN = sql.SQL(
    "SELECT key, count(*), count(*) FILTER (WHERE kind = 'number'), count(*) FILTER (WHERE kind = "
    "'boolean'),"
    " count(*) FILTER (WHERE kind IN ('object', 'array')), count(geocrew.to_number(value)),"
    r" count(*) FILTER (WHERE value #>> '{{}}' ~ '^\s*[-+]?\d{{1,18}}\s*$')"
    " FROM (SELECT each.key, each.value, jsonb_typeof(each.value) AS kind"
    " FROM {table} CROSS JOIN LATERAL jsonb_each("
    "CASE WHEN jsonb_typeof({column}) = 'object' THEN {column} ELSE '{{}}' END) AS each) AS entries"
    " WHERE kind <> 'null' GROUP BY key ORDER BY key"
)


@dataclass(frozen=True)
class Properties:
    """`fields`: key → type (reading._KEYS); `not_castable`: numeric key → values that are none."""

    fields: dict[str, str]
    not_castable: dict[str, int]


def scan(connection: Connection, schema: str, table: str, column: str) -> Properties:
    """Find the keys and their types in all rows.

    A key is numeric when any value is a JSON number, or when most of its texts cast to one.
    """
    query = _SCAN.format(table=sql.Identifier(schema, table), column=sql.Identifier(column))
    fields: dict[str, str] = {}
    not_castable: dict[str, int] = {}
    for key, filled, numbers, booleans, nested, castable, integers in connection.execute(query):
        fields[key] = _type(filled, numbers, booleans, nested, castable, integers)
        if fields[key] in ("integer", "real") and castable < filled:
            not_castable[key] = filled - castable
    return Properties(fields, not_castable)


def _type(filled: int, numbers: int, booleans: int, nested: int, castable: int, integers: int) -> str:
    if castable and (numbers or 2 * castable > filled):
        return "integer" if integers == castable else "real"
    if booleans == filled:
        return "boolean"
    return "json" if nested else "text"
