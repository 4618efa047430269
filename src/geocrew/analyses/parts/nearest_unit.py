"""The unit of distances in words, for the comment of a column."""

import re

import pyproj

from geocrew.datasets import reference_systems
from geocrew.datasets.layer import Layer
from geocrew.datasets.units import DistanceUnit
from geocrew.db import Connection

_UNITS = {"m": "metres", "km": "kilometres", "ft": "feet", "mi": "miles"}
# EPSG's and PROJ's names of units say one: US survey foot, British yard (Sears 1922), kilometre.
_ONE = re.compile(
    r"\b((?:kilo|centi|milli|deci)?met(?:re|er)|yard|mile|link|chain|fathom|inch|foot)\b", re.IGNORECASE
)
_IRREGULAR = {"foot": "feet", "inch": "inches"}


def unit_in_words(connection: Connection, layer: Layer, unit: DistanceUnit) -> str:
    """Name the unit in which distances of `layer` are given."""
    if unit in _UNITS:
        return _UNITS[unit]
    if layer.geographic:
        return _UNITS["m"]
    definition = reference_systems.definition(connection, layer.srid)
    if definition is None:
        return "the unit of the coordinates"
    name = str(pyproj.CRS.from_user_input(definition).axis_info[0].unit_name)
    return _ONE.sub(lambda one: _IRREGULAR.get(one[1].lower(), f"{one[1]}s"), name)
