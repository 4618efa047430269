"""The dataset whose polygons cut: opened, checked, and as a mask for tables and for views."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from geocrew.analyses.parts.overlay_copy import Copied, copy_polygons
from geocrew.analyses.parts.overlay_mask import FARTHEST, DatasetMask
from geocrew.analyses.parts.overlay_sql import straight_shape, union_near
from geocrew.analysis import Context
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.features import Features, OnInvalid, Reached, prepare
from geocrew.datasets.layer import Layer, open_layer
from geocrew.datasets.srids import Alignment, in_srid_of
from geocrew.datasets.steady import steady
from geocrew.db import Connection
from geocrew.errors import UserError


@dataclass(frozen=True)
class MaskLayer:
    """A dataset of polygons, and what brings them into the SRID of the features to be cut."""

    parameter: str
    layer: Layer
    alignment: Alignment


def open_mask(
    connection: Connection, parameter: str, dataset_id: int, user_id: int, first: Layer
) -> MaskLayer:
    """Open the dataset; raises UserError where it is not of polygons or in no known SRID."""
    layer = open_layer(connection, dataset_id, user_id, parameter)
    kind = layer.geometry_type.rstrip("ZM").upper()
    if kind.endswith(("POINT", "LINESTRING", "CURVE")):
        raise UserError(
            f"{parameter} {dataset_id} holds {layer.geometry_type}; choose a dataset of polygons"
        )
    return MaskLayer(parameter, layer, in_srid_of(connection, first, layer))


@dataclass(frozen=True)
class Blade:
    """What cuts: the polygons as a mask, as they were prepared, and what could not be transformed.

    `empty` counts the rows without a shape, those of which repair has left nothing among them.
    """

    mask: DatasetMask
    features: Features
    copied: Copied
    empty: int

    @property
    def counts(self) -> dict[str, Any]:
        """How many polygons were empty, repaired, left out as invalid, or could not be transformed."""
        repaired, skipped = self.features.mending
        return {
            "n_mask_empty": self.empty,
            "n_mask_repaired": repaired,
            "n_mask_skipped": skipped,
            "n_mask_failed": self.copied.failed,
            "mask_failed": list(self.copied.named),
        }


def prepare_mask(
    context: Context,
    mask: MaskLayer,
    reached: Reached,
    on_invalid: OnInvalid,
    show: Callable[[float], None],
) -> Blade:
    """Copy the polygons to the workshop; raises UserError where they are not all polygons.

    `show` hears the share of them that is checked.
    """
    connection, table = context.connection, context.staging.relation("mask")
    with steady(connection):
        features = prepare(connection, reached, context.staging, on_invalid, show, part="2")
        usable, empty = _count_rows(connection, features)
        if features.geometry.dimension != 2 and usable:
            raise UserError(
                f"{mask.parameter} {mask.layer.dataset.id} holds points, lines or a mixture; "
                "choose a dataset of polygons"
            )
        copied = copy_polygons(connection, table, features, mask.alignment)
    moved = mask.alignment.srid is not None
    srid = mask.layer.srid if mask.alignment.srid is None else mask.alignment.srid
    polygons = DatasetMask(connection, table, srid, moved=moved)
    if polygons.bounds is not None and np.abs(polygons.bounds).max() > FARTHEST:
        raise UserError(
            f"{mask.parameter} {mask.layer.dataset.id} has coordinates beyond {FARTHEST:g},"
            " which no shape can be cut by; mend or remove them"
        )
    return Blade(polygons, features, copied, empty)


def view_mask(mask: MaskLayer, prepared: Features, cut: Features) -> Expression:
    """Return the FROM item `mask` of a view of the features `cut`, which reads the original table."""
    features = prepared.for_view(mask.layer)
    aligned = mask.alignment.shape(features.geometry.straight(features.shape("m")))
    mixed = cut.geometry.dimension is None
    return union_near(features, aligned, straight_shape(cut), mixed=mixed)


def _count_rows(connection: Connection, features: Features) -> tuple[int, int]:
    """Count the kept rows with a shape and those without."""
    query = compose(
        "SELECT count(*) FILTER (WHERE NOT {hollow}), count(*) FILTER (WHERE {hollow})"
        " FROM {rows} WHERE {kept}",
        hollow=features.hollow("s"),
        rows=features.rows("s"),
        kept=features.kept("s"),
    )
    row = connection.execute(query).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
