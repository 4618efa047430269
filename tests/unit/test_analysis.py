"""Parameters are read once, and all mistakes told at once; the documentation says what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from geocrew import analyses
from geocrew.analysis import Analysis, Context, Params, Product, VectorParams
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, NotFound

KNOWN = "parameters: on_invalid, dataset_id, weight, output_name, output_dataset_id, output_mode"
DOCS = Path(__file__).parents[2] / "docs" / "analyses"


class Given(VectorParams):
    """Parameters of an analysis that only these tests know."""

    dataset_id: int = Field(ge=1)
    weight: float = 1.0


def run(_params: Given, _context: Context) -> Product:
    raise AssertionError("parsing runs nothing")


def check(_params: Given, _connection: Connection, _user_id: int) -> None:
    raise AssertionError("parsing looks at no dataset")


ANALYSIS = Analysis("weigh", "Weigh", "Weighs.", Given, (), check, run, ("weight_analysis",))


def problems(given: Any) -> list[str]:
    with pytest.raises(InvalidParameters) as caught:
        ANALYSIS.parse(given)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return caught.value.problems


def test_defaults_fill_the_rest() -> None:
    parsed = ANALYSIS.parse({"dataset_id": 3})
    assert (parsed.output_mode, parsed.on_invalid, parsed.weight) == ("static", "repair", 1.0)
    assert (parsed.output_name, parsed.output_dataset_id) == (None, None)


def test_every_mistake_has_its_sentence() -> None:
    found = problems({"dataset": 3, "weight": "heavy", "output_mode": 1, "on_invalid": "x" * 99})
    assert sorted(found) == sorted(
        [
            "dataset_id is required",
            f'unknown parameter "dataset"; did you mean "dataset_id"?; {KNOWN}',
            'weight should be a valid number, unable to parse string as a number, not "heavy"',
            "output_mode should be 'static', 'view' or 'materialized_view', not 1",
            "on_invalid should be 'repair', 'skip' or 'fail', not \"" + "x" * 56 + "...",
        ]
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1e999", [], {}, None])
def test_numbers_are_finite(value: Any) -> None:
    (problem,) = problems({"dataset_id": 1, "weight": value})
    assert problem.startswith("weight ")


@pytest.mark.parametrize("value", [0, -1, 1.5, "one", None])
def test_dataset_ids_are_positive_integers(value: Any) -> None:
    (problem,) = problems({"dataset_id": value})
    assert problem.startswith("dataset_id ")


@pytest.mark.parametrize("name", ["", "x" * 201, 5])
def test_output_names_have_a_length(name: Any) -> None:
    (problem,) = problems({"dataset_id": 1, "output_name": name})
    assert problem.startswith("output_name ")


def test_unlike_names_get_no_hint() -> None:
    (problem,) = problems({"dataset_id": 1, "zzz": 1})
    assert problem == f'unknown parameter "zzz"; {KNOWN}'


def test_an_analysis_is_found_by_its_type_and_a_stranger_is_named() -> None:
    for job_type in analyses.load():
        assert analyses.find(job_type).job_type == job_type
    with pytest.raises(NotFound) as caught:
        analyses.find("hotspot_analisis")
    assert str(caught.value).startswith(
        'unknown job_type "hotspot_analisis"; did you mean "hotspot_analysis"?; known: hotspot_analysis,'
    )


def test_aliases_are_names_too() -> None:
    assert ANALYSIS.names == ("weigh", "weight_analysis")


def test_params_are_frozen_and_described() -> None:
    parsed: Params = ANALYSIS.parse({"dataset_id": 3})
    with pytest.raises(ValueError, match="frozen"):
        parsed.output_name = "other"  # type: ignore[misc]  # what must fail
    for analysis in analyses.load().values():
        for name, field in analysis.params.model_fields.items():
            assert field.description, f"{analysis.job_type}.{name} says nothing of itself"


@pytest.mark.parametrize("job_type", analyses.load())
def test_documentation_names_every_parameter_and_column(job_type: str) -> None:
    analysis = analyses.load()[job_type]
    text = (DOCS / f"{job_type}.md").read_text("utf-8")
    assert sorted(table(text, "Parameters")) == sorted(analysis.params.model_fields)
    assert table(text, "Added columns") == [column.name for column in analysis.columns]
    assert text.splitlines()[0] == f"# {analysis.title}"


@pytest.mark.parametrize("job_type", analyses.load())
def test_every_page_answers_the_same_questions(job_type: str) -> None:
    """What it is for, how it is computed with its formula or steps, an example and what it cannot do."""
    text = (DOCS / f"{job_type}.md").read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    in_order = ["Parameters", "Added columns", "Method", "Example", "Limits"]
    assert [each for each in headings if each in in_order] == in_order
    assert re.search(rf"^`{job_type}`.* answers: \*\*.+\?\*\*", text, re.MULTILINE)


def table(text: str, heading: str) -> list[str]:
    """Return the code words of the first column of the table under a heading."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    return re.findall(r"^\| `(\w+)`", section, re.MULTILINE)
