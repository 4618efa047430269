"""The rows of an overlay between server and child: shapes are read block by block, results written."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_rings import Shapes
from geocrew.analyses.parts.overlay_rows import Rows
from geocrew.analyses.parts.overlay_sql import straight_shape
from geocrew.datasets.arrays import write_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.staging import Staging
from geocrew.db import Connection
from geocrew.kernels.arrays import Ints

_CREATE = """
    CREATE UNLOGGED TABLE {whole} (row tid, version xid);
    CREATE UNLOGGED TABLE {cut} (row tid, version xid, geom geometry)
"""
# Rows are fetched by address: an array of a few thousand is never worth a look at the whole table.
_BY_ADDRESS = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
# A row of binary COPY before its shape's bytes; psycopg's own loop over rows takes 12 µs for each.
_CUT = np.dtype(
    [
        ("columns", ">i2"),
        ("row_size", ">i4"),
        ("row", "V6"),
        ("version_size", ">i4"),
        ("version", "V4"),
        ("size", ">i4"),
    ]
)
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"


class Workshop:
    """Tables of one overlay: `whole` (row, version), and `cut` (row, version, geom) with a new shape."""

    def __init__(self, connection: Connection, staging: Staging, features: Features, rows: Rows) -> None:
        self._connection, self._features, self._rows = connection, features, rows
        self.whole, self.cut = staging.relation("whole"), staging.relation("cut")
        connection.execute(compose(_CREATE, whole=self.whole, cut=self.cut))

    def read_shapes(self, numbers: Ints) -> list[bytes | None]:
        """Return the shapes of some rows as EWKB without curves, as they are stored.

        Raises SourceChanged where one of them is not what was counted.
        """
        query = compose(
            "SELECT ST_AsEWKB({shape}) FROM unnest({rows}::tid[], {versions}::xid[])"
            " WITH ORDINALITY AS t(row, version, place) JOIN {relation} AS s"
            " ON s.ctid = t.row AND s.xmin = t.version ORDER BY t.place",
            shape=straight_shape(self._features),
            relation=self._features.layer.relation,
            rows=addresses(self._rows, numbers),
            versions=_versions(self._rows, numbers),
        )
        with fetching(self._connection):
            found = self._connection.execute(query, binary=True).fetchall()
        if len(found) != len(numbers):
            raise self._features.changed()
        return [row[0] for row in found]

    def write_whole(self, numbers: Ints) -> None:
        """Note rows that come out as they are."""
        write_arrays(
            self._connection,
            self.whole,
            {
                "row": ("tid", self._rows.row[numbers]),
                "version": ("xid", self._rows.version[numbers]),
            },
        )

    def write_cut(self, numbers: Ints, shapes: Shapes) -> None:
        """Note rows that come out with a new shape."""
        if not len(numbers):
            return
        placed = shapely.set_srid(shapes, self._features.geometry.srid)
        ewkb = shapely.to_wkb(placed, include_srid=True)
        heads = np.zeros(len(numbers), _CUT)
        heads["columns"], heads["row_size"], heads["version_size"] = 3, 6, 4
        heads["row"], heads["version"] = self._rows.row[numbers], self._rows.version[numbers]
        heads["size"] = [len(shape) for shape in ewkb]
        packed, width = heads.tobytes(), heads.itemsize
        fields = (packed[at : at + width] for at in range(0, len(packed), width))
        copy_in = compose("COPY {cut} (row, version, geom) FROM STDIN (FORMAT binary)", cut=self.cut)
        with self._connection.cursor() as cursor, cursor.copy(copy_in) as copy:
            copy.write(_SIGNATURE)
            copy.write(b"".join(chain.from_iterable(zip(fields, ewkb, strict=True))))
            copy.write(_TRAILER)

    def remains(self) -> Expression:
        """Return the relation of all rows noted: row, version, and geom, NULL for those as they are."""
        for table in (self.whole, self.cut):
            self._connection.execute(compose("ANALYZE {table}", table=table))
        return compose(
            "(SELECT row, version, NULL::geometry AS geom FROM {whole}"
            " UNION ALL SELECT row, version, geom FROM {cut})",
            whole=self.whole,
            cut=self.cut,
        )


@contextmanager
def fetching(connection: Connection) -> Iterator[None]:
    """Run the block in a transaction whose joins by address go to each row directly."""
    with connection.transaction():
        connection.execute(_BY_ADDRESS)
        yield


def addresses(rows: Rows, numbers: Ints) -> str:
    """Return the addresses of some rows as the text of a tid[]."""
    parts = rows.row[numbers].view([("block", ">u4"), ("place", ">u2")])
    pairs = zip(parts["block"].tolist(), parts["place"].tolist(), strict=True)
    return "{" + ",".join(f'"({block},{place})"' for block, place in pairs) + "}"


def _versions(rows: Rows, numbers: Ints) -> str:
    versions = np.ascontiguousarray(rows.version[numbers]).view(">u4")
    return "{" + ",".join(map(str, versions.tolist())) + "}"
