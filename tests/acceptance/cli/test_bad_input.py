"""Mistakes: told at once, all together, in words; nothing is stored and no worker minds."""

import json
from pathlib import Path

import pytest
from tests.acceptance.cli.command import Command
from tests.acceptance.cli.conftest import count_jobs

from geocrew.db import Connection

MISTAKES = [
    (["hotspot"], ['unknown job_type "hotspot"', "hotspot_analysis"]),
    (["outlier_analysis", "dataset_id=99", "value_field=size"], ["dataset 99 does not exist"]),
    (
        ["outlier_analysis", "dataset_id=nowhere", "value_field=size"],
        ['dataset_id: no dataset is named "nowhere"'],
    ),
    (
        ["outlier_analysis", "dataset_id=places", "value_field=title"],
        ['value_field "title" is text, not numeric', "numeric fields: size, flat"],
    ),
    (
        ["outlier_analysis", "dataset_id=places", "value_field=siez"],
        ['value_field "siez" is not in dataset', 'did you mean "size"', "numeric fields: size, flat"],
    ),
    (
        ["hotspot_analysis", "dataset_id=places", "value_field=size", "distance=0"],
        ["distance should be greater than 0, not 0"],
    ),
    (
        ["outlier_analysis", "dataset_id=places", "value_field=size", "method=mean"],
        ["method should be 'zscore', 'mad' or 'local_moran'", '"mean"'],
    ),
    (
        [
            "hotspot_analysis",
            "dataset_id=1.5",
            "k_neighbours=8",
            "k_neighbors=many",
            "distance=@gone",
            "x",
        ],
        [
            "6 mistakes, nothing was stored",
            '"x" is not of the form name=value',
            "dataset_id should be a valid integer",
            "value_field is required",
            'unknown parameter "k_neighbours"; did you mean "k_neighbors"',
            'k_neighbors should be a valid integer, unable to parse string as an integer, not "many"',
            'distance: "gone" cannot be read',
        ],
    ),
    (
        ["outlier_analysis", "dataset_id=places", "value_field=size", "value_field=flat"],
        ["value_field is given twice"],
    ),
    (["outlier_analysis", "--timeout=0"], ["--timeout"]),
]


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(("arguments", "told"), MISTAKES, ids=lambda each: str(each[0])[:40])
def test_mistakes_are_told_and_nothing_is_stored(
    geocrew: Command, connection: Connection, arguments: list[str], told: list[str]
) -> None:
    answer = geocrew("run", *arguments, "--json")
    assert answer.code == 2
    assert answer.out == ""
    assert [each for each in told if each not in answer.err] == []
    assert "Traceback" not in answer.err
    assert count_jobs(connection) == 0


@pytest.mark.usefixtures("places")
def test_what_only_a_worker_can_know_fails_the_job_and_not_the_worker(
    geocrew: Command, connection: Connection
) -> None:
    connection.execute("CREATE TABLE public.nobody AS SELECT * FROM public.places WHERE false")
    assert geocrew("datasets", "register", "public.nobody").code == 0
    worker = geocrew.worker()
    good = ["dataset_id=places", "value_field=size"]
    runs = [
        ["outlier_analysis", "dataset_id=places", "value_field=flat"],
        ["outlier_analysis", "dataset_id=nobody", "value_field=size"],
        ["hotspot_analysis", *good, "neighbor_type=knn", "k_neighbors=36"],
    ]
    ids = [geocrew("run", *each).out.strip() for each in runs]
    rows = [("outlier_analysis", '["a list"]'), ("outlier_analysis", '{"dataset_id": "x", "y": 0}')]
    for job_type, params in rows:
        inserted = connection.execute(
            "INSERT INTO background_jobs (job_type, params) VALUES (%s, %s) RETURNING id",
            (job_type, params),
        ).fetchone()
        assert inserted is not None
        ids.append(str(inserted[0]))
    answer = geocrew("jobs", "wait", *ids, "--json")
    assert answer.code == 3, answer.err
    messages = [each["error_message"] for each in answer.document]
    for told, message in zip(
        [
            'value_field "flat" of dataset',
            "has 0 usable values",
            "k_neighbors is 36",
            "params must be a JSON object of parameters, not an array",
            'unknown parameter "y"',
        ],
        messages,
        strict=True,
    ):
        assert told in message, messages
    assert geocrew("run", "outlier_analysis", *good, "--wait").code == 0
    assert worker.end() == 0


@pytest.mark.usefixtures("places")
def test_values_are_read_from_a_file(geocrew: Command, tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(json.dumps(5))
    values = ["dataset_id=places", "value_field=size", "neighbor_type=knn"]
    answer = geocrew("run", "hotspot_analysis", *values, f"k_neighbors=@{tmp_path}/k.json", "--json")
    assert answer.document["params"]["k_neighbors"] == 5
