"""Datasets made for a test: a table and its catalog row."""

from collections.abc import Iterable
from typing import Any, LiteralString

from psycopg import sql

from geocrew.datasets import catalog
from geocrew.datasets.catalog import Dataset, Kind
from geocrew.db import Connection


def add_dataset(
    connection: Connection,
    table: str,
    *,
    schema: str | None = None,
    key: str | None = "id",
    geometry: str = "geom",
    srid: int = 27700,
    kind: Kind = "table",
    name: str | None = None,
    properties: tuple[str, dict[str, str]] | None = None,
    user_id: int = 1,
) -> int:
    """Put an existing relation into the catalog, as registering it does."""
    dataset_id = catalog.reserve(connection, name or table, user_id)
    catalog.add(
        connection,
        Dataset(
            id=dataset_id,
            user_id=user_id,
            name=name or table,
            kind=kind,
            registered=True,
            schema_name=schema or current_schema(connection),
            table_name=table,
            key_column=key,
            geometry_column=geometry,
            geometry_type="Geometry",
            srid=srid,
            properties_column=properties[0] if properties else None,
            properties_fields=properties[1] if properties else None,
        ),
    )
    return dataset_id


def current_schema(connection: Connection) -> str:
    """Where an unqualified CREATE puts a table."""
    row = connection.execute("SELECT current_schema()").fetchone()
    return str(row[0]) if row else ""


def add_table(
    connection: Connection,
    rows: Iterable[tuple[Any, Any, Any]],
    *,
    table: str = "places",
    geometry_type: LiteralString = "Geometry",
    srid: int = 27700,
    value_type: LiteralString = "float8",
    key_type: LiteralString = "integer",
) -> int:
    """Make a dataset of (id, value, WKT) rows, with the spatial index that a table should have."""
    name = sql.Identifier(table)
    connection.execute(
        sql.SQL(
            "DROP TABLE IF EXISTS {table} CASCADE;"
            "CREATE TABLE {table} (id {key} PRIMARY KEY, value {value}, geom geometry({type}, {srid}))"
        ).format(
            table=name,
            key=sql.SQL(key_type),
            value=sql.SQL(value_type),
            type=sql.SQL(geometry_type),
            srid=sql.Literal(srid),
        )
    )
    insert = sql.SQL("INSERT INTO {} VALUES (%s, %s, ST_GeomFromEWKT(%s))").format(name)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            insert, [(key, value, wkt and f"SRID={srid};{wkt}") for key, value, wkt in rows]
        )
    connection.execute(sql.SQL("CREATE INDEX ON {} USING gist (geom)").format(name))
    connection.execute(sql.SQL("ANALYZE {}").format(name))
    connection.execute(
        "DELETE FROM geocrew.datasets WHERE (schema_name, table_name) = (%s, %s)",
        (current_schema(connection), table),
    )
    return add_dataset(connection, table, srid=srid)
