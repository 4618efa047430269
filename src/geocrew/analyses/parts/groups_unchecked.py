"""The rows of a layer whose shapes nobody has checked yet."""

from geocrew.datasets.features import Features, take_rows
from geocrew.datasets.layer import Layer
from geocrew.datasets.staging import Staging
from geocrew.db import Connection


def take_unchecked(connection: Connection, layer: Layer, workshop: Staging) -> Features | None:
    """Return the rows as they are, as if all were valid: `prepare` without its look at every shape.

    None where there is nothing to save: points are always valid, and rows without an address are copied.
    None, too, where dimensions mix: what is left after repair may be of one.
    """
    if not layer.stored:
        return None
    features = take_rows(connection, layer, workshop)
    return features if features.geometry.dimension in (1, 2) and features.storage else None
