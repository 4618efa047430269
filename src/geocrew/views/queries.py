"""A query as callers write it, to what a view is made of."""

from psycopg import sql

from geocrew.db import Connection
from geocrew.views.create import Definition
from geocrew.views.engine import crashing_functions
from geocrew.views.guard import guard
from geocrew.views.role import spatial_schema
from geocrew.views.tables import ReadableTables


def guard_query(connection: Connection, query: str, tables: ReadableTables) -> Definition:
    """Return what the view is to be; raises InvalidParameters: what is refused, where, why."""
    guarded = guard(query, tables.find, spatial_schema(connection), crashing_functions(connection))
    # Not a constant, but all of it has passed the guard: the one text of users that becomes SQL.
    return Definition(sql.SQL(guarded.text), guarded.tables, "query")
