"""Distances as users write them, in the unit in which a layer measures."""

import math
from typing import Literal

import pyproj
from pyproj.exceptions import CRSError

from geocrew.datasets.layer import Layer
from geocrew.db import Connection, statement
from geocrew.errors import InvalidParameters

DistanceUnit = Literal["auto", "m", "km", "ft", "mi", "dataset"]

# International foot and statute mile (exact, 1959 agreement).
_METRES: dict[str, float] = {"m": 1.0, "km": 1000.0, "ft": 0.3048, "mi": 1609.344}


def measured(connection: Connection, layer: Layer, distance: float, unit: DistanceUnit) -> float:
    """Return `distance` in metres for geographic layers, in the layer's own unit for all others.

    Raises InvalidParameters for degrees, and for metres where the layer's unit is not known.
    """
    reach = _measured(connection, layer, distance, unit)
    if not math.isfinite(reach):
        raise InvalidParameters([f'distance {distance:g} with distance_unit "{unit}" is too large'])
    return reach


def _measured(connection: Connection, layer: Layer, distance: float, unit: DistanceUnit) -> float:
    if layer.geographic:
        if unit == "dataset":
            reason = f'distance_unit "dataset" would be degrees in {layer.described} (EPSG:{layer.srid})'
            raise InvalidParameters([f"{reason}; choose auto, m, km, ft or mi"])
        return distance * _METRES.get(unit, 1.0)
    if unit in ("auto", "dataset"):
        return distance
    return distance * _METRES[unit] / _unit_in_metres(connection, layer, unit)


def unit_name(layer: Layer) -> str:
    """Return how results name the unit that `measured` gives."""
    return "m" if layer.geographic else "dataset"


def _unit_in_metres(connection: Connection, layer: Layer, unit: DistanceUnit) -> float:
    row = connection.execute(
        statement("geocrew.datasets.sql", "reference_system"), {"srid": layer.srid}
    ).fetchone()
    if row is None:
        reason = f'distance_unit "{unit}" needs a coordinate reference system'
        raise InvalidParameters(
            [f"{reason}, and {layer.described} has none (SRID 0); choose auto or dataset"]
        )
    try:
        return float(pyproj.CRS.from_user_input(row[0] or "").axis_info[0].unit_conversion_factor)
    except CRSError as error:
        reason = (
            f'distance_unit "{unit}" needs the unit of SRID {layer.srid} of {layer.described}, which has'
        )
        missing = f"{reason} no definition in spatial_ref_sys that can be read"
        raise InvalidParameters([f"{missing}; choose auto or dataset"]) from error
