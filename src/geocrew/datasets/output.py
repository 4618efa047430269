"""The rows of a result that come from rows of its input and keep their attributes, as one SELECT."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from psycopg import sql

from geocrew.datasets.features import Features
from geocrew.datasets.layer import Layer
from geocrew.datasets.names import numbered
from geocrew.datasets.ticks import SILENT, Ticks

ID, SOURCE_ID, GEOMETRY = "id", "source_id", "geom"
NOTHING = sql.SQL("")


@dataclass(frozen=True)
class Results:
    """Where the results of the rows come from.

    `ctes` precede the SELECT ("WITH …", or empty), `joins` follow `FROM rows AS s`, `columns` are
    (name, expression). `shape` replaces the input's shape, `where` leaves rows out, `number` replaces
    the id taken from the input where that would not be unique, `source_id` what names the input's row.
    """

    columns: Sequence[tuple[str, sql.Composable]]
    joins: sql.Composable
    ctes: sql.Composable = field(default_factory=lambda: NOTHING)
    shape: sql.Composable | None = None
    where: sql.Composable | None = None
    number: sql.Composable | None = None
    source_id: sql.Composable | None = None


def select_rows(features: Features, results: Results, ticks: Ticks = SILENT) -> sql.Composable:
    """Return the SELECT of id, source_id, the input's attributes, the results, and the shape.

    `ticks` tells of its rows: of those whose ids are the input's when they are read, which is when they
    are made; of others, which may have to be sorted first, when they are made.
    """
    layer = features.layer
    number = layer.number("s") if results.number is None else None
    columns = [
        (ID, results.number or _id(layer)),
        (SOURCE_ID, results.source_id or _source_id(layer)),
        *_attributes(layer, [name for name, _ in results.columns]),
        *results.columns,
        (GEOMETRY, results.shape or features.output_shape("s")),
    ]
    select = sql.SQL("{ctes}SELECT {columns} FROM {rows} {joins} WHERE {kept} AND {where} AND {told}")
    composed = select.format(
        ctes=results.ctes,
        columns=sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(value, sql.Identifier(name)) for name, value in columns
        ),
        rows=features.rows("s"),
        joins=results.joins,
        kept=features.kept("s"),
        where=results.where or sql.SQL("true"),
        told=sql.SQL("true") if number is None else ticks.each(number),
    )
    return composed if number is not None else ticks.told(composed, ID)


def _id(layer: Layer) -> sql.Composable:
    """Return an integer key as it is; else number the rows in the order of what identifies them."""
    number = layer.number("s")
    if number is not None:
        return sql.SQL("{}::bigint").format(number)
    rank = layer.rank("s")
    return sql.SQL("row_number() OVER ({})").format(
        NOTHING if rank is None else sql.SQL("ORDER BY {}").format(rank)
    )


def _source_id(layer: Layer) -> sql.Composable:
    return sql.Identifier("s", layer.key.name) if layer.key is not None else _id(layer)


def _attributes(layer: Layer, taken: Sequence[str]) -> list[tuple[str, sql.Composable]]:
    """Return the input's columns under names that the results leave free (`name_1`, `name_2`, …).

    A key named id is left out: it is source_id.
    """
    used = {ID, SOURCE_ID, GEOMETRY, *taken}
    names = {each.name for each in layer.columns}
    attributes: list[tuple[str, sql.Composable]] = []
    for column in layer.columns:
        if column.name == layer.geometry_column or (column == layer.key and column.name == ID):
            continue
        name, number = column.name, 0
        while name in used or (number and name in names):
            number += 1
            name = numbered(column.name, number)
        used.add(name)
        attributes.append((name, sql.Identifier("s", column.name)))
    return attributes
