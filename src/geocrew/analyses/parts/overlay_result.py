"""What an overlay gives back: the rows that remain as a table or as a view, and what to know of them."""

from dataclasses import replace

from geocrew.analyses.parts.overlay_ladder import Operation
from geocrew.analyses.parts.overlay_sql import straight_shape, view_piece, view_where
from geocrew.analysis import Context, notes, rest
from geocrew.datasets.build import OutputMode, Staged, build
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.estimate import estimate_rows
from geocrew.datasets.features import Features
from geocrew.datasets.output import GEOMETRY, Results, select_rows
from geocrew.datasets.pairing import Side
from geocrew.datasets.srids import Alignment
from geocrew.datasets.staging import SCHEMA
from geocrew.datasets.summary import Summary, summarise
from geocrew.datasets.ticks import ticks_of_view, ticks_over
from geocrew.datasets.topology import refused_as
from geocrew.errors import UserError

# The share of an overlay's work that is done when all is cut.
WRITING = 0.8

_UNMOVED = Alignment(None, 0.0)


def build_shapes(context: Context, features: Features, remains: Expression, rows: int) -> Staged:
    """Let the server write the `rows` of `remains` (row, version, geom), whole where geom is NULL."""
    joins = compose("JOIN {remains} AS r ON r.row = s.ctid AND r.version = s.xmin", remains=remains)
    part = features.geometry.force(compose("r.geom"))
    shape = compose(
        "CASE WHEN r.geom IS NULL THEN {whole} ELSE {part} END",
        whole=features.output_shape("s"),
        part=part,
    )
    with context.connection.transaction():
        # By address each row is found directly; hashing rows with their shapes takes twice that. Rows
        # without a key are numbered besides, by a join that must not be a nested loop.
        if features.layer.key is not None:
            context.connection.execute(
                "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
            )
        staged = _build_table(context, features, joins, rows, shape=shape)
        features.check_unchanged(context.connection)
    return staged


def build_points(context: Context, features: Features, where: Expression, rows: int) -> Staged:
    """Let the server write the rows that remain, all whole; they are `rows` at most."""
    return _build_table(context, features, compose(""), rows, where=where)


def build_view(
    operation: Operation, context: Context, features: Features, mask: Expression, mode: OutputMode
) -> tuple[Staged, Summary]:
    """Make the view and read it once; `features` are those of the original layer.

    `mask` is its FROM item `mask`. Raises UserError where it cannot be read.
    """
    if features.layer.rank("s") is None:
        raise UserError(
            f"{features.layer.described} has no unique key, so a view cannot tell its rows apart; "
            'choose output_mode "static"'
        )
    shape, mixed = straight_shape(features), features.geometry.dimension is None
    results = Results(
        columns=[],
        joins=compose(
            "{numbers} {piece}",
            numbers=Side(features, _UNMOVED).identity_join("s"),
            piece=view_piece(operation, mask, shape, mixed=mixed),
        ),
        shape=compose(
            "CASE WHEN piece.geom IS NULL THEN {whole} ELSE {part} END",
            whole=features.output_shape("s"),
            part=features.geometry.force(compose("piece.geom")),
        ),
        where=view_where(operation, features.hollow("s"), shape, mixed=mixed),
        source_id=Side(features, _UNMOVED).identity("s"),
    )
    with refused_as(context.connection, lambda reason: unfit_for_view(features, mode, reason)):
        select, show = select_rows(features, results), rest(context, WRITING)
        ticks = ticks_of_view(estimate_rows(context.connection, features.layer))
        staged = build(context.connection, context.staging, mode, select, ticks, show=show)
        return staged, summarise(context.connection, SCHEMA, staged.table, GEOMETRY)


def unfit_for_view(features: Features, mode: OutputMode, reason: str) -> UserError:
    """Return the error for shapes that only this process can cut."""
    return UserError(
        f"{features.layer.described} has shapes that PostGIS cannot cut, so output_mode "
        f'"{mode}" would fail when it is read ({reason}); choose "static"'
    )


def say(features: Features, output_mode: OutputMode) -> list[str]:
    """Return notes of what became of shapes; a view of an overlay computes all of them."""
    said = notes(replace(features, lost=0), "static")
    if features.lost:
        said.append(f"{features.lost} invalid shapes could not be repaired and count as empty")
    if output_mode == "view":
        said.append(
            "the view cuts its shapes anew whenever it is read and cannot use the spatial index; "
            'output_mode "materialized_view" stores them with one'
        )
    return said


def _build_table(
    context: Context,
    features: Features,
    joins: Expression,
    rows: int,
    *,
    shape: Expression | None = None,
    where: Expression | None = None,
) -> Staged:
    side = Side(features, _UNMOVED)
    results = Results(
        columns=[],
        joins=compose("{joins} {numbers}", joins=joins, numbers=side.identity_join("s")),
        shape=shape,
        where=where,
        source_id=side.identity("s"),
    )
    context.connection.execute("SET LOCAL jit = off")
    ticks, show = ticks_over(context.connection, features.layer, rows), rest(context, WRITING)
    select = select_rows(features, results, ticks)
    return build(context.connection, context.staging, "static", select, ticks, show=show)
