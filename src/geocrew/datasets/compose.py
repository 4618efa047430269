"""SQL put together from a constant text and parts that are quoted by psycopg, never by us."""

from collections.abc import Iterable
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


def identify(*names: str) -> Expression:
    """Return a quoted name, or with several what they lead to, e.g. alias and column."""
    return sql.Identifier(*names)


def join(separator: LiteralString, parts: Iterable[Expression]) -> Expression:
    """Return the parts with the separator between them."""
    return sql.SQL(separator).join(parts)
