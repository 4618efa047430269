"""Job types and parameters, to the letter: a body written for AR1 works here, and what it leaves out."""

from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from geocrew import analyses
from geocrew.errors import InvalidParameters

REQUIRED = PydanticUndefined
NEIGHBOURS = {
    "neighbor_type": "distance",
    "distance": None,
    "distance_unit": "auto",
    "k_neighbors": None,
}
VECTOR = {"output_mode": "static", "on_invalid": "repair"}
# What each takes beside output_name and output_dataset_id, and what it is when it is left out.
PARAMETERS: dict[str, dict[str, Any]] = {
    "hotspot_analysis": VECTOR
    | NEIGHBOURS
    | {"dataset_id": REQUIRED, "value_field": REQUIRED}
    | {"correction": "none", "permutations": 0, "seed": 0},
    "outlier_analysis": VECTOR
    | NEIGHBOURS
    | {"dataset_id": REQUIRED, "value_field": REQUIRED, "method": "zscore", "threshold": 2.0},
    "hotspot_timeseries": VECTOR
    | NEIGHBOURS
    | {"dataset_id": REQUIRED, "value_field": REQUIRED, "time_field": REQUIRED}
    | {"time_periods": None, "time_step": None, "location_field": None, "correction": "none"},
    "nearest": VECTOR
    | {"source_dataset_id": REQUIRED, "target_dataset_id": REQUIRED, "max_distance": None, "limit": 1}
    | {"keep_unmatched": False, "geometry": "source", "distance_unit": "auto"},
    "dissolve": VECTOR
    | {"source_dataset_id": REQUIRED, "dissolve_mode": "field", "dissolve_field": None}
    | {"custom_field": None, "custom_groups": None, "aggregation_fields": {}}
    | {"multipart": True, "unmatched": "drop"},
    "clip": VECTOR | {"dataset_id": REQUIRED, "clip_geometry": None, "clip_dataset_id": None},
    "erase_analysis": VECTOR | {"input_dataset_id": REQUIRED, "erase_dataset_id": REQUIRED},
    "create_view": {
        "source_dataset_id": REQUIRED,
        "query": None,
        "columns": None,
        "where": None,
        "materialized": False,
    },
    "refresh_view": {"dataset_id": REQUIRED},
    "raster_clip": {
        "raster_dataset_id": REQUIRED,
        "clip_geometry": REQUIRED,
        "crop": True,
        "all_touched": False,
        "bands": None,
        "nodata": None,
    },
}
AR1 = {
    "hotspot_analysis",
    "outlier_analysis",
    "nearest",
    "nearest_analysis",
    "dissolve",
    "clip",
    "raster_clip",
    "create_view",
    "erase_analysis",
    "hotspot_timeseries",
}


@pytest.mark.parametrize("job_type", PARAMETERS)
def test_names_and_defaults(job_type: str) -> None:
    fields = analyses.find(job_type).params.model_fields
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
    own = {name: default for name, default in defaults.items() if not name.startswith("output_")}
    own["output_mode"] = fields["output_mode"].default if "output_mode" in fields else None
    expected = {"output_mode": None} | PARAMETERS[job_type]
    assert own == expected
    assert fields["output_name"].default is fields["output_dataset_id"].default is None


def test_no_job_type_is_left_out() -> None:
    assert set(PARAMETERS) == set(analyses.load())


def test_every_job_type_of_ar1_is_answered() -> None:
    names = {name for each in analyses.load().values() for name in each.names}
    assert names >= AR1


def test_what_is_no_object_is_told_in_words_of_json() -> None:
    with pytest.raises(InvalidParameters, match=r"custom_groups\.0 should be an object, not 5"):
        analyses.find("dissolve").parse({"custom_groups": [5]})


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(
    ("job_type", "name"), [("hotspot_analysis", "dataset_id"), ("raster_clip", "nodata")]
)
def test_truth_is_no_number(job_type: str, name: str, value: bool) -> None:
    said = "true" if value else "false"
    with pytest.raises(InvalidParameters, match=f"{name} should be a number, not {said}"):
        analyses.find(job_type).parse({name: value})


@pytest.mark.parametrize("name", ["distance", "k_neighbors", "permutations", "output_dataset_id"])
def test_truth_is_no_number_of_any_kind(name: str) -> None:
    with pytest.raises(InvalidParameters, match=f"{name} should be a number, not true"):
        analyses.find("hotspot_analysis").parse({name: True})
