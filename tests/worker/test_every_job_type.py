"""A plain INSERT of each job type, alias and all, is done by a worker as the contract says."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from geocrew import analyses
from geocrew.datasets import gdal, registry
from geocrew.datasets.importer import import_file
from geocrew.db import Connection
from tests.worker.processes import Workers, datasets_of, final, staged

AR1_KEYS = ("dataset_id", "dataset_name", "table_name")
KEYS = {*AR1_KEYS, "row_count", "bbox", "srid", "elapsed_ms"}
BALANCE = ("rows_out", "dropped_outside", "dropped_empty", "dropped_lower_dimension", "failed")


def insert(connection: Connection, job_type: str, params: dict[str, Any]) -> int:
    """What any SQL client can do."""
    row = connection.execute(
        "INSERT INTO background_jobs (job_type, params) VALUES (%s, %s) RETURNING id",
        (job_type, json.dumps(params)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def add_raster(connection: Connection, directory: Path) -> int:
    rasterio = gdal.raster()
    place = rasterio.Affine(0.1, 0, 0, 0, -0.1, 3)
    profile = {"width": 30, "height": 30, "count": 1, "dtype": "int16", "crs": "EPSG:4326"}
    with rasterio.open(directory / "x.tif", "w", driver="GTiff", transform=place, **profile) as opened:
        opened.write(np.ones((1, 30, 30), "int16"))
    return import_file(connection, directory / "x.tif", raster_dir=directory / "rasters").id


def jobs(squares: int, raster: int) -> list[tuple[str, dict[str, Any], int | None]]:
    """Job type, parameters and the rows that come of nine squares of a degree, by hand."""
    ring = [[0.5, 0.5], [1.5, 0.5], [1.5, 1.5], [0.5, 1.5], [0.5, 0.5]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    value = {"dataset_id": squares, "value_field": "value"}
    pair = {"source_dataset_id": squares, "target_dataset_id": squares}
    time = {"time_field": "seen", "time_step": "year", "neighbor_type": "queen"}
    return [
        ("hotspot_analysis", value | {"neighbor_type": "knn", "k_neighbors": 3}, 9),
        ("outlier_analysis", value, 9),
        ("hotspot_timeseries", value | time, 9),
        ("nearest", pair | {"limit": 2}, 18),
        ("nearest_analysis", pair, 9),
        ("dissolve", {"source_dataset_id": squares, "dissolve_field": "part"}, 3),
        ("clip", {"dataset_id": squares, "clip_geometry": shape}, 4),
        ("erase_analysis", {"input_dataset_id": squares, "erase_dataset_id": squares}, 0),
        ("create_view", {"source_dataset_id": squares, "where": "value > 4", "materialized": True}, 5),
        ("raster_clip", {"raster_dataset_id": raster, "clip_geometry": shape}, None),
    ]


def test_plain_inserts_of_every_job_type(
    connection: Connection, workers: Workers, tmp_path: Path
) -> None:
    connection.execute(
        "CREATE TABLE squares AS SELECT i AS id, i AS value, i % 3 AS part,"
        " date '2020-02-01' + i AS seen,"
        " ST_MakeEnvelope(x, y, x + 1, y + 1, 4326)::geometry(Polygon, 4326) AS geom"
        " FROM generate_series(1, 9) AS i, LATERAL (SELECT (i - 1) % 3 AS x, (i - 1) / 3 AS y) AS at;"
        " ALTER TABLE squares ADD PRIMARY KEY (id)"
    )
    squares = registry.register(connection, "public", "squares").id
    wanted = jobs(squares, add_raster(connection, tmp_path))
    workers.start(GEOCREW_DATA_DIR=str(tmp_path))
    ids = [insert(connection, job_type, params) for job_type, params, _ in wanted]
    for job_id, (job_type, _, rows) in zip(ids, wanted, strict=True):
        job = final(connection, job_id, 120)
        assert (job.status, job.attempt, job.error_message) == ("completed", 1, None), job_type
        result = job.result or {}
        assert set(result) >= KEYS, job_type
        assert (result["row_count"], result["srid"]) == (rows, 4326), job_type
        assert datasets_of(connection, job_id) == 1
        if rows is not None:
            assert result["rows_in"] == sum(result[name] for name in BALANCE), job_type
        if job_type == "create_view":
            stored = int(result["dataset_id"])
    connection.execute("UPDATE squares SET value = 9 WHERE id < 3")
    refreshed = final(connection, insert(connection, "refresh_view", {"dataset_id": stored}))
    assert refreshed.result is not None
    assert set(refreshed.result) >= KEYS
    assert (refreshed.result["row_count"], refreshed.result["rows_before"]) == (7, 5)
    assert {each[0] for each in wanted} | {"refresh_view"} == {
        name for each in analyses.load().values() for name in each.names
    }
    assert staged(connection) == []
