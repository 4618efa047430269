"""The steps that clip and erase have in common, from opening the features to the product."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from geocrew.analyses.parts.overlay import Overlaid, overlay
from geocrew.analyses.parts.overlay_balance import balance_points, balance_shapes, balance_view
from geocrew.analyses.parts.overlay_ladder import Operation, Verdict
from geocrew.analyses.parts.overlay_layers import MaskLayer, prepare_mask, view_mask
from geocrew.analyses.parts.overlay_mask import Mask, enlarged
from geocrew.analyses.parts.overlay_points import sort_points
from geocrew.analyses.parts.overlay_result import (
    WRITING,
    build_points,
    build_shapes,
    build_view,
    say,
    unfit_for_view,
)
from geocrew.analyses.parts.overlay_rows import Rows, read_rows
from geocrew.analyses.parts.overlay_workshop import Workshop
from geocrew.analysis import Context, Product, VectorParams, step_of
from geocrew.datasets.compose import Expression
from geocrew.datasets.features import Features, OnInvalid, Reached, reach_rows, take_rows
from geocrew.datasets.invalid import count_invalid, refuse_invalid
from geocrew.datasets.layer import Layer
from geocrew.datasets.steady import steady, steady_for, watched
from geocrew.errors import UserError


@dataclass(frozen=True)
class Source:
    """The features to be cut: as the user's layer, and as they are read, shapes not yet checked."""

    layer: Layer
    features: Features


@dataclass(frozen=True)
class Blade:
    """What they are cut by: as a mask, and as the FROM item `mask` of a view of such features.

    `counts` is what the result says of it, `unmoved` how many of its polygons could not be transformed.
    """

    mask: Mask
    item: Callable[[Features], Expression]
    counts: Mapping[str, Any] = field(default_factory=dict)
    unmoved: int = 0


def open_source(context: Context, reached: Reached, on_invalid: OnInvalid) -> Source:
    """Make the features addressable; raises UserError for invalid shapes under `fail`."""
    context.progress(0.0, "opening the features")
    features = take_rows(context.connection, reached, context.staging)
    if on_invalid == "fail" and features.geometry.dimension != 0:
        show = step_of(context, "checking shapes", 0.0, 0.05)
        refuse_invalid(context.connection, features.layer, show)
    return Source(reached.layer, replace(features, on_invalid=on_invalid))


def cut_by_dataset(
    operation: Operation,
    params: VectorParams,
    context: Context,
    layer: Layer,
    mask: MaskLayer,
    name: str,
) -> Product:
    """Cut the features of `layer` by the union of a dataset's polygons."""
    connection = context.connection
    reached, blades = reach_rows(connection, layer), reach_rows(connection, mask.layer)
    with watched(layer), steady_for(connection, params.output_mode):
        source = open_source(context, reached, params.on_invalid)
        show = step_of(context, "checking shapes of the mask", 0.05, 0.1)
        with watched(mask.layer):
            prepared = prepare_mask(context, mask, blades, params.on_invalid, show)

        def item(features: Features) -> Expression:
            return view_mask(mask, prepared.features, features)

        blade = Blade(prepared.mask, item, prepared.counts, prepared.copied.failed)
        product = cut(operation, params, context, source, blade, name)
        prepared.features.check_unchanged(connection)
    return product


def cut(
    operation: Operation, params: VectorParams, context: Context, source: Source, blade: Blade, name: str
) -> Product:
    """Cut the features by a mask."""
    if blade.unmoved and params.output_mode != "static":
        raise UserError(
            f"{blade.unmoved} polygons to cut by cannot be transformed to the features' SRID, so"
            f' output_mode "{params.output_mode}" would fail when it is read; choose "static"'
        )
    points = source.features.geometry.type == "Point"
    product = (_cut_points if points else _cut_shapes)(operation, params, context, source, blade)
    return replace(product, name=name, counts={**product.counts, **blade.counts})


def _cut_points(
    operation: Operation, params: VectorParams, context: Context, source: Source, blade: Blade
) -> Product:
    connection, features, summary = context.connection, source.features, None
    with steady(connection):
        features.check_unchanged(connection)
        points = sort_points(
            operation,
            connection,
            context.staging,
            features,
            blade.mask,
            step_of(context, "cutting", 0.1, WRITING),
        )
        if params.output_mode == "static":
            staged = build_points(context, features, points.where, points.total)
            rows_out = staged.rows or 0
        else:
            view = features.for_view(source.layer)
            staged, summary = build_view(operation, context, view, blade.item(view), params.output_mode)
            rows_out = summary.row_count
        counts = balance_points(operation, connection, features, points, rows_out)
    said = {"notes": say(features, params.output_mode)}
    return Product(staged=staged, name="", counts=counts | said, summary=summary)


def _cut_shapes(
    operation: Operation, params: VectorParams, context: Context, source: Source, blade: Blade
) -> Product:
    connection, features = context.connection, source.features
    rows = _read(operation, features, blade.mask, context)
    workshop = Workshop(connection, context.staging, features, rows)
    show = step_of(context, "cutting", 0.2, WRITING)
    overlaid = overlay(operation, workshop, rows, blade.mask, params.on_invalid, show)
    known = replace(features, invalid=overlaid.invalid.count, lost=overlaid.invalid.lost)
    if params.output_mode == "static":
        rows_out = overlaid.count(Verdict.KEPT, Verdict.CUT)
        staged = build_shapes(context, features, workshop.remains(), rows_out)
        if staged.rows != rows_out:
            raise features.layer.changed()
        summary = workshop.summarise()
    else:
        # A view may have to mend shapes that their box alone has decided here.
        invalid = count_invalid(connection, features.layer)
        view = replace(known, invalid=invalid).for_view(source.layer)
        _check_cuts(view, params, overlaid)
        staged, summary = build_view(operation, context, view, blade.item(view), params.output_mode)
        features.check_unchanged(connection)
    counts = balance_shapes(operation, connection, features, rows, overlaid)
    if params.output_mode != "static" and summary is not None:
        made = context.staging.relation("out")
        counts = balance_view(operation, connection, view, made, summary.row_count, counts)
    said = {"notes": say(known, params.output_mode)}
    return Product(staged=staged, name="", counts=counts | said, summary=summary)


def _read(operation: Operation, features: Features, mask: Mask, context: Context) -> Rows:
    """Read the rows that may remain: all in an erase, those near the mask in a clip."""
    show = step_of(context, "reading", 0.1, 0.2)
    if operation == "erase" or mask.bounds is None:
        return read_rows(context.connection, features, None, show)
    return read_rows(context.connection, features, enlarged(mask.bounds), show)


def _check_cuts(features: Features, params: VectorParams, overlaid: Overlaid) -> None:
    """Raise UserError where a view would cut what GEOS has refused to cut."""
    refused = overlaid.mended + overlaid.count(Verdict.FAILED)
    if refused:
        raise unfit_for_view(features, params.output_mode, f"{refused} rows were snapped or failed")
