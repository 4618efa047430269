"""From the columns of a query to those of its view: one id, one geometry, each name once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from geocrew.datasets import names, reference_systems
from geocrew.datasets.geometry import OutputGeometry, output_geometry
from geocrew.datasets.layer import Layer
from geocrew.datasets.output import GEOMETRY, ID
from geocrew.datasets.relation import Column, Relation
from geocrew.db import Connection
from geocrew.errors import UserError

_INTEGERS = ("int2", "int4", "int8")
# What has an order, so that rows can be numbered the same way whenever they are read.
_ORDERED = {
    *(
        "bool",
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "numeric",
        "text",
        "varchar",
        "bpchar",
        "date",
    ),
    *("time", "timetz", "timestamp", "timestamptz", "interval", "uuid", "bytea", "jsonb", "geometry"),
}
_TEXTS = ("text", "varchar", "bpchar")


@dataclass(frozen=True)
class Outline:
    """The columns of a view: (name, expression of row `q` of the query).

    `keyed` tells whether the query chose its id itself, `converted` what the shapes become, None where
    they stay as they are.
    """

    columns: tuple[tuple[str, sql.Composable], ...]
    keyed: bool
    converted: OutputGeometry | None

    def select(self, query: sql.Composable) -> sql.Composed:
        """Return the SELECT that the view is."""
        return sql.SQL("SELECT {} FROM ({}) AS q").format(
            sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(value, sql.Identifier(name)) for name, value in self.columns
            ),
            query,
        )


def outline(connection: Connection, relation: Relation, source: Layer, parameter: str) -> Outline:
    """Find id and geometry among the columns of the query, which is `source` read from a staged view.

    Reads all rows where the type of the shapes is not declared. Raises UserError for none or several
    geometry columns, and for shapes of several SRIDs.
    """
    chosen = _choose_geometry(relation.columns, parameter)
    shape, converted = _shape(connection, chosen, source)
    keyed = any(each.name == ID and each.type_name in _INTEGERS for each in relation.columns)
    rest = [each for each in relation.columns if each != chosen and not (keyed and each.name == ID)]
    renamed = names.unique([each.name for each in rest], [ID, GEOMETRY])
    number = sql.SQL("q.{}::bigint").format(sql.Identifier(ID)) if keyed else _number(relation.columns)
    return Outline(
        columns=(
            (ID, number),
            *((name, _column(each)) for name, each in zip(renamed, rest, strict=True)),
            (GEOMETRY, shape),
        ),
        keyed=keyed,
        converted=converted,
    )


def _choose_geometry(columns: Sequence[Column], parameter: str) -> Column:
    found = [each for each in columns if each.type_name == "geometry"]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f'"{each.name}"' for each in found)
        raise UserError(f"{parameter} yields several geometry columns ({listed}); a view has one")
    geographies = [each.name for each in columns if each.type_name == "geography"]
    advice = (
        f'; cast "{geographies[0]}" to geometry'
        if geographies
        else f"; columns: {', '.join(each.name for each in columns) or 'none'}"
    )
    raise UserError(f"{parameter} yields no geometry column, and a view has one{advice}")


def _shape(
    connection: Connection, chosen: Column, source: Layer
) -> tuple[sql.Composable, OutputGeometry | None]:
    """Return the shape as it is where its type is declared, else made one type in one SRID."""
    shape = sql.Identifier("q", chosen.name)
    if chosen.srid and chosen.geometry_type not in ("", "Geometry"):
        return shape, None
    srid = _find_srid(connection, chosen, source)
    reference_systems.check(connection, srid)
    read = replace(
        source, geometry_column=chosen.name, geometry_type=chosen.geometry_type or "Geometry", srid=srid
    )
    converted = output_geometry(connection, read)
    return converted.force(shape), converted


def _find_srid(connection: Connection, chosen: Column, source: Layer) -> int:
    """Return the SRID of all shapes, the source's where there are none."""
    query = sql.SQL("SELECT ST_SRID({0}), count(*) FROM {1} WHERE {0} IS NOT NULL GROUP BY 1 ORDER BY 1")
    name = sql.Identifier(chosen.name)
    found = connection.execute(query.format(name, source.relation)).fetchall()
    if len(found) > 1:
        counts = ", ".join(f"SRID {srid}: {count} rows" for srid, count in found)
        raise UserError(f'"{chosen.name}" holds shapes of several SRIDs ({counts}); use ST_Transform')
    srid = int(found[0][0]) if found else source.srid
    if srid == 0 and source.srid != 0:
        raise UserError(
            f'"{chosen.name}" has lost its SRID on the way (ST_Extent and boxes have none);'
            f" give it back with ST_SetSRID(…, {source.srid})"
        )
    return srid


def _number(columns: Sequence[Column]) -> sql.Composable:
    """Return numbers in the order of all columns; only equal rows may change places."""
    # Shapes last: they are seldom needed to tell rows apart, and dear to compare.
    known = [each for each in columns if each.type_name in _ORDERED]
    ordered = [_ordered(each) for each in sorted(known, key=lambda each: each.type_name == "geometry")]
    return sql.SQL("row_number() OVER (ORDER BY {})").format(sql.SQL(", ").join(ordered))


def _ordered(column: Column) -> sql.Composable:
    return (
        sql.SQL('{} COLLATE "C"').format(_column(column))
        if column.type_name in _TEXTS
        else _column(column)
    )


def _column(column: Column) -> sql.Identifier:
    return sql.Identifier("q", column.name)
