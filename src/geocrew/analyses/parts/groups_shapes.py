"""The union of each group, computed in this process and sent back to the server.

Row addresses wait in a staged table, so that no transaction is open while shapes are united: groups are
read in batches of about 32 MB, or one by one where a single group is larger.

Shapes that nobody has checked are checked when they are here, which costs a fifth of ST_IsValid.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import shapely

from geocrew.analyses.parts.groups_select import Groups
from geocrew.analysis import Context
from geocrew.datasets.arrays import read_arrays
from geocrew.datasets.compose import Expression, compose
from geocrew.db import Connection
from geocrew.kernels.coverage import Way, unite
from geocrew.kernels.seams import Shapes
from geocrew.kernels.validity import is_valid

_BATCH_BYTES = 32 << 20
_TELL_ROWS = 16_384  # read in 0.1 s
# Of the time that a batch takes, until its shapes are here.
_READING = 0.3


class InvalidShapeFoundError(Exception):
    """A shape that nobody had checked is not valid; `share` of the work was done before."""

    def __init__(self, share: float) -> None:
        super().__init__(share)
        self.share = share


@dataclass
class Unions:
    """How many groups each way of uniting served, and the numbers of those that none could."""

    ways: Counter[Way] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Batch:
    """Groups `first` to `last`, the number of their rows, the share of all bytes before and after."""

    first: int
    last: int
    rows: int
    before: float
    share: float


def list_groups(context: Context, groups: Groups, boxes: bool) -> None:
    """Stage the members (number of the group, row address, values) and a row for each group.

    `boxes`: with the box of each group, for which every shape is looked at.
    """
    connection, members = context.connection, context.staging.relation("members")
    box = compose(", Box2D({shape}) AS box" if boxes else "", shape=groups.features.shape("s"))
    columns = compose(
        "s.ctid AS row, s.xmin AS version, pg_column_size({stored}) AS size{box}",
        stored=groups.features.layer.shape("s"),
        box=box,
    )
    connection.execute(
        # OFFSET 0, or the shapes themselves would be sorted, not what is taken of them.
        compose(
            "CREATE UNLOGGED TABLE {table} AS"
            " SELECT dense_rank() OVER (ORDER BY sort NULLS LAST) AS number, listed.*"
            " FROM ({members} OFFSET 0) AS listed",
            table=members,
            members=groups.members(columns),
        )
    )
    extent = compose(
        "ST_SetSRID(ST_Extent(box::geometry)::geometry, {srid})" if boxes else "NULL::geometry",
        srid=groups.shape.srid,
    )
    connection.execute(
        compose(
            "CREATE UNLOGGED TABLE {table} AS {groups}; CREATE INDEX ON {members} (number);"
            " ANALYZE {members}",
            table=context.staging.relation("groups"),
            groups=groups.grouped(
                members, compose("sum(size)::bigint AS size, {box} AS box", box=extent)
            ),
            members=members,
        )
    )


def unite_groups(
    context: Context, groups: Groups, checked: bool, progress: Callable[[float], None]
) -> Unions:
    """Fill the staged table of unions; `progress` hears the share of the rows that are done.

    Raises InvalidShapeFoundError where shapes are not `checked` and one is not valid.
    """
    unions = Unions()
    context.connection.execute(
        compose(
            "CREATE UNLOGGED TABLE {unions} (number bigint, geom {type})",
            unions=context.staging.relation("unions"),
            type=groups.column_type() if groups.multipart else compose("geometry"),
        )
    )
    for batch in _batches(context):
        _unite_batch(context, groups, unions, batch, checked, progress)
        progress(batch.share)
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
    return groups.output(compose(""), source, ready=groups.multipart)


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
        count, share = int(rows[stop - 1]) - before, float(size[stop - 1] / size[-1])
        yield Batch(start + 1, stop, count, done / int(size[-1]), share)
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


def _unite_batch(
    context: Context,
    groups: Groups,
    unions: Unions,
    batch: Batch,
    checked: bool,
    progress: Callable[[float], None],
) -> None:
    """Read, unite and write some groups; members are sorted so that their order says nothing."""

    def tell(share: float) -> None:
        progress(batch.before + (batch.share - batch.before) * share)

    found = _read(
        context.connection,
        _query(context, groups, batch),
        lambda rows: tell(_READING * min(1.0, rows / batch.rows)),
    )
    tell(_READING)
    numbers = sorted(found)
    counts = [len(found[number]) for number in numbers]
    if sum(counts) != batch.rows:
        raise groups.features.layer.changed()
    sorted_wkb = [wkb for number in numbers for wkb in sorted(found.pop(number))]
    with np.errstate(invalid="ignore"):
        shapes = shapely.from_wkb(np.array(sorted_wkb, object), "raise" if checked else "ignore")
    del sorted_wkb
    if not checked and not is_valid(shapes).all():
        raise InvalidShapeFoundError(batch.before + (batch.share - batch.before) * _READING)
    members = zip(numbers, np.split(shapes, np.cumsum(counts)[:-1]), strict=True)
    _write(
        context,
        list(_unite(members, groups, unions, batch.rows, lambda s: tell(_READING + (1 - _READING) * s))),
    )


def _read(
    connection: Connection, query: Expression, tell: Callable[[int], None]
) -> dict[int, list[bytes]]:
    """Return the shapes of each group as WKB, in no order; `tell` hears the number of rows so far."""
    found: dict[int, list[bytes]] = {}
    statement = compose("COPY ({query}) TO STDOUT (FORMAT binary)", query=query)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "bytea"])
        for row, (number, wkb) in enumerate(copy.rows()):
            found.setdefault(number, []).append(wkb)
            if row % _TELL_ROWS == 0:
                tell(row)
    return found


def _unite(
    members: Iterable[tuple[int, Shapes]],
    groups: Groups,
    unions: Unions,
    rows: int,
    tell: Callable[[float], None],
) -> Iterator[tuple[int, bytes]]:
    """Yield number and union of each group of `members`, which have so many `rows`."""
    done = 0
    for number, shapes in members:
        share = len(shapes) / rows
        united = unite(shapes, _dimension(groups), partial(_tell_part, tell, done / rows, share))
        done += len(shapes)
        tell(done / rows)
        if united is None:
            unions.failed.append(number)
            continue
        unions.ways[united.way] += 1
        yield number, _encode(united.shape, groups)


def _tell_part(tell: Callable[[float], None], before: float, share: float, done: float) -> None:
    tell(before + share * done)


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
