"""The rows of a layer whose shapes nobody has checked yet."""

from geocrew.datasets.features import Features
from geocrew.datasets.geometry import output_geometry
from geocrew.datasets.layer import Layer
from geocrew.db import Connection, statement


def take_unchecked(connection: Connection, layer: Layer) -> Features | None:
    """Return the rows as they are, as if all were valid: `prepare` without its look at every shape.

    None where there is nothing to save: points are always valid, and rows without an address are copied.
    """
    if not layer.stored:
        return None
    geometry = output_geometry(connection, layer)
    names = {"schema": layer.schema, "table": layer.table}
    row = connection.execute(statement("geocrew.datasets.sql", "storage"), names).fetchone()
    if geometry.dimension == 0 or row is None or row[0] is None:
        return None
    return Features(layer, geometry, "repair", None, 0, int(row[0]))
