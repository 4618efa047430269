"""A field read as text, or as a time of no zone."""

from typing import LiteralString

from psycopg import sql

from geocrew.datasets.fields import Field

# JSON has times in ISO form whatever the DateStyle and zone of who reads a view.
_ISO: dict[str, LiteralString] = {
    "date": "(to_jsonb({0}) #>> '{{}}')",
    "timestamp": "replace(to_jsonb({0}) #>> '{{}}', 'T', ' ')",
    "timestamptz": "CASE WHEN isfinite({0}) THEN regexp_replace("
    "replace(to_jsonb({0} AT TIME ZONE 'UTC') #>> '{{}}', 'T', ' '), '( BC)?$', '+00\\1')"
    " ELSE {0}::text END",
}
# An array is written as one of text is. One of several dimensions would lose them, and is left as it is.
_ARRAY: LiteralString = (
    "CASE WHEN array_ndims({0}) = 1 AND array_lower({0}, 1) = 1 THEN ("
    "SELECT array_agg({1} ORDER BY each.place) FROM unnest({0}) WITH ORDINALITY AS each (value, place)"
    ")::text ELSE {0}::text END"
)


def as_text(field: Field, alias: str) -> sql.Composable:
    """Return the text of a field of table `alias`, compared byte by byte whatever its collation.

    Days and times, and lists of them, are as PostgreSQL writes them by default, in UTC.
    """
    if field.properties_column is not None:
        key = sql.Literal(field.name)
        return sql.SQL('({} ->> {}) COLLATE "C"').format(
            sql.Identifier(alias, field.properties_column), key
        )
    text = _text(field.type_name, sql.Identifier(alias, field.name))
    return sql.SQL('({}) COLLATE "C"').format(text)


def _text(type_name: str, value: sql.Identifier) -> sql.Composable:
    element = _ISO.get(type_name.removeprefix("_"))
    if type_name.startswith("_") and element is not None:
        return sql.SQL(_ARRAY).format(value, sql.SQL(element).format(sql.Identifier("each", "value")))
    return sql.SQL(_ISO.get(type_name, "{0}::text")).format(value)


def as_number(field: Field, alias: str) -> sql.Composable:
    """Return the text of a number, 1 of 1.0 as well, and the text as it is of what is no number."""
    text = as_text(field, alias)
    if field.properties_column is None and field.type_name != "numeric":
        return text
    return sql.SQL(
        'CASE WHEN {number} IS NULL THEN {text} ELSE trim_scale(({text})::numeric)::text COLLATE "C" END'
    ).format(number=field.number(alias), text=text)


def as_time(field: Field, alias: str) -> sql.Composable:
    """Return a date as a date, and a timestamp without a zone: one that has a zone is read in UTC."""
    column = sql.Identifier(alias, field.name)
    if field.type_name == "timestamptz":
        return sql.SQL("({} AT TIME ZONE 'UTC')").format(column)
    return sql.SQL("{}::date" if field.type == "date" else "{}::timestamp").format(column)
