"""What PostgreSQL says of a relation now: its kind and its columns."""

from dataclasses import dataclass
from itertools import count

from psycopg import errors, sql
from psycopg.rows import class_row

from geocrew.db import Connection, statement

_SQL = "geocrew.datasets.sql"


@dataclass(frozen=True)
class Column:
    """A column: its type as SQL writes it, and the name of its base type.

    `geometry_type` (a typmod's spelling, Geometry where it promises nothing) and `srid` are those
    that a geometry or geography column is declared with, else "" and 0.
    """

    name: str
    sql_type: str
    type_name: str
    geometry_type: str
    srid: int


@dataclass(frozen=True)
class Relation:
    """`kind` is pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign."""

    oid: int
    kind: str
    columns: tuple[Column, ...]

    def column(self, name: str | None) -> Column | None:
        """Return the column of that name, if there is one."""
        return next((each for each in self.columns if each.name == name), None)


def find_relation(connection: Connection, schema: str | None, table: str | None) -> Relation | None:
    """Look a relation up by its exact names."""
    place = {"schema": schema, "table": table}
    found = connection.execute(statement(_SQL, "relation"), place).fetchone()
    if found is None:
        return None
    with connection.cursor(row_factory=class_row(Column)) as cursor:
        columns = cursor.execute(statement(_SQL, "columns"), {"relation": found[0]}).fetchall()
    return Relation(found[0], found[1], tuple(columns))


def unused_index(connection: Connection, schema: str, name: str) -> str:
    """Return an index's name, numbered if taken: a renamed table's indexes keep theirs."""
    tried = (f"{name}_{number}" if number else name for number in count())
    query = "SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NULL"
    return next(
        each for each in tried if connection.execute(query, (schema, each)).fetchone() == (True,)
    )


def has_order(connection: Connection, relation: sql.Identifier, column: str) -> bool:
    """Ask PostgreSQL whether it can order a column: types of extensions (box3d) are not all known."""
    query = sql.SQL("SELECT FROM {} AS s ORDER BY {} LIMIT 0")
    try:
        with connection.transaction():
            connection.execute(query.format(relation, sql.Identifier("s", column)))
    except errors.UndefinedFunction:
        return False
    return True
