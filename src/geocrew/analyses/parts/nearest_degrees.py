"""Points to points in degrees: coordinates travel, and places are searched in this process by chords.

Of 100,000 points among 1,000,000 the index of PostgreSQL takes 8.1 CPU s, this 2.8. What the last digits
decide is left to PostgreSQL, so that the result is that of ST_Distance between geographies.
"""

from collections.abc import Callable

import numpy as np

from geocrew.analyses.parts.nearest_points import is_cheaper_here, numbers_of
from geocrew.analyses.parts.nearest_sql import Search
from geocrew.analyses.parts.nearest_tally import Points
from geocrew.datasets.arrays import Array, ArrayType, write_arrays
from geocrew.datasets.compose import Expression, compose, identify
from geocrew.datasets.pairing import Side
from geocrew.db import Connection
from geocrew.kernels.arrays import Ints
from geocrew.kernels.join import along_curve
from geocrew.kernels.join_geodesic import find_nearest_places, plant_places
from geocrew.kernels.pace import OnProgress, run_in_pieces

_CANDIDATES = 2_000_000  # points of the places that are looked at, kept at a time


def are_degrees(
    source: Side, target: Side, search: Search, sources: int, count_targets: Callable[[], int]
) -> bool:
    """Say whether the search can be done here, and is cheaper."""
    return search.geographic and is_cheaper_here(source, target, search, sources, count_targets)


def within_bounds(points: Points) -> Array:
    """Say of points (n,) whether they are on the Earth; PostGIS takes others for some other place."""
    return np.asarray((np.abs(points.x) <= 180) & (np.abs(points.y) <= 90))


def find_in_degrees(
    connection: Connection,
    found: Expression,
    source: Points,
    target: Points,
    search: Search,
    on_share: OnProgress,
) -> Array:
    """Make `found`: pairs beyond doubt with their places; returns the names of the sources left over.

    All targets that have a place are within the bounds of degrees.
    """
    connection.execute(
        compose(
            "CREATE UNLOGGED TABLE {found} (source {source}, target {target}, rank int4,"
            " x float8, y float8, to_x float8, to_y float8)",
            found=found,
            source=identify(source.type),
            target=identify(target.type),
        )
    )
    target, source = target.chosen(target.somewhere), source.chosen(source.somewhere)
    if not len(target.names):
        return source.names[:0]
    on_earth = within_bounds(source)
    strays, source = source.names[~on_earth], source.chosen(on_earth)
    source = source.chosen(along_curve(source.x, source.y))
    places, doubtful = plant_places(target.x, target.y), np.zeros(len(source.names), bool)
    itself = np.searchsorted(numbers_of(target.names), numbers_of(source.names)) if search.same else None
    most = max(1, _CANDIDATES // (search.limit + 1) ** 2)

    def step(first: int, stop: int) -> int:
        stop = min(stop, first + most)
        part = source.chosen(slice(first, stop))
        near = find_nearest_places(
            places,
            part.x,
            part.y,
            search.limit,
            search.farthest,
            None if itself is None else itself[first:stop],
        )
        doubtful[first:stop] = near.doubtful
        _write(connection, found, part.chosen(near.rows), target.chosen(near.ranks), near.places)
        return stop

    run_in_pieces(len(source.names), step, on_share)
    return np.concatenate((strays, source.names[doubtful]))


def measured(found: Expression, search: Search) -> Expression:
    """Return the SELECT of source, target, rank and distance, which PostGIS measures for a view, too."""
    return compose(
        "SELECT source, target, rank, ST_Distance(ST_SetSRID(ST_MakePoint(x, y), 4326)::geography,"
        " ST_SetSRID(ST_MakePoint(to_x, to_y), 4326)::geography) / {unit} FROM {found}",
        unit=search.unit,
        found=found,
    )


def _write(
    connection: Connection, found: Expression, source: Points, target: Points, places: Ints
) -> None:
    columns: dict[str, tuple[ArrayType, Array]] = {
        "source": (source.type, source.names),
        "target": (target.type, target.names),
        "rank": ("int4", places + 1),
        "x": ("float8", source.x),
        "y": ("float8", source.y),
        "to_x": ("float8", target.x),
        "to_y": ("float8", target.y),
    }
    write_arrays(connection, found, columns)
