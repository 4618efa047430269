"""How much there is in a layer, without reading it."""

from geocrew.datasets.compose import compose
from geocrew.datasets.layer import Layer
from geocrew.db import Connection


def estimate_rows(connection: Connection, layer: Layer) -> int:
    """Return about how many rows a layer has, as the planner sees it; one never analysed is counted."""
    query = compose(
        "SELECT reltuples / relpages * pg_relation_size(oid) / current_setting('block_size')::int"
        " FROM pg_class WHERE oid = format('%I.%I', {schema}, {table})::regclass"
        " AND reltuples > 0 AND relpages > 0",
        schema=layer.schema,
        table=layer.table,
    )
    row = connection.execute(query).fetchone()
    if row is None:
        query = compose("SELECT count(*) FROM {table}", table=layer.relation)
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def size_of(connection: Connection, layer: Layer) -> int:
    """Return the bytes that the rows of a layer take, with the values kept apart for their length."""
    query = compose(
        "SELECT pg_table_size(format('%I.%I', {schema}, {table})::regclass)",
        schema=layer.schema,
        table=layer.table,
    )
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
