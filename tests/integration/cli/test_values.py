"""`name=value` against a model with every kind of parameter."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from geocrew import analyses
from geocrew.analysis import Analysis, Params
from geocrew.cli.values import read_values
from geocrew.datasets import catalog
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, NotFound


class _Params(Params):
    dataset_id: int | None = Field(None, ge=1, json_schema_extra={"dataset": True})
    text: str | None = None
    choice: Literal["1", "2"] = "1"
    number: int | None = None
    reach: float | Literal["auto"] | None = None
    shape: dict[str, Any] | None = None
    names: list[Annotated[str, Field(min_length=1)]] | str = "none"


def _never(*_: object) -> Any:
    raise AssertionError("not called")


ANALYSIS = Analysis("test", "", "", _Params, (), _never, _never)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("text=2020", "2020"),
        ("text=", ""),
        ("text=a=b", "a=b"),
        ("text=@file", "@file"),
        ("choice=2", "2"),
        ("number=8", 8),
        ("reach=1.5", 1.5),
        ("reach=auto", "auto"),
        ('shape={"type": "Point"}', {"type": "Point"}),
        ('names=["a", "b"]', ["a", "b"]),
        ("number=null", None),
        ("dataset_id=7", 7),
    ],
)
def test_a_value_is_json_unless_its_parameter_is_text(
    connection: Connection, given: str, expected: object
) -> None:
    values = read_values(ANALYSIS, [given], connection)
    assert values == {given.partition("=")[0]: expected}
    assert type(next(iter(values.values()))) is type(expected)


def test_a_dataset_goes_by_name(connection: Connection, tmp_path: Path) -> None:
    dataset_id = catalog.reserve(connection, "a = name")
    (tmp_path / "shape.json").write_text(json.dumps({"a": [1]}))
    given = ["dataset_id=a = name", f"shape=@{tmp_path / 'shape.json'}"]
    assert read_values(ANALYSIS, given, connection) == {"dataset_id": dataset_id, "shape": {"a": [1]}}


def test_a_value_that_cannot_be_read_is_one_mistake(connection: Connection) -> None:
    with pytest.raises(InvalidParameters) as caught:
        read_values(
            analyses.find("outlier_analysis"), ["dataset_id=nowhere", "value_field=a"], connection
        )
    assert caught.value.problems == [
        'dataset_id: no dataset is named "nowhere"; there are no datasets yet'
    ]


def test_a_name_that_is_no_datasets_is_told_with_those_there_are(connection: Connection) -> None:
    ids = [catalog.reserve(connection, name) for name in ("counties", "cities")]
    with pytest.raises(NotFound) as caught:
        catalog.find(connection, "countys")
    known = f"datasets: {ids[1]} (cities), {ids[0]} (counties)"
    assert str(caught.value) == f'no dataset is named "countys"; did you mean "counties"?; {known}'


def test_all_mistakes_come_together(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    given = [
        "dataset_id=nowhere",
        f"shape=@{tmp_path / 'broken.json'}",
        "number=NaN",
        "number=1",
        "=3",
        "text=\udc80",
        "other=1",
    ]
    with pytest.raises(InvalidParameters) as caught:
        read_values(ANALYSIS, given, connection)
    problems = caught.value.problems
    for told in (
        'dataset_id: no dataset is named "nowhere"',
        "shape: ",
        "holds no JSON",
        'number should be a valid integer, unable to parse string as an integer, not "NaN"',
        "number is given twice",
        '"=3" is not of the form name=value',
        "text: the value is not UTF-8 text",
        'unknown parameter "other"',
    ):
        assert any(told in each for each in problems), (told, problems)
    assert len(problems) == 7
