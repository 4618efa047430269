"""A rule of neighbourhood fitted to the rows: what it needs to see them for."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import shapely

from geocrew.analyses.parts.contiguity import Contiguity, Polygons, check_polygons
from geocrew.analyses.parts.neighbourhood import Rule
from geocrew.analyses.parts.rows import Rows
from geocrew.datasets.arrays import Array
from geocrew.datasets.compose import compose
from geocrew.datasets.features import Features
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.kernels.arrays import Ints
from geocrew.kernels.contiguity import Outlines
from geocrew.kernels.reach import geodesic_reach, planar_reach

_AT_ONCE = 10_000


def fit_rule(rule: Rule, connection: Connection, features: Features, rows: Rows) -> Rule:
    """Return `rule` with the reach that `auto` stands for, or with the polygons of all rows.

    Only for contiguity do shapes travel. Raises UserError where there are no polygons, or no two places.
    """
    if rule.contiguity is not None:
        check_polygons(rule.contiguity, features.layer, features.geometry)
        return replace(rule, polygons=_read_polygons(rule.contiguity, connection, features, rows))
    if rule.reach is not None or rule.k is not None:
        return rule
    places = rows.places()
    measure = geodesic_reach if rule.geographic else planar_reach
    try:
        return replace(rule, reach=measure(places.x, places.y))
    except ValueError as error:
        raise UserError(
            f'distance "auto" finds no distance in {features.layer.described}: {error}; give a number'
        ) from error


def check_values(rule: Rule, rows: Rows, where: str, what: str) -> None:
    """Raise UserError where there are too few values, `where` and for `what`."""
    n = int(rows.takes_part.sum())
    if n < 3:
        raise UserError(f"{where} has {n} usable values; {what} need at least 3")
    if rule.k is not None and rule.k >= n:
        raise UserError(
            f"k_neighbors is {rule.k}, but only {n} features have a value "
            f"and a place; choose at most {n - 1}"
        )


def _read_polygons(
    contiguity: Contiguity, connection: Connection, features: Features, rows: Rows
) -> Polygons:
    """Read the outlines of the rows that take part; raises SourceChanged where they are others now."""
    at = np.flatnonzero(rows.takes_part)
    at = at[np.argsort(rows.rank[at], kind="stable")]
    by_address = np.argsort(_numbers(rows.row[at]))
    addresses = _numbers(rows.row[at])[by_address]
    pieces: list[Outlines] = []
    found = 0
    for those, versions, shapes in _fetch(connection, features):
        where = np.minimum(np.searchsorted(addresses, those), max(addresses.size - 1, 0))
        known = addresses[where] == those
        owners = by_address[where[known]]
        if (rows.version[at][owners] != versions[known]).any():
            raise features.changed()
        found += owners.size
        pieces.append(_outline(shapes[known], owners))
    if found != at.size:
        raise features.changed()
    return Polygons(contiguity, rows.rank[at], _join(pieces))


def _numbers(addresses: Array) -> Ints:
    """Return row addresses (block, line) as sortable numbers."""
    split = np.ascontiguousarray(addresses).view([("block", ">u4"), ("line", ">u2")])
    numbers: Ints = split["block"].astype(np.int64) << 16 | split["line"]
    return numbers


def _fetch(connection: Connection, features: Features) -> Iterator[tuple[Ints, Array, Array]]:
    """Yield addresses, versions and shapes of all rows with a shape, some thousands at once."""
    shape = features.geometry.straight(features.shape("s"))
    query = compose(
        "SELECT s.ctid, s.xmin, ST_AsBinary(ST_Force2D({shape})) FROM {rows}"
        " WHERE {kept} AND NOT {hollow}",
        shape=shape,
        rows=features.rows("s"),
        kept=features.kept("s"),
        hollow=features.hollow("s"),
    )
    with connection.cursor(binary=True) as cursor:
        pending = []
        for row in cursor.stream(query):
            pending.append(row)
            if len(pending) == _AT_ONCE:
                yield _unpack(pending)
                pending = []
        if pending:
            yield _unpack(pending)


def _unpack(fetched: list[tuple[bytes, bytes, bytes]]) -> tuple[Ints, Array, Array]:
    addresses, versions, shapes = zip(*fetched, strict=True)
    return (
        _numbers(np.frombuffer(b"".join(addresses), "V6")),
        np.frombuffer(b"".join(versions), "V4"),
        np.asarray(shapely.from_wkb(np.array(shapes, dtype=object))),
    )


def _outline(shapes: Array, owners: Ints) -> Outlines:
    """Take polygons (k,) apart; `owners` int8 (k,) number them."""
    parts, shape_of = shapely.get_parts(shapes, return_index=True)
    rings, part_of = shapely.get_rings(parts, return_index=True)
    corners, ring_of = shapely.get_coordinates(rings, return_index=True)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(ring_of, minlength=len(rings)))))
    return Outlines(corners[:, 0], corners[:, 1], offsets, owners[shape_of[part_of]])


def _join(pieces: list[Outlines]) -> Outlines:
    starts = np.cumsum([0, *(piece.offsets[-1] for piece in pieces)])
    offsets = [piece.offsets[1:] + start for piece, start in zip(pieces, starts, strict=False)]
    return Outlines(
        np.concatenate([piece.x for piece in pieces]),
        np.concatenate([piece.y for piece in pieces]),
        np.concatenate([[0], *offsets]),
        np.concatenate([piece.owners for piece in pieces]),
    )
