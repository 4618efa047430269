"""A dataset that is not there, or not fit, is told with its parameter and those that could be meant."""

from typing import Any

import pytest
from tests.integration.analyses.layers import add_dataset
from tests.run_analysis import run_analysis

from geocrew.datasets import catalog
from geocrew.datasets.catalog import Dataset
from geocrew.db import Connection
from geocrew.errors import UserError
from geocrew.submit import submit

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
GONE = 4711
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("hotspot_analysis", "dataset_id", {"value_field": "value", "distance": 1}),
    ("outlier_analysis", "dataset_id", {"value_field": "value"}),
    (
        "hotspot_timeseries",
        "dataset_id",
        {"value_field": "value", "time_field": "t", "time_step": "day", "distance": 1},
    ),
    ("nearest", "source_dataset_id", {"target_dataset_id": 1}),
    ("nearest", "target_dataset_id", {"source_dataset_id": 1}),
    ("dissolve", "source_dataset_id", {"dissolve_field": "value"}),
    ("clip", "dataset_id", {"clip_geometry": SQUARE}),
    ("clip", "clip_dataset_id", {"dataset_id": 1}),
    ("erase_analysis", "input_dataset_id", {"erase_dataset_id": 1}),
    ("erase_analysis", "erase_dataset_id", {"input_dataset_id": 1}),
    ("create_view", "source_dataset_id", {"columns": ["value"]}),
]


@pytest.fixture
def places(connection: Connection) -> int:
    connection.execute(
        "CREATE TABLE places (id int PRIMARY KEY, value float8, t date, geom geometry(Polygon, 27700))"
    )
    return add_dataset(connection, "places", name="Places of " + "x" * 60)


@pytest.fixture
def relief(connection: Connection) -> int:
    number = catalog.reserve(connection, "relief")
    described: dict[str, Any] = {"kind": "raster", "raster_file": "x.tif", "raster": {}}
    catalog.add(connection, Dataset(id=number, user_id=1, name="relief", **described))
    return number


@pytest.mark.parametrize(("job_type", "name", "params"), CASES)
def test_features(
    connection: Connection, places: int, relief: int, job_type: str, name: str, params: dict[str, Any]
) -> None:
    given = {key: places if key.endswith("_id") else value for key, value in params.items()}
    choices = f"datasets of features: {places} (Places of {'x' * 29}…)"
    for number, problem in (
        (GONE, f"{name}: dataset {GONE} does not exist; {choices}"),
        (relief, f"{name}: dataset {relief} is a raster, not a dataset of features; {choices}"),
    ):
        with pytest.raises(UserError) as at_submit:
            submit(connection, job_type, given | {name: number})
        with pytest.raises(UserError) as at_run:
            run_analysis(connection, job_type, given | {name: number})
        assert str(at_submit.value) == str(at_run.value)
        assert str(at_run.value).startswith(problem)


def test_rasters_and_reserved_ids(connection: Connection, places: int, relief: int) -> None:
    params = {"raster_dataset_id": GONE, "clip_geometry": SQUARE}
    problem = rf"raster_dataset_id: dataset {GONE} does not exist; rasters: {relief} \(relief\)"
    with pytest.raises(UserError, match=problem):
        submit(connection, "raster_clip", params)
    catalog.reserve(connection, "somebody else's", user_id=7)
    kept = [catalog.reserve(connection, f"kept {number}") for number in range(12)]
    given = {"dataset_id": places, "value_field": "value", "output_dataset_id": GONE}
    with pytest.raises(UserError) as caught:
        submit(connection, "outlier_analysis", given)
    said = f"output_dataset_id: dataset {GONE} does not exist; reserved datasets: {kept[11]} (kept 11), "
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith(f"{kept[2]} (kept 2), …")
