"""A rule of neighbourhood fitted to the rows: what it needs to see them for."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import compress

import numpy as np

from geocrew.analyses.parts.block_ranges import block_ranges
from geocrew.analyses.parts.contiguity import Contiguity, Polygons, check_polygons
from geocrew.analyses.parts.neighbourhood import Rule
from geocrew.analyses.parts.rows import Rows
from geocrew.datasets.arrays import Array, number_addresses
from geocrew.datasets.build import OutputMode
from geocrew.datasets.compose import compose
from geocrew.datasets.features import Features
from geocrew.datasets.steady import steady
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.kernels.arrays import Ints
from geocrew.kernels.contiguity import Outlines, outlines_of
from geocrew.kernels.pace import OnProgress
from geocrew.kernels.reach import geodesic_reach, planar_reach

POLE = 90.0 + 1e-9  # what rounding makes of it
# PostGIS measures distances below the largest float4; a view's boxes find what is a turn further.
_FARTHEST = float(np.finfo(np.float32).max)
_TURN_AND_A_HALF = 540.0


def fit_rule(
    rule: Rule,
    connection: Connection,
    features: Features,
    rows: Rows,
    show: OnProgress,
    output_mode: OutputMode,
) -> Rule:
    """Return `rule` with the reach that `auto` stands for, or with the polygons of all rows.

    Only for contiguity do shapes travel, of which `show` hears the share. Raises UserError where there
    are no polygons, or no two places, or places in degrees that are beyond a pole, or for a view places
    that are too far apart for it.
    """
    fitted = _fit(rule, connection, features, rows, show)
    if output_mode != "static" and rule.contiguity is None:
        _check_extent(fitted, features, rows, output_mode)
        _check_boxes(connection, features, output_mode)
    return fitted


def _fit(rule: Rule, connection: Connection, features: Features, rows: Rows, show: OnProgress) -> Rule:
    if rule.geographic:
        _check_degrees(features, rows)
    if rule.contiguity is not None:
        check_polygons(rule.contiguity, features.layer, features.geometry)
        polygons = _read_polygons(rule.contiguity, connection, features, rows, show)
        return replace(rule, polygons=polygons)
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


def _check_degrees(features: Features, rows: Rows) -> None:
    """Raise UserError for latitudes that are none: metres, say, in what was said to be degrees.

    Each library makes of them places of its own.
    """
    latitudes = rows.y[rows.takes_part]
    beyond = latitudes[np.abs(latitudes) > POLE]
    if beyond.size:
        farthest = beyond[np.argmax(np.abs(beyond))]
        raise UserError(
            f"{features.layer.described} is in degrees (EPSG:{features.layer.srid}), but {beyond.size}"
            f" of its features have a latitude beyond 90, the farthest {farthest:g}; give the data the"
            " SRID that their coordinates are in, or mend these"
        )


def _check_extent(rule: Rule, features: Features, rows: Rows, output_mode: OutputMode) -> None:
    """Raise UserError where a view would not find neighbours that a table finds."""
    places = rows.places()
    if not places.x.size:
        return
    # Halved, for the difference of two floats may be none.
    half_width, half_height = float(np.ptp(places.x / 2)), float(np.ptp(places.y / 2))
    if rule.geographic:
        wrong = half_width >= _TURN_AND_A_HALF / 2
        why = "longitudes one and a half turns apart or more, where a view finds no neighbours"
    else:
        wrong = (max(half_width, half_height) if rule.reach is None else rule.reach) >= _FARTHEST / 2
        why = f"places or a reach of {_FARTHEST / 2:.2g} or more, where PostGIS measures no distances"
    if wrong:
        raise UserError(
            f'{features.layer.described} has {why}; choose output_mode "static" in place of'
            f' "{output_mode}", or mend the coordinates'
        )


def _check_boxes(connection: Connection, features: Features, output_mode: OutputMode) -> None:
    """Raise UserError where a view, which looks for places in the boxes of shapes, would miss one.

    PostGIS takes the box of a polygon from its shell; a hole beyond that is a polygon once it is mended.
    """
    if features.mends is None or features.on_invalid == "skip":
        return
    query = compose(
        "SELECT ({name})::text FROM {rows} WHERE NOT {hollow} AND NOT {shape} && {place}"
        " ORDER BY {name} LIMIT 1",
        name=features.layer.rank("s") or compose("s.ctid"),
        rows=features.rows("s"),
        hollow=features.hollow("s"),
        shape=features.layer.shape("s"),
        place=features.place("s"),
    )
    found = connection.execute(query).fetchone()
    if found:
        raise UserError(
            f"{features.layer.described} has a polygon, of id {found[0]}, with a hole beyond its shell,"
            f' where a view does not find it once it is mended; choose output_mode "static" in place of'
            f' "{output_mode}", or mend it'
        )


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
    contiguity: Contiguity, connection: Connection, features: Features, rows: Rows, show: OnProgress
) -> Polygons:
    """Read the outlines of the rows that take part; raises SourceChanged where they are others now."""
    at = np.flatnonzero(rows.takes_part)
    at = at[np.argsort(rows.rank[at], kind="stable")]
    by_address = np.argsort(number_addresses(rows.row[at]))
    addresses = number_addresses(rows.row[at])[by_address]
    pieces: list[Outlines] = []
    found = 0
    for those, versions, shapes in _fetch(connection, features, show):
        where = np.minimum(np.searchsorted(addresses, those), max(addresses.size - 1, 0))
        known = addresses[where] == those
        owners = by_address[where[known]]
        if (rows.version[at][owners] != versions[known]).any():
            raise features.layer.changed()
        found += owners.size
        pieces.append(outlines_of(list(compress(shapes, known)), owners))
    if found != at.size:
        raise features.layer.changed()
    return Polygons(contiguity, rows.rank[at], _join(pieces))


def _fetch(
    connection: Connection, features: Features, show: OnProgress
) -> Iterator[tuple[Ints, Array, list[bytes]]]:
    """Yield addresses, versions and shapes of all rows with a shape, a part of the table at once."""
    shape = features.geometry.straight(features.shape("s"))
    with steady(connection), connection.cursor(binary=True) as cursor:
        for within in block_ranges(connection, features.layer, show):
            query = compose(
                "SELECT s.ctid, s.xmin, ST_AsBinary(ST_Force2D({shape}), 'NDR') FROM {rows}"
                " WHERE {kept} AND {within} AND NOT {hollow}",
                shape=shape,
                rows=features.rows("s"),
                kept=features.kept("s"),
                within=within,
                hollow=features.hollow("s"),
            )
            if rows := cursor.execute(query).fetchall():
                yield _unpack(rows)


def _unpack(fetched: list[tuple[bytes, bytes, bytes]]) -> tuple[Ints, Array, list[bytes]]:
    return (
        number_addresses(np.frombuffer(b"".join([row for row, _, _ in fetched]), "V6")),
        np.frombuffer(b"".join([version for _, version, _ in fetched]), "V4"),
        [shape for _, _, shape in fetched],
    )


def _join(pieces: list[Outlines]) -> Outlines:
    starts = np.cumsum([0, *(piece.offsets[-1] for piece in pieces)])
    offsets = [piece.offsets[1:] + start for piece, start in zip(pieces, starts, strict=False)]
    return Outlines(
        np.concatenate([piece.x for piece in pieces]),
        np.concatenate([piece.y for piece in pieces]),
        np.concatenate([[0], *offsets]),
        np.concatenate([piece.owners for piece in pieces]),
    )
