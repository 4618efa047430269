"""The staged tables of an overlay: one group's rows with their masks, and what comes of all rows."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_ladder import Operation
from geocrew.analyses.parts.overlay_rows import Rows
from geocrew.analyses.parts.overlay_sql import cut_rows, straight_shape
from geocrew.datasets.arrays import Array, read_arrays, write_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.staging import Staging
from geocrew.datasets.topology import attempt
from geocrew.db import Connection
from geocrew.kernels.arrays import Ints

# masks are read again for each row of their chunk: not compressed, they are copied and no more.
_CREATE = """
    CREATE UNLOGGED TABLE {placed} (number int4, row tid, version xid, chunk int4);
    CREATE INDEX ON {placed} (chunk);
    CREATE UNLOGGED TABLE {masks} (chunk int4, geom geometry);
    ALTER TABLE {masks} ALTER COLUMN geom SET STORAGE EXTERNAL;
    CREATE UNLOGGED TABLE {decided} (number int4, verdict int2);
    CREATE UNLOGGED TABLE {cuts} (number int4, geom geometry);
    CREATE UNLOGGED TABLE {remains} (number int4, row tid, version xid)
"""


class Workshop:
    """Tables of one overlay.

    For the group at work: placed (number, row, version, chunk), masks (chunk, geom) and decided (number,
    verdict). For all rows: cuts (number, geom) and, in the end, remains (number, row, version).
    """

    def __init__(
        self,
        operation: Operation,
        connection: Connection,
        staging: Staging,
        features: Features,
        rows: Rows,
    ) -> None:
        self._operation, self._connection, self._features, self._rows = (
            operation,
            connection,
            features,
            rows,
        )
        names = ("placed", "masks", "decided", "cuts", "remains")
        self.tables: Mapping[str, Expression] = {name: staging.relation(name) for name in names}
        connection.execute(compose(_CREATE, **self.tables))
        if features.mends is not None:
            connection.execute(compose("CREATE INDEX ON {mends} (row)", mends=features.mends))

    def start_group(self, numbers: Ints, chunks: Ints) -> None:
        """Forget the last group and take in the rows of the next, each with its chunk."""
        self._connection.execute(compose("TRUNCATE {placed}, {masks}, {decided}", **self.tables))
        addresses: dict[str, tuple[Any, Array]] = {
            "row": ("tid", self._rows.row[numbers]),
            "version": ("xid", self._rows.version[numbers]),
        }
        keys: dict[str, tuple[Any, Array]] = {"number": ("int4", numbers), "chunk": ("int4", chunks)}
        write_arrays(self._connection, self.tables["placed"], keys | addresses)

    def cut(self, masks: Mapping[int, Any]) -> tuple[Ints, Array] | None:
        """Cut the rows of some chunks in PostgreSQL; return rows and verdicts, None if GEOS raised."""
        copy_in = compose("COPY {masks} (chunk, geom) FROM STDIN", **self.tables)
        with self._connection.cursor() as cursor, cursor.copy(copy_in) as copy:
            for chunk, mask in masks.items():
                copy.write_row((chunk, self._ewkb(mask)))
        if not attempt(self._connection, cut_rows(self._operation, self._features, self.tables)):
            return None
        query = compose("SELECT number, verdict FROM {decided}", **self.tables)
        found = read_arrays(self._connection, query, {"number": "int4", "verdict": "int2"})
        return found["number"], found["verdict"]

    def read_shapes(self, numbers: Iterable[int]) -> list[tuple[int, Any]]:
        """Return the shapes of some rows of the group."""
        query = compose(
            "SELECT p.number, ST_AsBinary({shape}) FROM {placed} AS p JOIN {rows}"
            " ON s.ctid = p.row AND s.xmin = p.version WHERE p.number = ANY ({numbers}::int4[])",
            shape=straight_shape(self._features),
            rows=self._features.rows("s"),
            placed=self.tables["placed"],
            numbers="{" + ",".join(str(each) for each in numbers) + "}",
        )
        found = self._connection.execute(query, binary=True).fetchall()
        return [(number, shapely.from_wkb(wkb)) for number, wkb in found]

    def write_cuts(self, cuts: Iterable[tuple[int, Any]]) -> None:
        """Keep shapes that were cut outside of PostgreSQL."""
        copy_in = compose("COPY {cuts} (number, geom) FROM STDIN", **self.tables)
        with self._connection.cursor() as cursor, cursor.copy(copy_in) as copy:
            for number, shape in cuts:
                copy.write_row((number, self._ewkb(shape)))

    def write_remains(self, numbers: Ints) -> None:
        """List the rows that are part of the output."""
        write_arrays(
            self._connection,
            self.tables["remains"],
            {
                "number": ("int4", numbers.astype(np.int32)),
                "row": ("tid", self._rows.row[numbers]),
                "version": ("xid", self._rows.version[numbers]),
            },
        )
        for name in ("remains", "cuts"):
            self._connection.execute(compose("ANALYZE {table}", table=self.tables[name]))

    def _ewkb(self, shape: Any) -> str:
        placed = shapely.set_srid(shape, self._features.geometry.srid)
        return str(shapely.to_wkb(placed, hex=True, include_srid=True))
