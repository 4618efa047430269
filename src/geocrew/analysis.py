"""What an analysis is: typed parameters, declared results, a run that knows nothing of the queue."""

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from geocrew.datasets.build import OutputMode, Staged
from geocrew.datasets.features import Features, OnInvalid
from geocrew.datasets.geometry import OutputGeometry
from geocrew.datasets.layer import Layer
from geocrew.datasets.progress import Show, part_of
from geocrew.datasets.staged_raster import StagedRaster
from geocrew.datasets.staging import Staging
from geocrew.datasets.summary import Summary
from geocrew.db import Connection, UnreadableJson
from geocrew.errors import InvalidParameters
from geocrew.views.refresh import Refreshed

Level = Literal["info", "warning", "error"]


class Params(BaseModel):
    """Parameters that every analysis takes.

    In a field's `json_schema_extra`, "dataset": true marks a parameter that names a dataset, and
    "field_of": NAME one that names a field of the dataset which parameter NAME names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    output_name: str | None = Field(
        None, min_length=1, max_length=200, description="name of the new dataset"
    )
    output_dataset_id: int | None = Field(
        None, ge=1, description="a reserved, still empty dataset to fill instead of a new one"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false for a number: they would be taken for 1 and 0."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if (
            isinstance(value, bool)
            and not _takes(kind, bool)
            and (_takes(kind, int) or _takes(kind, float))
        ):
            raise ValueError("should be a number")
        return value

    @classmethod
    def conditions(cls, given: Mapping[str, Any]) -> Iterator[str]:  # noqa: ARG003 (for subclasses)
        """Yield a sentence for each rule between parameters that `given` breaks.

        Works on what the caller wrote, so that these are reported together with the wrong values.
        """
        yield from ()


class VectorParams(Params):
    """Parameters of every analysis of features."""

    output_mode: OutputMode = Field(
        "static",
        description="a table, a view that follows its features, or a view that is stored and refreshed",
    )
    on_invalid: OnInvalid = Field(
        "repair", description="what to do with invalid geometries: mend, leave out, or refuse"
    )


class Context(Protocol):
    """What a run may use of the world. The worker's and the tests' are the two implementations."""

    connection: Connection
    user_id: int
    staging: Staging
    raster_dir: Path

    def progress(self, share: float, message: str, until: float | None = None, /) -> None:
        """Say how much of the work is done, 0 to 1, and what is being done.

        `until` is the share after the index that `connection` makes in its next statement.
        """

    def log(self, message: str, level: Level = "info") -> None:
        """Tell the user something worth keeping."""


def step_of(context: Context, step: str, first: float, last: float) -> Callable[[float], None]:
    """Begin a step that goes from share `first` to `last` of all; return what shows its own share."""

    def show(share: float) -> None:
        context.progress(first + (last - first) * share, step)

    show(0.0)
    return show


def rest(context: Context, first: float) -> Show:
    """Return what shows a share of the work that is left after the share `first` of all."""
    return part_of(context.progress, first)


@dataclass(frozen=True)
class Product:
    """What a run has built: a staged relation or raster, a readable name, and what to say of it.

    Or what it has refreshed, which stays where it is.
    `described` is the relation that stands for the output's extent and rows where counting the output
    itself would compute it (a view); None: the output itself. `summary` is given where the run has
    counted already.
    """

    staged: Staged | StagedRaster | Refreshed
    name: str
    counts: Mapping[str, Any]
    described: Layer | None = None
    summary: Summary | None = None


@dataclass(frozen=True)
class Column:
    """A column that an analysis adds; `sql_type` as PostgreSQL writes it."""

    name: str
    sql_type: str
    description: str


P = TypeVar("P", bound=Params)

# pydantic's types of errors of which it speaks in words of Python.
_OF_JSON = {
    "dict_type": "should be an object",
    "model_type": "should be an object",
    "list_type": "should be an array",
    "tuple_type": "should be an array",
    "too_short": "should have at least 1 item",
}


@dataclass(frozen=True)
class Analysis(Generic[P]):
    """One job type.

    `check` looks at the datasets that the parameters name and raises UserError; it runs when a job is
    submitted and again, with `run`, when it is performed. `makes_relation`: its product goes where the
    worker's role must have the right to create, which is looked at before it runs.
    """

    job_type: str
    title: str
    summary: str
    params: type[P]
    columns: tuple[Column, ...]
    check: Callable[[P, Connection, int], object]
    run: Callable[[P, Context], Product]
    aliases: tuple[str, ...] = field(default=())
    makes_relation: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Every job type it answers to."""
        return (self.job_type, *self.aliases)

    def parse(self, given: Any) -> P:
        """Return checked parameters; raises InvalidParameters with every mistake at once."""
        if isinstance(given, UnreadableJson):
            raise InvalidParameters(["params nest too deep to be read"])
        if not isinstance(given, dict):
            kind = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
            name = kind.get(type(given), "a number")
            raise InvalidParameters([f"params must be a JSON object of parameters, not {name}"])
        problems: list[str] = []
        parsed: P | None = None
        try:
            parsed = self.params.model_validate(given)
        except ValidationError as error:
            problems += [_sentence(each, self.params) for each in _causes(error.errors())]
        problems += self.params.conditions(given)
        if problems or parsed is None:
            raise InvalidParameters(problems)
        return parsed


def _takes(annotation: Any, kind: type) -> bool:
    """Say whether a type is `kind` or made of it."""
    return annotation is kind or any(_takes(each, kind) for each in get_args(annotation))


def _causes(errors: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Leave out that a list is too short where that is because of what is wrong with its items."""
    for each in errors:
        depth = len(each["loc"])
        deeper = (other for other in errors if len(other["loc"]) > depth)
        if each["type"] != "too_short" or all(other["loc"][:depth] != each["loc"] for other in deeper):
            yield each


def _sentence(error: ErrorDetails, params: type[Params]) -> str:
    """Say what is wrong with one parameter: its name, its value, the choices."""
    name = ".".join(str(part) for part in error["loc"])
    known = sorted(params.model_fields, key=lambda each: each.startswith("output_"))
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, list(params.model_fields), n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        return f'unknown parameter "{name}"{hint}; parameters: {", ".join(known)}'
    if error["type"] == "missing":
        return f"{name} is required"
    if error["type"] in _OF_JSON:
        return f"{name} {_OF_JSON[error['type']]}, not {_shown(error['input'])}"
    reason = error["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("Value error, ")
    return f"{name} {reason}, not {_shown(error['input'])}"


def _shown(value: object) -> str:
    """Write a value as JSON does, but no longer than a line can hold."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def balance(features: Features, rows_out: int) -> dict[str, Any]:
    """Return the balance sheet of a result with a row for each row of its input that is kept.

    `failed` counts the rows left out for invalid shapes, `dropped` names the first thousand.
    """
    repaired, skipped = features.mending
    return {
        "n_repaired": repaired,
        "n_skipped": skipped,
        "rows_in": rows_out + skipped,
        "rows_out": rows_out,
        "dropped_outside": 0,
        "dropped_empty": 0,
        "dropped_lower_dimension": 0,
        "failed": skipped,
        "dropped": list(features.dropped),
    }


def losses(geometry: OutputGeometry) -> list[str]:
    """Say what shapes lose on their way to the output."""
    said = []
    if geometry.drops_m:
        said.append("M values of the shapes are not kept")
    if geometry.linearises:
        said.append("curves were replaced by short straight lines")
    return said


def notes(features: Features, output_mode: OutputMode) -> list[str]:
    """Say what became of shapes on the way to the output, and what a view costs its readers."""
    said = []
    if features.lost:
        said.append(f"{features.lost} invalid shapes could not be repaired and are NULL in the output")
    said += losses(features.geometry)
    if output_mode == "view":
        computed = not features.geometry.unchanged or features.invalid > 0
        why = " and, as its shapes are computed, cannot use the spatial index" if computed else ""
        said.append(
            f"the view computes its results anew whenever it is read{why}; "
            'output_mode "materialized_view" stores them with a spatial index'
        )
    return said
