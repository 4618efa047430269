"""`name=value` as parameters of an analysis."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

from geocrew.errors import InvalidParameters, UserError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from geocrew.analysis import Analysis
    from geocrew.db import Connection


def read_values(
    analysis: "Analysis[Any]", given: Sequence[str], connection: "Connection"
) -> dict[str, Any]:
    """Return the parameters that `given` spells; raises InvalidParameters with every mistake at once.

    A value is JSON (or `@FILE` that holds JSON) unless its parameter is text; the name of a dataset
    stands for its id. What is no JSON stays text, and the model says what it wants instead.
    """
    params: dict[str, Any] = {}
    problems: list[str] = []
    unreadable: set[str] = set()
    for each in given:
        name, equals, text = each.partition("=")
        if not (name and equals):
            problems.append(f'"{each}" is not of the form name=value')
        elif name in params or name in unreadable:
            problems.append(f"{name} is given twice")
        else:
            try:
                params[name] = _read(analysis.params.model_fields.get(name), text, connection)
            except UserError as error:
                unreadable.add(name)
                problems.append(f"{name}: {error}")
    try:
        analysis.parse(params)
    except InvalidParameters as error:
        problems += [each for each in error.problems if each.split(" ", 1)[0] not in unreadable]
    if problems:
        raise InvalidParameters(problems)
    return params


def _read(field: "FieldInfo | None", text: str, connection: "Connection") -> Any:
    """Read one value as its parameter wants it."""
    from geocrew.datasets import catalog

    if not text.isprintable() and any(0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise UserError("the value is not UTF-8 text")
    if field is not None and _is_text(field.annotation):
        return text
    if text.startswith("@"):
        return _read_file(Path(text[1:]))
    extra = field.json_schema_extra if field is not None else None
    if isinstance(extra, dict) and extra.get("dataset") and not _is_number(text):
        return catalog.find(connection, text).id
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text


def _read_file(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except OSError as error:
        raise UserError(f'"{path}" cannot be read: {error.strerror}') from error
    except (ValueError, RecursionError) as error:
        raise UserError(f'"{path}" holds no JSON: {error}') from error


def _refuse_constant(name: str) -> NoReturn:
    """Python's reader takes NaN and Infinity, which are no JSON."""
    raise ValueError(f"{name} is not JSON")


def _is_number(text: str) -> bool:
    """Tell ids, and numbers that the model will refuse, from names."""
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def _is_text(annotation: Any) -> bool:
    return all(kind is str for kind in _kinds(annotation))


def _kinds(annotation: Any) -> Iterable[type]:
    """Yield the types of a field's possible values, None aside."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _kinds(each)
    elif origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin is Literal:
        yield from {type(each) for each in get_args(annotation)}
    elif annotation is not NoneType:
        yield annotation
