"""The rows of an overlay between server and child: shapes are read block by block, results written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import numpy as np
import shapely

from geocrew.analyses.parts.overlay_rings import Shapes
from geocrew.analyses.parts.overlay_rows import Rows, around
from geocrew.analyses.parts.overlay_sql import straight_shape
from geocrew.datasets.arrays import Array, ArrayType, split_addresses, write_arrays, write_bytes
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features
from geocrew.datasets.gathered import GatheredType, read_gathered
from geocrew.datasets.staging import Staging
from geocrew.datasets.summary import Summary
from geocrew.db import Connection
from geocrew.kernels.addresses import write_addresses
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.ewkb import Polygons, bound_polygons, find_values, measure_ewkb, write_polygons

_CREATE = """
    CREATE UNLOGGED TABLE {whole} (row tid, version xid);
    CREATE UNLOGGED TABLE {cut} (row tid, version xid, geom geometry)
"""
# So many shapes come in one array, unless one of them takes more bytes in the table.
_TOGETHER, _LIGHT = 64, 100_000
# Rows are fetched by address: an array of a few thousand is never worth a look at the whole table.
_BY_ADDRESS = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
_AS_BEFORE = _BY_ADDRESS.replace("= off", "TO DEFAULT")
_READ: dict[str, GatheredType] = {"place": "int4", "version": "xid", "shape": "bytes"}
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


class Workshop:
    """Tables of one overlay: `whole` (row, version), and `cut` (row, version, geom) with a new shape."""

    def __init__(self, connection: Connection, staging: Staging, features: Features, rows: Rows) -> None:
        self._connection, self._features, self._rows = connection, features, rows
        self._kept: list[Ints] = []
        self._boxes: list[Floats] = []
        self.whole, self.cut = staging.relation("whole"), staging.relation("cut")
        connection.execute(compose(_CREATE, whole=self.whole, cut=self.cut))

    def read_shapes(self, numbers: Ints) -> "Read":
        """Return the shapes of some rows as EWKB without curves.

        Raises SourceChanged where one of them is not what was counted.
        """
        together = _TOGETHER if (self._rows.weight[numbers] <= _LIGHT).all() else 1
        groups = compose(
            "(SELECT {rows}::tid[] AS rows) AS t CROSS JOIN generate_series(0, {last}, {step}) AS first",
            rows=addresses(self._rows, numbers),
            last=len(numbers) - 1,
            step=together,
        )
        query = compose(
            "SELECT (first + t.place)::int4, s.xmin, {shape} FROM unnest(rows[first + 1:first + {step}])"
            " WITH ORDINALITY AS t(row, place) JOIN {relation} AS s ON s.ctid = t.row",
            shape=straight_shape(self._features),
            relation=self._features.layer.relation,
            step=together,
        )
        with fetching(self._connection):
            found = read_gathered(self._connection, query, _READ, groups)
        place = found["place"] - 1
        starts, stops = np.full((2, len(numbers)), -1, np.int64)
        starts[place], stops[place] = find_values(found["shape"], len(place))
        same = found["version"] == self._rows.version[numbers[place]]
        if len(place) != len(numbers) or not same.all():
            raise self._features.layer.changed()
        return Read(found["shape"], starts, stops)

    def write_whole(self, numbers: Ints) -> None:
        """Note rows that come out as they are."""
        self._kept.append(numbers)
        self._boxes.append(self._rows.bounds[numbers])

    def write_cut(self, numbers: Ints, shapes: Shapes) -> None:
        """Note rows that come out with a new shape."""
        if not len(numbers):
            return
        self._boxes.append(shapely.bounds(shapes))
        placed = shapely.set_srid(shapes, self._features.geometry.srid)
        ewkb = shapely.to_wkb(placed, include_srid=True)
        heads = self._heads(numbers, np.array([len(shape) for shape in ewkb]))
        fields = (head.tobytes() for head in heads)
        self._write(b"".join(chain.from_iterable(zip(fields, ewkb, strict=True))))

    def write_polygons(self, numbers: Ints, polygons: Polygons, chosen: Ints) -> None:
        """Note rows (n,) that come out with the `chosen` (n,) of some shapes."""
        if not len(numbers):
            return
        self._boxes.append(bound_polygons(polygons, chosen))
        geometry = self._features.geometry
        multi = geometry.type == "MultiPolygon"
        sizes = measure_ewkb(polygons, chosen, multi)
        heads = self._heads(numbers, sizes)
        data = write_polygons(polygons, chosen, geometry.srid, multi, heads, sizes)
        self._write(data.tobytes())

    def _heads(self, numbers: Ints, sizes: Ints) -> Array:
        """Return what comes before the shapes of rows (n,) in a binary COPY, uint8 (n, bytes)."""
        heads = np.zeros(len(numbers), _CUT)
        heads["columns"], heads["row_size"], heads["version_size"] = 3, 6, 4
        heads["row"], heads["version"] = self._rows.row[numbers], self._rows.version[numbers]
        heads["size"] = sizes
        return heads.view(np.uint8).reshape(len(numbers), -1)

    def _write(self, rows: bytes) -> None:
        write_bytes(self._connection, self.cut, ("row", "version", "geom"), rows)

    def remains(self) -> Expression:
        """Return the relation of all rows noted: row, version, and geom, NULL for those as they are."""
        kept = np.concatenate([np.empty(0, np.int64), *self._kept])
        rows: dict[str, tuple[ArrayType, Array]] = {
            "row": ("tid", self._rows.row[kept]),
            "version": ("xid", self._rows.version[kept]),
        }
        write_arrays(self._connection, self.whole, rows)
        if self._features.layer.key is None:
            analyze = compose("ANALYZE {whole}; ANALYZE {cut} (row)", whole=self.whole, cut=self.cut)
            self._connection.execute(analyze)
        return compose(
            "(SELECT row, version, NULL::geometry AS geom FROM {whole}"
            " UNION ALL SELECT row, version, geom FROM {cut})",
            whole=self.whole,
            cut=self.cut,
        )

    def summarise(self) -> Summary | None:
        """Return what the catalog says of the rows noted, which a scan of the output would tell too.

        None where curves are replaced, whose boxes are not those of what replaces them.
        """
        geometry, boxes = self._features.geometry, np.concatenate([np.empty((0, 4)), *self._boxes])
        if geometry.linearises:
            return None
        box = around(boxes).tolist() if len(boxes) else None
        return Summary(geometry.name, geometry.srid, len(boxes), 0, box)


@dataclass(frozen=True)
class Read:
    """EWKB of shapes (n,) in `data`, uint8; a shape that is NULL stops before it starts."""

    data: Array
    starts: Ints
    stops: Ints

    def of(self, numbers: Ints) -> list[bytes | None]:
        """Return some of the shapes, each by itself."""
        return [
            self.data[start:stop].tobytes() if stop >= start else None
            for start, stop in zip(self.starts[numbers], self.stops[numbers], strict=True)
        ]


@contextmanager
def fetching(connection: Connection) -> Iterator[None]:
    """Run the block in a transaction whose joins by address go to each row directly."""
    within = connection.info.transaction_status.name != "IDLE"
    with connection.transaction():
        connection.execute(_BY_ADDRESS)
        yield
        if within:  # what is set there stays set after the block
            connection.execute(_AS_BEFORE)


def addresses(rows: Rows, numbers: Ints) -> str:
    """Return the addresses of some rows as the text of a tid[]."""
    return write_addresses(*split_addresses(rows.row[numbers])).tobytes().decode()
