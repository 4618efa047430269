"""Make a dataset of a relation that is already there: table, view, foreign table or partitions."""

from collections.abc import Sequence
from typing import Any

import psycopg

from geocrew.datasets import catalog, properties, reference_systems
from geocrew.datasets.catalog import OPERATOR, Dataset, Kind
from geocrew.datasets.describe import describe
from geocrew.datasets.relation import Column, find_relation
from geocrew.db import Connection, statement
from geocrew.errors import NotFound, RefusedInput, UserError

_SQL = "geocrew.datasets.sql"
_KINDS: dict[str, Kind] = {
    "r": "table",
    "p": "table",
    "f": "table",
    "v": "view",
    "m": "materialized_view",
}


def register(
    connection: Connection,
    schema: str,
    table: str,
    *,
    name: str | None = None,
    geometry_column: str | None = None,
    user_id: int = OPERATOR,
) -> Dataset:
    """Add the relation to the catalog; nothing is copied and nothing of it altered.

    Scans it once for counts, box and, in AR1's layout, the keys of `properties`. Raises NotFound,
    RefusedInput, and UserError when it is a dataset already.
    """
    try:
        with connection.transaction():
            return _register(connection, schema, table, name or table, geometry_column, user_id)
    except psycopg.errors.UniqueViolation as error:
        raise UserError(f'"{schema}"."{table}" has just become a dataset') from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise UserError(f'"{schema}"."{table}" cannot be read: {error.diag.message_primary}') from error


def _register(
    connection: Connection, schema: str, table: str, name: str, geometry_column: str | None, user_id: int
) -> Dataset:
    if schema.startswith("pg_temp"):
        raise RefusedInput(
            f'"{schema}"."{table}" is temporary: only its own session reads it, and it goes with that;'
            " make a permanent table of it"
        )
    relation = find_relation(connection, schema, table)
    if relation is None or relation.kind not in _KINDS:
        raise NotFound(f'there is no table or view "{table}" in schema "{schema}"')
    place = {"schema": schema, "table": table}
    known = connection.execute(statement(_SQL, "registered"), place).fetchone()
    if known is not None:
        raise UserError(f'"{schema}"."{table}" is dataset {known[0]} already')
    columns = relation.columns
    chosen = _choose(columns, f'"{schema}"."{table}"', geometry_column)
    described = describe(connection, schema, table, chosen.name, chosen.srid)
    reference_systems.check(connection, described.srid)
    key = connection.execute(statement(_SQL, "relation_key"), {"relation": relation.oid}).fetchone()
    dataset = Dataset(
        id=catalog.reserve(connection, name, user_id),
        user_id=user_id,
        name=name[:200],
        kind=_KINDS[relation.kind],
        registered=True,
        schema_name=schema,
        table_name=table,
        key_column=key[0] if key else None,
        geometry_column=chosen.name,
        geometry_type=_geometry_type(chosen, described.geometry_type),
        srid=described.srid,
        row_count=described.row_count,
        null_geometry_count=described.null_geometry_count,
        bbox=described.bbox,
        **_properties(connection, schema, table, columns),
    )
    catalog.add(connection, dataset)
    return dataset


def _choose(columns: Sequence[Column], relation: str, wanted: str | None) -> Column:
    """Return the geometry column, or raise RefusedInput listing them."""
    geometries = [each for each in columns if each.type_name == "geometry"]
    names = ", ".join(f'"{each.name}"' for each in geometries)
    if wanted is not None:
        chosen = [each for each in geometries if each.name == wanted]
        if not chosen:
            raise RefusedInput(
                f'{relation} has no geometry column "{wanted}"; it has: {names or "none"}'
            )
        return chosen[0]
    if len(geometries) > 1:
        raise RefusedInput(
            f"{relation} has several geometry columns, name one with geometry_column=…: {names}"
        )
    if geometries:
        return geometries[0]
    geographies = [each.name for each in columns if each.type_name == "geography"]
    if geographies:
        raise RefusedInput(
            f'{relation} holds the geography column "{geographies[0]}"; register a view that casts it: '
            f'SELECT …, "{geographies[0]}"::geometry AS geom'
        )
    raise RefusedInput(f"{relation} has no geometry column")


def _geometry_type(column: Column, found: str) -> str:
    """Prefer the declared type, in the spelling of a typmod; Geometry declares nothing."""
    declared = column.geometry_type
    return found if declared in ("", "Geometry") else declared


def _properties(
    connection: Connection, schema: str, table: str, columns: Sequence[Column]
) -> dict[str, Any]:
    types = {each.name: each.type_name for each in columns}
    if not (types.get("properties") == "jsonb" and types.get("geom") == "geometry" and "id" in types):
        return {"source": {"format": "PostGIS table", "notes": []}}
    found = properties.scan(connection, schema, table, "properties")
    notes = [
        f'field "{key}": {count} values are no numbers and count as NULL'
        for key, count in found.not_castable.items()
    ]
    return {
        "properties_column": "properties",
        "properties_fields": found.fields,
        "source": {"format": "AR1 table", "not_castable": found.not_castable, "notes": notes},
    }
