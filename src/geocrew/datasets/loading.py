"""Rows of an opened source into a new table of the current transaction."""

from collections.abc import Iterator
from typing import Any

from psycopg import sql

from geocrew.datasets import names, pgcopy, shapes
from geocrew.datasets.columns import Column, column
from geocrew.datasets.destination import PUBLIC
from geocrew.datasets.relation import unused_index
from geocrew.datasets.shapes import Checked, Shape
from geocrew.datasets.source import Batch, Source
from geocrew.db import Connection
from geocrew.errors import RefusedInput

# PostgreSQL's limit is 1600, and a row has to fit into a page of 8 kB: 18 bytes a wide value, 8 a
# number.
MAX_FIELDS = 1000


class Loading:
    """One table in the making, and the counts of what went into it."""

    def __init__(
        self, connection: Connection, table: str, source: Source, srid: int, geographic: bool
    ) -> None:
        if len(source.names) > MAX_FIELDS:
            raise RefusedInput(f"the file has {len(source.names)} fields; at most {MAX_FIELDS}")
        self.table = table
        self.shape = Shape()
        self.rows = 0
        self.null_shapes = 0
        self.bounds: list[float] | None = None
        self._connection = connection
        self._source = source
        self._srid = srid
        self._geographic = geographic
        self._columns = _columns(source)
        self._nulls = [0] * len(self._columns)
        self._dropped_m = 0

    def load(self) -> Iterator[int]:
        """Create, fill, index and analyse the table; yield the rows so far after each batch."""
        self._execute(
            "CREATE TABLE {table} (id bigint NOT NULL{fields}, geom {geometry})",
            fields=self._definitions(),
        )
        for batch in self._source.batches:
            self._copy(batch)
            yield self.rows
        if self._source.promised_rows not in (None, self.rows):
            raise RefusedInput(
                f"the file is cut short: {self.rows} rows of {self._source.promised_rows}"
            )
        if self.rows == 0:
            self._retype("geom")
        self._execute(
            "ALTER TABLE {table} ADD CONSTRAINT {key} PRIMARY KEY (id)", key=self._index("pkey")
        )
        self._execute("CREATE INDEX {index} ON {table} USING gist (geom)", index=self._index("geom"))
        self._execute("ANALYZE {table}")

    def told(self) -> dict[str, Any]:
        """Return the counts and changed names for `Dataset.source`."""
        held = zip(self._columns, self._source.names, self._nulls, strict=True)
        told = [(each.name, original, nulls) for each, original, nulls in held]
        return {
            "null_counts": {name: nulls for name, _, nulls in told},
            "renamed": {
                name: original.replace("\0", "") for name, original, _ in told if name != original
            },
            "dropped_m": self._dropped_m,
        }

    def notes(self) -> list[str]:
        """Return what the user should know in sentences."""
        said = []
        if self._dropped_m:
            said.append(f"M values of {self._dropped_m} geometries were dropped")
        renamed = self.told()["renamed"]
        if renamed:
            pairs = ", ".join(f'"{old}" is now "{new}"' for new, old in renamed.items())
            said.append(f"fields renamed: {pairs}")
        return said

    def _definitions(self) -> sql.Composable:
        return sql.SQL("").join(
            sql.SQL(", {} {}").format(sql.Identifier(each.name), sql.SQL(each.sql_type))
            for each in self._columns
        )

    def _copy(self, batch: Batch) -> None:
        first_row = self.rows + 1
        checked = shapes.check(batch.shapes, first_row, self._geographic)
        self._widen(checked.shape)
        ids = range(first_row, first_row + len(batch.shapes))
        fields = [pgcopy.prefixed(each.to_bytes(8, "big") for each in ids)]
        for position, each in enumerate(self._columns):
            array = batch.columns[position]
            fields.append(each.fields(array, first_row))
            self._nulls[position] += array.null_count
        fields.append(pgcopy.prefixed(shapes.encode(checked.shapes, self.shape, self._srid)))
        command = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(
            sql.Identifier(PUBLIC, self.table)
        )
        with self._connection.cursor() as cursor, cursor.copy(command) as copy:
            copy.write(pgcopy.HEADER + pgcopy.rows(fields) + pgcopy.TRAILER)
        self._count(batch, checked)

    def _count(self, batch: Batch, checked: Checked) -> None:
        self.rows += len(batch.shapes)
        self.null_shapes += batch.shapes.null_count
        self._dropped_m += checked.dropped_m
        box = checked.bounds
        if box and self.bounds:
            low = [min(pair) for pair in zip(box[:2], self.bounds[:2], strict=True)]
            high = [max(pair) for pair in zip(box[2:], self.bounds[2:], strict=True)]
            self.bounds = low + high
        elif box:
            self.bounds = box

    def _widen(self, shape: Shape) -> None:
        """Make the column fit for the next batch; rows already there are rewritten, which is rare."""
        before, self.shape = self.shape, self.shape | shape
        if (
            self.rows > 0
            and before.geometry_type == self.shape.geometry_type
            and before.points_promoted == self.shape.points_promoted
        ):
            return
        converted = "geom"
        if self.shape.points_promoted and not before.points_promoted:
            converted = f"ST_Multi({converted})"
        if self.shape.has_z and not before.has_z:
            converted = f"ST_Force3D({converted})"
        self._retype(converted)

    def _retype(self, converted: str) -> None:
        self._execute(
            "ALTER TABLE {table} ALTER COLUMN geom TYPE {geometry} USING {converted}",
            converted=sql.SQL(converted),
        )

    def _index(self, part: str) -> sql.Identifier:
        return sql.Identifier(unused_index(self._connection, PUBLIC, f"{self.table}_{part}"))

    def _execute(self, template: str, **parts: sql.Composable) -> None:
        self._connection.execute(
            sql.SQL(template).format(
                table=sql.Identifier(PUBLIC, self.table),
                geometry=sql.SQL("geometry({}, {})").format(
                    sql.SQL(self.shape.geometry_type), sql.Literal(self._srid)
                ),
                **parts,
            )
        )


def _columns(source: Source) -> list[Column]:
    unique = names.unique(source.names, ("id", "geom"))
    return [
        column(name, arrow, source.text_fallback)
        for name, arrow in zip(unique, source.types, strict=True)
    ]
