"""The union of each group, computed in this process and sent back to the server.

Row addresses wait in a staged table, so that no transaction is open while shapes are united: groups are
read in batches of about 32 MB, or one by one where a single group is larger.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from geocrew.analyses.parts.groups_select import Groups
from geocrew.analysis import Context
from geocrew.datasets.arrays import read_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.db import Connection
from geocrew.kernels.coverage import Way, unite

_BATCH_BYTES = 32 << 20


@dataclass
class Unions:
    """How many groups each way of uniting served, and the numbers of those that none could."""

    ways: Counter[Way] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Batch:
    """Groups `first` to `last`, the number of their rows, and the share of all rows up to here."""

    first: int
    last: int
    rows: int
    share: float


def list_groups(context: Context, groups: Groups) -> None:
    """Stage the members (number of the group, row address, values) and a row for each group."""
    connection, members = context.connection, context.staging.relation("members")
    columns = compose(
        "s.ctid AS row, s.xmin AS version, Box2D({shape}) AS box, pg_column_size({stored}) AS size",
        shape=groups.features.shape("s"),
        stored=groups.features.layer.shape("s"),
    )
    connection.execute(
        compose(
            "CREATE UNLOGGED TABLE {table} AS"
            " SELECT dense_rank() OVER (ORDER BY sort NULLS LAST) AS number, listed.*"
            " FROM ({members}) AS listed",
            table=members,
            members=groups.members(columns),
        )
    )
    more = compose(
        "sum(size)::bigint AS size, ST_SetSRID(ST_Extent(box::geometry)::geometry, {srid}) AS box",
        srid=groups.shape.srid,
    )
    connection.execute(
        compose(
            "CREATE UNLOGGED TABLE {table} AS {groups}; CREATE INDEX ON {members} (number);"
            " ANALYZE {members}; CREATE UNLOGGED TABLE {unions} (number bigint, geom geometry)",
            table=context.staging.relation("groups"),
            groups=groups.grouped(members, more),
            members=members,
            unions=context.staging.relation("unions"),
        )
    )


def unite_groups(context: Context, groups: Groups, first: float, last: float) -> Unions:
    """Fill the staged table of unions; progress runs from `first` to `last`."""
    unions = Unions()
    for batch in _batches(context):
        found = _read(context.connection, _query(context, groups, batch))
        if sum(map(len, found.values())) != batch.rows:
            raise groups.features.changed()
        _write(context, list(_unite(found, groups, unions)))
        context.progress(first + (last - first) * batch.share, "merging shapes")
    groups.features.check_unchanged(context.connection)
    return unions


def output(context: Context, groups: Groups) -> Expression:
    """Return the SELECT of the result from what is staged."""
    source = compose(
        "(SELECT listed.*, united.geom FROM {groups} AS listed"
        " JOIN {unions} AS united USING (number)) AS g",
        groups=context.staging.relation("groups"),
        unions=context.staging.relation("unions"),
    )
    return groups.output(compose(""), source)


def _batches(context: Context) -> Iterator[Batch]:
    query = compose(
        "SELECT number, feature_count, size FROM {groups} ORDER BY number",
        groups=context.staging.relation("groups"),
    )
    listed = read_arrays(context.connection, query, {"number": "int8", "rows": "int8", "size": "int8"})
    rows, size = np.cumsum(listed["rows"]), np.cumsum(listed["size"])
    start = 0
    while start < len(size):
        done = int(size[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(size, done + _BATCH_BYTES, side="right")))
        before = int(rows[start - 1]) if start else 0
        yield Batch(start + 1, stop, int(rows[stop - 1]) - before, float(rows[stop - 1] / rows[-1]))
        start = stop


def _query(context: Context, groups: Groups, batch: Batch) -> Expression:
    return compose(
        "SELECT m.number, ST_AsBinary({shape}) FROM {rows} JOIN {members} AS m"
        " ON m.row = s.ctid AND m.version = s.xmin WHERE m.number BETWEEN {first} AND {last}",
        shape=groups.features.output_shape("s"),
        rows=groups.features.rows("s"),
        members=context.staging.relation("members"),
        first=batch.first,
        last=batch.last,
    )


def _read(connection: Connection, query: Expression) -> dict[int, list[bytes]]:
    """Return the shapes of each group as WKB, in no order."""
    found: dict[int, list[bytes]] = {}
    statement = compose("COPY ({query}) TO STDOUT (FORMAT binary)", query=query)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "bytea"])
        for number, wkb in copy.rows():
            found.setdefault(number, []).append(wkb)
    return found


def _unite(found: dict[int, list[bytes]], groups: Groups, unions: Unions) -> Iterator[tuple[int, bytes]]:
    """Yield number and union of each group, its members sorted so that their order says nothing."""
    for number in sorted(found):
        united = unite(shapely.from_wkb(np.array(sorted(found.pop(number)), object)), _dimension(groups))
        if united is None:
            unions.failed.append(number)
            continue
        unions.ways[united.way] += 1
        yield number, _encode(united.shape, groups)


def _encode(shape: Any, groups: Groups) -> bytes:
    with_z = groups.shape.has_z
    shape = shapely.set_srid(shapely.force_3d(shape) if with_z else shape, groups.shape.srid)
    encoded: bytes = shapely.to_wkb(
        shape, output_dimension=3 if with_z else 2, include_srid=True, flavor="extended"
    )
    return encoded


def _dimension(groups: Groups) -> int:
    """Return the dimension of shapes; where there is none, no group has a member."""
    return groups.shape.dimension or 0


def _write(context: Context, unions: list[tuple[int, bytes]]) -> None:
    statement = compose(
        "COPY {table} (number, geom) FROM STDIN (FORMAT binary)",
        table=context.staging.relation("unions"),
    )
    with context.connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "bytea"])
        for row in unions:
            copy.write_row(row)
