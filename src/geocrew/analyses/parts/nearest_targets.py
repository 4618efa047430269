"""Where the nearest are looked for: the targets as they are stored, or prepared with an index."""

from dataclasses import replace

from geocrew.analyses.parts.nearest_sql import Targets, measured_shape
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.pairing import Side, has_shape_index
from geocrew.datasets.progress import Show, part_of
from geocrew.datasets.staging import Staging
from geocrew.datasets.ticks import Ticks, ticks_over
from geocrew.db import Connection

# Measured on lakes: with 20 sources a target, pieces of up to 64 vertices cost a half to a quarter of
# whole shapes; with 2 sources a target, the cutting (2.6 µs a vertex) cost three times what it saved.
_BIG, _PIECE, _SOURCES_EACH = 64, 64, 10
# A comparison with a huge shape costs 0.15 µs a vertex, cutting it 7 (80 where a million are in fine
# waves): of 3,000 sources near one target of 100,000, 39 s uncut and 2.6 cut.
_HUGE, _WORTH = 16_384, 500


def stored_targets(target: Side) -> Targets:
    """Return the targets as they are, to be searched with an index of their own."""
    return Targets(
        rows=target.features.rows("b"),
        row=target.row("b"),
        shape=target.shape("b"),
        usable=target.takes_part("b"),
    )


def defined_targets(source: Side, target: Side, geographic: bool) -> Targets:
    """Return the targets as a view reads them: as stored where that serves, else made once a reading."""
    stored = stored_targets(target)
    if target.direct and not geographic:
        return stored
    if geographic and are_stored_points(source, target):
        return _boxed_targets(target)
    made = compose(
        "targets AS MATERIALIZED ("
        "SELECT row, flat, {shape} AS shape"
        " FROM (SELECT {row} AS row, {flat} AS flat FROM {rows} WHERE {usable} OFFSET 0) AS b)",
        shape=measured_shape(compose("flat"), geographic),
        row=stored.row,
        flat=stored.shape,
        rows=stored.rows,
        usable=stored.usable,
    )
    flat = _prepared(compose("targets"), compose("b.flat"), made)
    if not geographic:
        return flat
    probe = stored if target.direct else flat
    return _prepared(compose("targets"), compose("b.shape"), made, probe)


def are_stored_points(source: Side, target: Side) -> bool:
    """Say whether both are points compared as they are stored, so that an index on degrees serves."""
    return all(side.direct and side.features.geometry.type == "Point" for side in (source, target))


def _boxed_targets(target: Side) -> Targets:
    """Return stored points in degrees, and apart from them those that a view may meet out of bounds."""
    stored = stored_targets(target)
    made = compose(
        "strays AS MATERIALIZED (SELECT {row} AS row, {shape} AS shape FROM {rows}"
        " WHERE {usable} AND NOT {usual})",
        row=stored.row,
        shape=measured_shape(stored.shape, True),
        rows=stored.rows,
        usable=stored.usable,
        usual=_usual(stored.shape),
    )
    return replace(
        stored,
        shape=measured_shape(stored.shape, True),
        usable=compose("{usable} AND {usual}", usable=stored.usable, usual=_usual(stored.shape)),
        made=made,
        probe=stored,
        boxed=True,
        strays=_prepared(compose("strays"), compose("b.shape")),
    )


def _usual(shape: Expression) -> Expression:
    return compose(
        "(ST_X({shape}) BETWEEN -180 AND 180 AND ST_Y({shape}) BETWEEN -90 AND 90)", shape=shape
    )


def prepare_targets(
    connection: Connection,
    staging: Staging,
    source: Side,
    target: Side,
    geographic: bool,
    sources: int,
    show: Show,
) -> Targets:
    """Return the targets ready for a fast search: staged with an index where they have none that serves.

    Big planar shapes are cut up besides, where `sources` are many enough to be worth it.
    """
    ticks = ticks_over(connection, target.features.layer)
    if geographic and _are_indexed_points(connection, source, target):
        stored = stored_targets(target)
        return replace(stored, shape=measured_shape(stored.shape, True), probe=stored, boxed=True)
    if target.direct and not geographic and has_shape_index(connection, target.features.layer):
        targets = stored_targets(target)
    else:
        targets = _stage(connection, staging, target, geographic, ticks, part_of(show, 0.0, 0.4))
    if geographic or not _are_big(connection, target, sources):
        return targets
    if target.features.geometry.dimension is not None:
        whole = targets.shape
    else:
        # ST_Subdivide of a collection leaves out all but its members of the highest dimension.
        whole = compose("(ST_Dump({shape})).geom", shape=targets.shape)
    return _cut_up(connection, staging, targets, whole, ticks, part_of(show, 0.4))


def _prepared(
    relation: Expression, shape: Expression, made: Expression | None = None, probe: Targets | None = None
) -> Targets:
    return Targets(
        rows=compose("{relation} AS b", relation=relation),
        row=compose("b.row"),
        shape=shape,
        usable=compose("true"),
        made=made,
        probe=probe,
    )


def _stage(
    connection: Connection,
    staging: Staging,
    target: Side,
    geographic: bool,
    ticks: Ticks,
    show: Show,
) -> Targets:
    table = staging.relation("targets")
    spot = compose(", {spot} AS spot", spot=target.spot("b")) if geographic else compose("")
    query = compose(
        "CREATE UNLOGGED TABLE {table} AS SELECT {row} AS row, {shape} AS shape{spot}"
        " FROM {rows} WHERE {usable} AND {ticks}",
        table=table,
        row=target.row("b"),
        shape=measured_shape(target.shape("b"), geographic),
        spot=spot,
        rows=target.features.rows("b"),
        usable=target.takes_part("b"),
        ticks=ticks.each(compose("hashtid(b.ctid)")),
    )
    with ticks.heard(connection, lambda share: show(0.5 * share, "copying targets")):
        connection.execute(query)
    _index(connection, table, part_of(show, 0.5))
    connection.execute(compose("CREATE INDEX ON {table} (row)", table=table))
    targets = _prepared(table, compose("b.shape"))
    if not geographic:
        return targets
    connection.execute(compose("CREATE INDEX ON {table} USING gist (spot)", table=table))
    return replace(targets, spot=compose("b.spot"))


def _are_indexed_points(connection: Connection, source: Side, target: Side) -> bool:
    """Say whether both are points within the bounds of degrees, the targets with an index on them.

    Staging them with an index on geography costs 12 µs a target: 1.2 of 2.9 CPU s for 10,000 sources
    among 100,000.
    """
    return (
        are_stored_points(source, target)
        and has_shape_index(connection, target.features.layer)
        and all(_within_bounds(connection, side) for side in (source, target))
    )


def _within_bounds(connection: Connection, side: Side) -> bool:
    """Say whether all degrees are usual ones; PostGIS takes others for some place on the Earth."""
    query = compose(
        "SELECT NOT EXISTS (SELECT FROM {rows} WHERE {usable} AND NOT {usual})",
        rows=side.features.rows("s"),
        usable=side.takes_part("s"),
        usual=_usual(side.shape("s")),
    )
    row = connection.execute(query).fetchone()
    return row is not None and bool(row[0])


def _cut_up(
    connection: Connection,
    staging: Staging,
    targets: Targets,
    whole: Expression,
    ticks: Ticks,
    show: Show,
) -> Targets:
    table = staging.relation("pieces")
    query = compose(
        "CREATE UNLOGGED TABLE {table} AS SELECT {row} AS target,"
        " ST_Subdivide({whole}, {most}) AS shape FROM {rows} WHERE {usable} AND {ticks}",
        table=table,
        row=targets.row,
        whole=whole,
        most=_PIECE,
        rows=targets.rows,
        usable=targets.usable,
        ticks=ticks.each(compose("hashtid(b.ctid)")),
    )
    with ticks.heard(connection, lambda share: show(0.7 * share, "cutting big targets up")):
        connection.execute(query)
    _index(connection, table, part_of(show, 0.7))
    query = compose(
        "SELECT max(GREATEST(-ST_XMin(shape), ST_XMax(shape), -ST_YMin(shape), ST_YMax(shape)))"
        " FROM {table}",
        table=table,
    )
    farthest = connection.execute(query).fetchone()
    # A cut rounds to 2^-52 of the coordinates; some hundred times that is still far below any use.
    noise = 1e-13 * float(farthest[0] if farthest and farthest[0] else 1.0)
    return replace(targets, pieces=table, noise=noise)


def _index(connection: Connection, table: Expression, show: Show) -> None:
    show(0.0, "making an index of targets", 1.0)
    connection.execute(compose("CREATE INDEX ON {table} USING gist (shape)", table=table))
    connection.execute(compose("ANALYZE {table}", table=table))


def _are_big(connection: Connection, target: Side, sources: int) -> bool:
    """Say whether cutting all pays for so many sources.

    One in twenty has many vertices, or one has so many that a comparison with it is worth the cutting.
    """
    if target.features.geometry.dimension == 0:
        return False
    query = compose(
        "SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY size) > {big}"
        " AND count(*) * {each} <= {sources}"
        " OR max(size) > {huge} AND {worth} * sum(size) <= max(size)::float8 * {sources}"
        " FROM (SELECT ST_NPoints({shape}) AS size FROM {rows} WHERE {usable} OFFSET 0) AS sizes",
        shape=target.features.layer.shape("b"),
        big=_BIG,
        each=_SOURCES_EACH,
        huge=_HUGE,
        worth=_WORTH,
        sources=sources,
        rows=target.features.rows("b"),
        usable=target.takes_part("b"),
    )
    row = connection.execute(query).fetchone()
    return row is not None and bool(row[0])
