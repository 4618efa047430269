"""Who is whose neighbour: the parameters, the sums over neighbours, and the same as SQL."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from geocrew.analyses.parts.auto_or_positive import AutoOrPositive
from geocrew.analyses.parts.contiguity import Contiguity, Polygons, check_polygons
from geocrew.analysis import VectorParams
from geocrew.datasets.layer import Layer
from geocrew.datasets.units import DistanceUnit, measured, unit_name
from geocrew.db import Connection
from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.band import band_lag
from geocrew.kernels.geodesic import geodesic_band_lag, geodesic_knn_lag
from geocrew.kernels.knn import knn_lag
from geocrew.kernels.lag import Lag
from geocrew.kernels.pace import OnProgress

NeighborType = Literal["distance", "knn", "queen", "rook"]


class NeighbourParams(VectorParams):
    """Parameters of every analysis of the values of one field among neighbours."""

    dataset_id: int = Field(ge=1, description="the dataset", json_schema_extra={"dataset": True})
    value_field: str = Field(
        min_length=1,
        description="numeric field whose values are compared",
        json_schema_extra={"field_of": "dataset_id"},
    )
    neighbor_type: NeighborType = Field(
        "distance",
        description="distance: all within `distance`; knn: the `k_neighbors` nearest; "
        "queen, rook: polygons that share a corner, an edge",
    )
    distance: Annotated[float | Literal["auto"], AutoOrPositive()] | None = Field(
        None,
        description="reach of the neighbourhood, inclusive; required for neighbor_type distance; "
        "auto: the largest distance to a nearest neighbour, outliers left out",
    )
    distance_unit: DistanceUnit = Field(
        "auto",
        description="auto: metres on the ellipsoid for geographic datasets, else the dataset's unit",
    )
    k_neighbors: int | None = Field(
        None, ge=1, description="number of other features; required for neighbor_type knn"
    )

    @property
    def values_named(self) -> str:
        """How messages name the values."""
        return f'value_field "{self.value_field}" of dataset {self.dataset_id}'

    @classmethod
    def conditions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        """Each rule of neighbourhood has a number of its own."""
        yield from super().conditions(given)
        rule = given.get("neighbor_type", "distance")
        needed = {"distance": "distance", "knn": "k_neighbors"}.get(
            rule if isinstance(rule, str) else ""
        )
        if needed is not None and given.get(needed) is None:
            yield f'{needed} is required for neighbor_type "{rule}"'


@dataclass(frozen=True)
class Rule:
    """A neighbourhood in the unit of its layer: a reach, a number of neighbours, or contiguity.

    None of these is a reach that is still to be found; that and the polygons come by `fit_rule`.
    """

    geographic: bool
    reach: float | None
    unit: str
    k: int | None
    contiguity: Contiguity | None = None
    polygons: Polygons | None = field(default=None, repr=False, compare=False)

    def lag(self, places: "Places", values: Floats, on_progress: OnProgress) -> Lag:
        """Sum `values` (n,) over each place and its neighbours."""
        x, y = places.x, places.y
        if self.polygons is not None:
            return self.polygons.lag(places.rank, values, on_progress)
        if self.reach is not None:
            band = geodesic_band_lag if self.geographic else band_lag
            return band(x, y, values, self.reach, on_progress)
        if self.k is None:
            raise ValueError("the rule is not fitted to its rows")
        nearest = geodesic_knn_lag if self.geographic else knn_lag
        return nearest(x, y, places.rank, values, self.k, on_progress)

    def described(self) -> dict[str, Any]:
        """Return the rule as results show it."""
        if self.reach is not None:
            return {"distance": self.reach, "distance_unit": self.unit}
        if self.contiguity is not None:
            return {"neighbor_type": self.contiguity}
        return {"k_neighbors": self.k}


@dataclass(frozen=True)
class Places:
    """Where features are and how ties among them are broken: x, y float8 (n,), rank int8 (n,)."""

    x: Floats
    y: Floats
    rank: Ints


def rule_of(params: NeighbourParams, connection: Connection, layer: Layer) -> Rule:
    """Return the rule that the parameters name for this layer; raises InvalidParameters if none."""
    unit = unit_name(layer)
    if params.neighbor_type == "knn":
        return Rule(layer.geographic, None, unit, params.k_neighbors)
    if params.neighbor_type != "distance":
        check_polygons(params.neighbor_type, layer)
        return Rule(layer.geographic, None, unit, None, params.neighbor_type)
    if params.distance == "auto":
        return Rule(layer.geographic, None, unit, None)
    reach = measured(connection, layer, params.distance or 0.0, params.distance_unit)
    return Rule(layer.geographic, reach, unit, None)
