"""The rows of a layer as an analysis takes them: addressable, and with valid shapes.

What is mended waits in a staged table beside the input.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from psycopg import sql

from geocrew.datasets.empty_members import copy_straight, curves_have_gaps
from geocrew.datasets.geometry import OutputGeometry, output_geometry
from geocrew.datasets.invalid import Dropped, leave_out, mend, refuse_invalid
from geocrew.datasets.layer import Layer
from geocrew.datasets.names import SYSTEM
from geocrew.datasets.relation import find_relation
from geocrew.datasets.staging import SCHEMA, Staging
from geocrew.db import Connection, statement
from geocrew.errors import UserError

OnInvalid = Literal["repair", "skip", "fail"]

_SQL = "geocrew.datasets.sql"


@dataclass(frozen=True)
class Features:
    """A layer ready to be read.

    `invalid` counts the rows whose shape is not valid. `mends` names the staged table of their shapes
    (row address, row version, shape mended or NULL); None where there are none, or where a view must
    mend by itself. `storage` numbers the file that the row addresses are of; `lost` counts the mended
    shapes of which nothing was left; `dropped` names the first thousand rows that are left out, and why.
    `nowhere` tells that points may be without a place, as reading them has shown: only then does the
    output look for those.
    """

    layer: Layer
    geometry: OutputGeometry
    on_invalid: OnInvalid
    mends: sql.Identifier | None
    invalid: int
    storage: int
    lost: int = 0
    dropped: Dropped = ()
    nowhere: bool = False

    def rows(self, alias: str) -> sql.Composable:
        """Return a FROM item of the rows under `alias`."""
        item = sql.SQL("{} AS {}").format(self.layer.relation, sql.Identifier(alias))
        if self.mends is None:
            return item
        return sql.SQL(
            "{item} LEFT JOIN {mends} AS {mended}"
            " ON {mended}.row = {alias}.ctid AND {mended}.version = {alias}.xmin"
        ).format(item=item, mends=self.mends, mended=_mended_alias(alias), alias=sql.Identifier(alias))

    def kept(self, alias: str) -> sql.Composable:
        """Return the condition under which a row is part of the output."""
        if not self.invalid or self.on_invalid != "skip":
            return sql.SQL("true")
        if self.mends is None:
            return sql.SQL("(ST_IsValid({}) IS NOT false)").format(self.layer.shape(alias))
        return sql.SQL("{}.row IS NULL").format(_mended_alias(alias))

    def shape(self, alias: str) -> sql.Composable:
        """Return the valid shape of a row, as it is stored or mended."""
        shape = self.layer.shape(alias)
        if not self.invalid or self.on_invalid == "skip":
            return shape
        if self.mends is None:
            # What nothing is left of is NULL, as where it is mended in this process.
            return sql.SQL(
                "CASE WHEN ST_IsValid({shape}) THEN {shape} ELSE ("
                "SELECT CASE WHEN NOT ST_IsEmpty(made.geom) THEN made.geom END FROM ("
                "SELECT ST_MakeValid({straight}, 'method=structure keepcollapsed=false') AS geom"
                " OFFSET 0) AS made) END"
            ).format(shape=shape, straight=self.geometry.straight(shape))
        return sql.SQL("CASE WHEN {mended}.row IS NULL THEN {shape} ELSE {mended}.geom END").format(
            mended=_mended_alias(alias), shape=shape
        )

    def output_shape(self, alias: str) -> sql.Composable:
        """Return the shape as a value of the output's geometry type."""
        shape = self.shape(alias)
        if self.nowhere:
            # A point that is nowhere is not valid, and nothing mends it.
            somewhere = sql.SQL("CASE WHEN NOT {hollow} OR ST_IsEmpty({shape}) THEN {shape} END")
            return self.geometry.force(somewhere.format(hollow=self.hollow(alias), shape=shape))
        convert = self.geometry.force if self.invalid else self.geometry.convert
        return convert(shape)

    def hollow(self, alias: str) -> sql.Composable:
        """Return the condition that a row has no shape, an empty one, or a point that is nowhere.

        Lines and polygons with coordinates that are no numbers are invalid and were mended.
        """
        if self.geometry.dimension != 0:
            return sql.SQL("COALESCE(ST_IsEmpty({}), true)").format(self.shape(alias))
        return sql.SQL(
            "NOT COALESCE(ST_X({0}) BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"
            " AND ST_Y({0}) BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308, false)"
        ).format(self.place(alias))

    def place(self, alias: str) -> sql.Composable:
        """Return the point that stands for a feature: itself, or its centroid."""
        if self.geometry.type == "Point":
            return self.shape(alias)
        return sql.SQL("ST_Centroid({})").format(self.shape(alias))

    @property
    def mending(self) -> tuple[int, int]:
        """How many rows were repaired, and how many skipped, for their invalid shapes."""
        return (0, self.invalid) if self.on_invalid == "skip" else (self.invalid - self.lost, 0)

    def known(self, *, placed: bool) -> "Features":
        """Return these rows as known from reading them: whether all are `placed`, or points nowhere."""
        return replace(self, nowhere=self.geometry.dimension == 0 and not placed)

    def for_view(self, layer: Layer) -> "Features":
        """Return the rows of the original `layer` as a view reads them, with no workshop to lean on."""
        return replace(self, layer=layer, mends=None)

    def check_unchanged(self, connection: Connection) -> None:
        """Raise SourceChanged where row addresses or mended rows are not what they were.

        CLUSTER and VACUUM FULL give rows new addresses and keep their versions, so an address says
        nothing once the file is another; and a snapshot older than a TRUNCATE, and what was inserted
        with it, sees no row at all. The caller's transaction holds the file from here on.
        """
        Reached(self.layer, self.storage).check_unchanged(connection)
        if self.mends is None:
            return
        query = sql.SQL("SELECT count(*) FROM {rows} WHERE {mended}.row IS NOT NULL").format(
            rows=self.rows("s"), mended=_mended_alias("s")
        )
        row = connection.execute(query).fetchone()
        if row is None or row[0] != self.invalid:
            raise self.layer.changed()


@dataclass(frozen=True)
class Reached:
    """A layer before a snapshot of it is taken: its rows are in the file that `storage` numbers."""

    layer: Layer
    storage: int

    def check_unchanged(self, connection: Connection) -> None:
        """Raise SourceChanged for another file or other columns; both are held from here on."""
        connection.execute(sql.SQL("SELECT FROM {} LIMIT 0").format(self.layer.relation))
        relation = find_relation(connection, self.layer.schema, self.layer.table)
        same = relation is not None and self.layer.has_columns_of(relation)
        if not same or _storage(connection, self.layer) != self.storage:
            raise self.layer.changed()


def reach_rows(connection: Connection, layer: Layer) -> Reached:
    """Note where the rows are, before any snapshot: in one, rows of a later file are not there."""
    return Reached(layer, _storage(connection, layer))


def take_rows(connection: Connection, reached: Reached, workshop: Staging, part: str = "") -> Features:
    """Make the rows addressable and look at no shape: for who checks those that matter by himself.

    The rows of a view, a partitioned or a foreign table have no address of their own, so they are
    copied to the workshop first, and so are those of curves with empty members, without these. `part`
    tells a second layer's relations there from the first's. Raises SourceChanged, and UserError for a
    view whose columns no table can have.
    """
    reached.check_unchanged(connection)
    layer, storage = reached.layer, reached.storage
    if not layer.stored:
        _check_names(layer)
        copy = sql.SQL("CREATE TABLE {} AS SELECT * FROM {}")
        connection.execute(copy.format(workshop.relation(f"src{part}"), layer.relation))
        layer = layer.moved(SCHEMA, workshop.name(f"src{part}"))
        storage = _storage(connection, layer)
    geometry = output_geometry(connection, layer)
    if geometry.linearises and curves_have_gaps(connection, layer):
        copy_straight(connection, layer, workshop.relation(f"straight{part}"))
        layer = layer.moved(SCHEMA, workshop.name(f"straight{part}"))
        storage = _storage(connection, layer)
    return Features(layer, geometry, "repair", None, 0, storage)


def prepare(
    connection: Connection,
    reached: Reached,
    workshop: Staging,
    on_invalid: OnInvalid,
    show: Callable[[float], object],
    part: str = "",
) -> Features:
    """Make the rows valid; raises UserError for invalid shapes under `fail`, SourceChanged.

    Within the snapshot in which they are read: a row that came between the two would be taken as it is.
    `show` hears the share of the rows that have been looked at; `part` is that of `take_rows`.
    """
    features = replace(take_rows(connection, reached, workshop, part), on_invalid=on_invalid)
    layer, geometry = features.layer, features.geometry
    if geometry.dimension == 0:
        return features
    if on_invalid == "fail":
        refuse_invalid(connection, layer, show)
    mends = workshop.relation(f"mends{part}")
    connection.execute(sql.SQL("CREATE TABLE {} (row tid, version xid, geom geometry)").format(mends))
    lost = 0
    dropped: Dropped = ()
    if on_invalid == "skip":
        invalid, dropped = leave_out(connection, layer, mends, show)
    else:
        invalid, lost = mend(connection, layer, geometry, mends, show)
    connection.execute(sql.SQL("ANALYZE {}").format(mends))
    return replace(
        features, mends=mends if invalid else None, invalid=invalid, lost=lost, dropped=dropped
    )


def _check_names(layer: Layer) -> None:
    kept = [column.name for column in layer.columns if column.name in SYSTEM]
    if kept:
        raise UserError(
            f'{layer.described} has a column "{kept[0]}", a name that PostgreSQL keeps for itself in'
            " every table; give the column of the view another name"
        )


def _storage(connection: Connection, layer: Layer) -> int:
    """Return the number of the file that holds the rows, 0 for a relation that is gone."""
    names = {"schema": layer.schema, "table": layer.table}
    row = connection.execute(statement(_SQL, "storage"), names).fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def _mended_alias(alias: str) -> sql.Identifier:
    return sql.Identifier(f"{alias}_mended")
