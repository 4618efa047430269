"""Erase: features minus the union of another dataset's polygons, attributes kept.

Features that the polygons do not reach come out bit for bit; those wholly covered vanish, counted.
"""

from dataclasses import replace

from pydantic import Field

from geocrew.analyses.parts.overlay_job import cut_by_dataset
from geocrew.analyses.parts.overlay_layers import MaskLayer, open_mask
from geocrew.analysis import Analysis, Context, Product, VectorParams
from geocrew.datasets.layer import Layer, open_layer
from geocrew.db import Connection


class Params(VectorParams):
    """Parameters of the erase."""

    input_dataset_id: int = Field(
        ge=1, description="the dataset from which to take away", json_schema_extra={"dataset": True}
    )
    erase_dataset_id: int = Field(
        ge=1, description="a dataset of polygons to take away", json_schema_extra={"dataset": True}
    )


def check(params: Params, connection: Connection, user_id: int) -> tuple[Layer, MaskLayer]:
    """Return both layers; raises UserError where they are not fit."""
    layer = open_layer(connection, params.input_dataset_id, user_id, "input_dataset_id")
    mask = open_mask(connection, "erase_dataset_id", params.erase_dataset_id, user_id, layer)
    return layer, mask


def run(params: Params, context: Context) -> Product:
    """Cut in PostgreSQL, by masks that are made here."""
    layer, mask = check(params, context.connection, context.user_id)
    name = f"{layer.dataset.name} without {mask.layer.dataset.name}"
    product = cut_by_dataset("erase", params, context, layer, mask, name)
    erased = product.counts["dropped_outside"]
    return replace(product, counts={**product.counts, "n_erased": erased})


ANALYSIS = Analysis(
    job_type="erase_analysis",
    title="Erase",
    summary="Takes the area of one dataset's polygons away from the features of another.",
    params=Params,
    columns=(),
    check=check,
    run=run,
)
