"""Nearest in metres against geodesics of GeographicLib (by pyproj), with no index that could be wrong.

The straight line through the Earth is never longer than the geodesic. So the nearest of a source are
among the candidates nearest by straight line, once the last of them is farther off than the geodesic to
the best: measured are ever more of them until that is so.
"""

import numpy as np
import pyproj
from numpy.typing import NDArray
from psycopg import sql
from scipy.spatial import cKDTree

from geocrew.db import Connection

_GEOD = pyproj.Geod(ellps="WGS84")
_EARTH = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
_TIE = 1e-3  # metres: nearest orders by whole millimetres
_ROUNDING = 1e-6  # metres between two ways to a geodesic or to a place in the Earth's frame

Floats = NDArray[np.float64]


def count_wrong(connection: Connection, result: str) -> dict[str, int]:
    """Count the rows of a result of nearest, limit 1, which are wrong: another target is nearer.

    Also those whose distance is not the geodesic to their target, and sources without a row. The tables
    are `sources` and `targets` with points in degrees.
    """
    keys, sources = _read(connection, "SELECT id, ST_X(geom), ST_Y(geom) FROM sources ORDER BY id")
    names, targets = _read(connection, "SELECT id, ST_X(geom), ST_Y(geom) FROM targets ORDER BY id")
    query = sql.SQL("SELECT source_id, target_id, distance FROM {} ORDER BY source_id")
    rows = np.array(connection.execute(query.format(sql.Identifier(result))).fetchall(), float)
    found, chosen = np.searchsorted(keys, rows[:, 0]), np.searchsorted(names, rows[:, 1])
    apart = _apart(sources[found], targets[chosen])
    return {
        "rows": len(rows),
        "targets": len(targets),
        "wrong": int((apart > least_apart(sources, targets)[found] + _TIE).sum()),
        "wrong_distance": int((abs(apart - rows[:, 2]) > _ROUNDING).sum()),
        "missing": len(sources) - len(np.unique(found)),
    }


def least_apart(sources: Floats, targets: Floats) -> Floats:
    """Return the geodesic from each source (n, 2) to the nearest of the targets (m, 2), in metres."""
    tree, spots = cKDTree(_places(targets)), _places(sources)
    least = np.full(len(sources), np.inf)
    open_, count = np.arange(len(sources)), min(8, len(targets))
    while open_.size:
        straight, near = map(np.asarray, tree.query(spots[open_], k=range(1, count + 1)))
        apart = _apart(np.repeat(sources[open_], count, axis=0), targets[near.ravel()])
        least[open_] = apart.reshape(-1, count).min(axis=1)
        if count == len(targets):
            break
        open_ = open_[straight[:, -1] < least[open_] + _ROUNDING]
        count = min(4 * count, len(targets))
    return least


def _read(connection: Connection, query: str) -> tuple[Floats, Floats]:
    rows = np.array(connection.execute(query.encode()).fetchall(), float)
    return rows[:, 0], rows[:, 1:]


def _places(degrees: Floats) -> Floats:
    """Return places (n, 3) on the ellipsoid in metres from the middle of the Earth."""
    return np.column_stack(_EARTH.transform(degrees[:, 0], degrees[:, 1], np.zeros(len(degrees))))


def _apart(ones: Floats, others: Floats) -> Floats:
    return np.asarray(_GEOD.inv(ones[:, 0], ones[:, 1], others[:, 0], others[:, 1])[2])
