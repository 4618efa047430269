"""SQL put together from a constant text and parts that are quoted by psycopg, never by us."""

from typing import LiteralString, TypeAlias

from psycopg import sql

Expression: TypeAlias = sql.Composable


def compose(template: LiteralString, **parts: Expression | float | str) -> sql.Composed:
    """Fill the `{names}` of a constant text: expressions as they are, numbers and text as literals."""
    return sql.SQL(template).format(
        **{
            name: part if isinstance(part, sql.Composable) else sql.Literal(part)
            for name, part in parts.items()
        }
    )
