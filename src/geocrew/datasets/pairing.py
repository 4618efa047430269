"""Two layers side by side: one's rows measured to the other's, and their attributes in one result."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from geocrew.datasets.empty_members import without_empty
from geocrew.datasets.features import Features
from geocrew.datasets.layer import Layer
from geocrew.datasets.srids import Alignment
from geocrew.db import Connection, statement

_LONGEST_NAME = 63  # bytes: PostgreSQL's NAMEDATALEN - 1


@dataclass(frozen=True)
class Side:
    """One of two layers; `alignment` brings its shapes into the SRID in which both are compared.

    `gaps` says that some of the shapes may have empty members, which are left out of what is compared.
    """

    features: Features
    alignment: Alignment
    gaps: bool = False

    @property
    def direct(self) -> bool:
        """Whether shapes are compared as they are stored, so that an index on them serves."""
        features = self.features
        mended = features.invalid > 0 and features.on_invalid == "repair"
        bent = features.geometry.linearises or self.gaps
        return self.alignment.srid is None and not bent and not mended

    def shape(self, alias: str) -> sql.Composable:
        """Return the valid shape without curves, in the SRID of both."""
        shape = self.features.geometry.straight(self.features.shape(alias))
        if self.gaps:
            shape = without_empty(shape)
        return self.alignment.shape(shape)

    def spot(self, alias: str) -> sql.Composable:
        """Return a point that stands for the shape, in the SRID of both."""
        shape = self.shape(alias)
        single = self.features.geometry.type == "Point"
        return shape if single else sql.SQL("ST_Centroid({})").format(shape)

    def takes_part(self, alias: str) -> sql.Composable:
        """Return the condition that a row is kept and has a place."""
        return sql.SQL("{} AND NOT {}").format(self.features.kept(alias), self.features.hollow(alias))

    def row(self, alias: str) -> sql.Composable:
        """Return what names a row and orders ties; raises LookupError for rows that nothing names."""
        row = self.features.layer.rank(alias)
        if row is None:
            raise LookupError(f"nothing names the rows of {self.features.layer.described}")
        return row

    def identity(self, alias: str) -> sql.Composable:
        """Return the id of a row as results show it; needs `identity_join` beside the rows."""
        key = self.features.layer.key
        return sql.Identifier(alias, key.name) if key else sql.Identifier(f"{alias}_number", "number")

    def identity_join(self, alias: str) -> sql.Composable:
        """Return the join that numbers rows without a key in their order, left out ones included."""
        if self.features.layer.key is not None:
            return sql.SQL("")
        return sql.SQL(
            "LEFT JOIN (SELECT n.ctid AS row, row_number() OVER (ORDER BY n.ctid) AS number"
            " FROM {relation} AS n) AS {number} ON {number}.row = {alias}.ctid"
        ).format(
            relation=self.features.layer.relation,
            number=sql.Identifier(f"{alias}_number"),
            alias=sql.Identifier(alias),
        )


def has_shape_index(connection: Connection, layer: Layer) -> bool:
    """Say whether the layer has an index on shapes that serves nearest-neighbour searches."""
    names = {"schema": layer.schema, "table": layer.table, "column": layer.geometry_column}
    row = connection.execute(statement("geocrew.datasets.sql", "has_shape_index"), names).fetchone()
    return row is not None and bool(row[0])


def prefixed_attributes(
    side: Side, alias: str, prefix: str, taken: Iterable[str]
) -> list[tuple[str, sql.Composable]]:
    """Return the columns of a layer as PREFIX_name, but for its shape and a key named id.

    Names that are `taken`, or that are cut to one by PostgreSQL's 63 bytes, get `_1`, `_2` … at the end.
    """
    layer, used = side.features.layer, set(taken)
    attributes: list[tuple[str, sql.Composable]] = []
    for column in layer.columns:
        if column.name == layer.geometry_column or (column == layer.key and column.name == "id"):
            continue
        whole = f"{prefix}_{column.name}"
        name, number = _cut(whole), 0
        while name in used:
            number += 1
            name = _cut(whole, f"_{number}")
        used.add(name)
        attributes.append((name, sql.Identifier(alias, column.name)))
    return attributes


def _cut(name: str, suffix: str = "") -> str:
    """Shorten `name` so that it and `suffix` fit; no character is cut in two."""
    room = _LONGEST_NAME - len(suffix)
    return name.encode()[:room].decode(errors="ignore") + suffix
