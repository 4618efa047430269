"""Views without SQL: chosen fields of one dataset, and a condition."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from geocrew.datasets import names
from geocrew.datasets.layer import Layer
from geocrew.datasets.output import GEOMETRY, ID
from geocrew.errors import InvalidParameters
from geocrew.views.condition import Condition, find_field, value_of
from geocrew.views.create import Definition
from geocrew.views.filters import parse_filter
from geocrew.views.tables import Table


def build_query(
    layer: Layer,
    table: Table,
    columns: Sequence[str] | None,
    where: str | Mapping[str, Any] | None,
    system: str | None,
) -> Definition:
    """Return the SELECT of `columns` (None: all) of the rows of which `where` is true.

    `system` is what pyproj knows the layer's SRID by, None for none.

    Raises InvalidParameters naming what is not in the dataset or no condition.
    """
    chosen = [each.name for each in layer.fields] if columns is None else list(columns)
    repeated = sorted({each for each in chosen if chosen.count(each) > 1})
    if repeated:
        raise InvalidParameters([f"columns names {', '.join(repeated)} more than once"])
    key = layer.key if layer.key is not None and layer.key.type == "integer" else None
    if key is not None and key.name == ID:
        chosen = [each for each in chosen if each != ID]
    taken = [GEOMETRY] if key is None else [ID, GEOMETRY]
    values: list[tuple[str, sql.Composable]] = [
        (name, value_of(find_field(layer, "columns", field)))
        for name, field in zip(names.unique(chosen, taken), chosen, strict=True)
    ]
    if key is not None:
        values.insert(0, (ID, sql.Identifier("s", key.name)))
    values.append((GEOMETRY, layer.shape("s")))
    condition = (
        sql.SQL("true") if where is None else Condition(layer, system).translate(parse_filter(where))
    )
    select = sql.SQL("SELECT {} FROM {} AS s WHERE {}").format(
        sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(value, sql.Identifier(name)) for name, value in values
        ),
        layer.relation,
        condition,
    )
    return Definition(select, (table,), "columns" if where is None else "where")
