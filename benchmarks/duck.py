"""DuckDB spatial as a peer, where it loads: shapes come from PostGIS by COPY and go back the same way.

It is not among the locked requirements: `pip install "geocrew[bench]"` fetches it with its extension.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
from benchmarks.server import count, finish

from geocrew.db import Connection


def is_there() -> bool:
    """Whether DuckDB and its spatial extension are installed."""
    return all(find_spec(each) for each in ("duckdb", "duckdb_extensions", "duckdb_extension_spatial"))


def open_duck(threads: int = 1) -> Any:
    """Open a database in memory; one thread, as PostgreSQL's plans are serial here."""
    import_module("duckdb_extensions").import_extension("spatial")
    duck = import_module("duckdb").connect(config={"threads": threads})
    duck.execute("LOAD spatial")
    return duck


def load(connection: Connection, duck: Any, table: str, *columns: str) -> None:
    """Copy `table` with id, geom and more columns from PostGIS into DuckDB."""
    names = ("id", *columns)
    query = f"SELECT {', '.join(names)}, ST_AsBinary(geom) FROM {table}"
    rows = connection.execute(query.encode(), binary=True).fetchall()
    arrays = {name: [row[i] for row in rows] for i, name in enumerate((*names, "wkb"))}
    duck.register("loaded", pa.table(arrays))
    duck.execute(
        f"CREATE TABLE {table} AS SELECT * EXCLUDE (wkb), ST_GeomFromWKB(wkb) AS geom FROM loaded"
    )
    duck.unregister("loaded")


def store(connection: Connection, duck: Any, query: str, table: str, columns: str) -> int:
    """Copy what `query` (its last column: WKB) finds into a new table of PostGIS; return its rows."""
    connection.execute(f"CREATE TABLE {table} ({columns})".encode())
    result = duck.execute(query)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        while rows := result.fetchmany(10_000):
            for row in rows:
                copy.write_row((*row[:-1], bytes(row[-1]).hex()))
    for statement in finish(table):
        connection.execute(statement.encode())
    return count(connection, table)
