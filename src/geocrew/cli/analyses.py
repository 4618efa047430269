"""`geocrew analyses`: what can be run, and with which parameters."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from geocrew.cli.options import AsJson
from geocrew.cli.output import emit, say, table

if TYPE_CHECKING:
    from geocrew.analysis import Analysis

app = typer.Typer(help="What can be run, and with which parameters.", no_args_is_help=True)
_BOUNDS = {
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "exclusiveMinimum": "> {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


@app.command("list")
def list_analyses(as_json: AsJson = False) -> None:
    """List the job types."""
    from geocrew import analyses

    found = list(analyses.load().values())
    if as_json:
        emit([_head(each) for each in found])
    else:
        table(["job type", "title", "what it does"], [(a.job_type, a.title, a.summary) for a in found])


@app.command()
def show(
    job_type: Annotated[str, typer.Argument(help="See: geocrew analyses list.")], as_json: AsJson = False
) -> None:
    """Show parameters and columns of a job type."""
    from geocrew import analyses

    analysis = analyses.find(job_type)
    parameters = describe_parameters(analysis)
    columns = [vars(each) for each in analysis.columns]
    if as_json:
        emit({**_head(analysis), "parameters": parameters, "columns": columns})
        return
    say(f"{analysis.job_type}: {analysis.title}")
    say(analysis.summary)
    say("\nparameters")
    rows = [
        (
            each["name"],
            each["type"],
            _default(each),
            ", ".join([*each["bounds"], *each["choices"]]),
            each["description"],
        )
        for each in parameters
    ]
    table(["name", "type", "default", "allowed", "description"], rows)
    say("\ncolumns added")
    table(["name", "type", "description"], [list(each.values()) for each in columns])


def describe_parameters(analysis: "Analysis[Any]") -> list[dict[str, Any]]:
    """Return each parameter's name, type, default, bounds, choices and description, from the model."""
    schema = analysis.params.model_json_schema()
    required = set(schema.get("required", []))
    return [
        _parameter(name, each, schema.get("$defs", {}), name in required)
        for name, each in schema["properties"].items()
    ]


def _parameter(
    name: str, described: dict[str, Any], definitions: dict[str, Any], required: bool
) -> dict[str, Any]:
    variants = [
        definitions[each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each
        for each in described.get("anyOf", [described])
    ]
    kinds = [each.get("type", "any") for each in variants if each.get("type") != "null"]
    return {
        "name": name,
        "type": " or ".join(dict.fromkeys(kinds)),
        "required": required,
        "default": described.get("default"),
        "bounds": [
            text.format(each[key]) for each in variants for key, text in _BOUNDS.items() if key in each
        ],
        "choices": [
            str(choice)
            for each in variants
            for choice in each.get("enum", [each["const"]] if "const" in each else [])
        ],
        "names_dataset": bool(described.get("dataset", False)),
        "names_field_of": described.get("field_of"),
        "description": described.get("description", ""),
    }


def _default(parameter: dict[str, Any]) -> str:
    if parameter["required"]:
        return "required"
    return "" if parameter["default"] is None else str(parameter["default"])


def _head(analysis: "Analysis[Any]") -> dict[str, Any]:
    return {
        "job_type": analysis.job_type,
        "aliases": list(analysis.aliases),
        "title": analysis.title,
        "summary": analysis.summary,
    }
