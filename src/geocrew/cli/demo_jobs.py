"""The jobs of the demonstration: one of each type at least, on the data that ships with geocrew."""

from dataclasses import dataclass, field
from typing import Any

_COUNTIES, _CITIES, _STATES = "us_counties_2009", "us_cities", "us_states"


@dataclass(frozen=True)
class DemoJob:
    """A job type, the parameters that name datasets, and the others."""

    job_type: str
    datasets: dict[str, str]
    params: dict[str, Any] = field(default_factory=dict)


def _box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}


FIRST = (
    DemoJob(
        "hotspot_analysis",
        {"dataset_id": _COUNTIES},
        {"value_field": "unemployment_rate", "neighbor_type": "knn", "k_neighbors": 8},
    ),
    DemoJob(
        "hotspot_analysis",
        {"dataset_id": _CITIES},
        {"value_field": "population", "distance": 50, "distance_unit": "km"},
    ),
    DemoJob(
        "outlier_analysis",
        {"dataset_id": _COUNTIES},
        {"value_field": "unemployment_rate", "method": "mad"},
    ),
    DemoJob("nearest", {"source_dataset_id": "soho_deaths", "target_dataset_id": "soho_pumps"}),
    DemoJob(
        "dissolve",
        {"source_dataset_id": _COUNTIES},
        {
            "dissolve_field": "state",
            "aggregation_fields": {"labor_force": "sum", "unemployed": "sum"},
        },
    ),
    DemoJob("clip", {"dataset_id": _COUNTIES}, {"clip_geometry": _box(-114.1, 31.3, -102.0, 42.0)}),
    DemoJob(
        "raster_clip",
        {"raster_dataset_id": "jacksboro_dem"},
        {"clip_geometry": _box(-84.35, 36.5, -84.2, 36.65)},
    ),
    DemoJob(
        "create_view",
        {"source_dataset_id": _COUNTIES},
        {
            "columns": ["name", "state", "unemployment_rate"],
            "where": "unemployment_rate > 10",
            "output_name": "Counties over 10 % unemployment",
        },
    ),
    DemoJob(
        "create_view",
        {"source_dataset_id": _STATES},
        {"columns": ["state"], "where": "state = 'TX'", "output_name": "Texas"},
    ),
    DemoJob(
        "hotspot_timeseries",
        {"dataset_id": "us_state_income"},
        {
            "value_field": "income",
            "time_field": "year",
            "time_periods": [str(year) for year in range(1929, 2010, 10)],
            "location_field": "state",
            "neighbor_type": "knn",
            "k_neighbors": 5,
        },
    ),
)
# What needs a result of the first jobs, under its name.
SECOND = (
    DemoJob(
        "erase_analysis",
        {"input_dataset_id": _COUNTIES, "erase_dataset_id": "Texas"},
        {"output_name": "Counties without Texas"},
    ),
)
