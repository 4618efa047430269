"""The rows of a layer whose shapes nobody has checked yet."""

from geocrew.analyses.parts.groups import Grouping
from geocrew.datasets.compose import compose
from geocrew.datasets.features import Features, Reached, take_rows
from geocrew.datasets.layer import Layer
from geocrew.datasets.staging import Staging
from geocrew.db import Connection


def take_unchecked(
    connection: Connection, reached: Reached, workshop: Staging, grouping: Grouping
) -> Features | None:
    """Return the rows as they are, as if all were valid: `prepare` without its look at every shape.

    None where there is nothing to save: points are always valid, and rows without an address are copied.
    None, too, where dimensions mix: what is left after repair may be of one. Or where a row in no group,
    whose shape nobody would meet, is invalid: it is repaired or skipped, and counted, like any other.
    """
    if not reached.layer.stored:
        return None
    features = take_rows(connection, reached, workshop)
    if features.geometry.dimension not in (1, 2) or not features.storage:
        return None
    return None if _has_invalid_stranger(connection, reached.layer, grouping) else features


def _has_invalid_stranger(connection: Connection, layer: Layer, grouping: Grouping) -> bool:
    if not grouping.drops:
        return False
    query = compose(
        "SELECT FROM {relation} AS s {joins} WHERE NOT {member} AND NOT ST_IsValid({shape}) LIMIT 1",
        relation=layer.relation,
        joins=grouping.joins,
        member=grouping.member,
        shape=layer.shape("s"),
    )
    return connection.execute(query).fetchone() is not None
