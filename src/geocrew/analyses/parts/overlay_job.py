"""The steps that clip and erase have in common, from opening the features to the product."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geocrew.analyses.parts.overlay import overlay
from geocrew.analyses.parts.overlay_ladder import Operation
from geocrew.analyses.parts.overlay_layers import MaskLayer, count_mask, prepare_mask, view_mask
from geocrew.analyses.parts.overlay_mask import Mask
from geocrew.analyses.parts.overlay_result import build_table, build_view, count_rows, say
from geocrew.analyses.parts.overlay_rows import Rows, read_rows
from geocrew.analyses.parts.overlay_sql import straight_shape
from geocrew.analysis import Context, Product, VectorParams
from geocrew.datasets.compose import Expression
from geocrew.datasets.features import Features, OnInvalid, prepare
from geocrew.datasets.layer import Layer
from geocrew.datasets.steady import watched


@dataclass(frozen=True)
class Source:
    """The features to be cut: as the user's layer, as they are read, and as numbers."""

    layer: Layer
    features: Features
    rows: Rows


def read_source(context: Context, layer: Layer, on_invalid: OnInvalid) -> Source:
    """Make the features addressable and valid, and read where they are."""
    context.progress(0.0, "checking shapes")
    features = prepare(context.connection, layer, context.staging, on_invalid)
    context.progress(0.1, "reading")
    return Source(layer, features, read_rows(context.connection, features))


def cut_by_dataset(
    operation: Operation,
    params: VectorParams,
    context: Context,
    layer: Layer,
    mask: MaskLayer,
    name: str,
) -> Product:
    """Cut the features of `layer` by the union of a dataset's polygons."""
    source = read_source(context, layer, params.on_invalid)
    with watched(mask.layer):
        polygons, features = prepare_mask(context, mask, params.on_invalid)
    shape = straight_shape(source.features.for_view(layer))
    product = cut(
        operation,
        params,
        context,
        source,
        polygons,
        view_mask(mask, features, shape),
        count_mask(features),
        name,
    )
    features.check_unchanged(context.connection)
    return product


def cut(
    operation: Operation,
    params: VectorParams,
    context: Context,
    source: Source,
    mask: Mask,
    view_item: Expression,
    counts: Mapping[str, Any],
    name: str,
) -> Product:
    """Cut the features by a mask; `view_item` is the mask as the FROM item of a view."""
    features, rows = source.features, source.rows
    overlaid = overlay(operation, context, features, rows, mask)
    context.progress(0.8, "writing")
    if params.output_mode == "static":
        staged = build_table(context, features, overlaid)
    else:
        view = features.for_view(source.layer)
        staged = build_view(operation, context, view, view_item, overlaid, params.output_mode)
    balance = count_rows(operation, context.connection, features, rows, overlaid)
    said = {"notes": say(features, params.output_mode)}
    return Product(staged=staged, name=name, counts=balance | dict(counts) | said)
