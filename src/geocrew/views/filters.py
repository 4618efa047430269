"""A condition in CQL2 (OGC 21-065r2), text or JSON, as the tree of its JSON form."""

import re
from collections.abc import Mapping
from typing import Any

import cql2

from geocrew.errors import InvalidParameters

# cql2's parser follows nesting on the C stack: 2,500 times NOT, or 4,000 minus signs, end the process
# (measured).
_MAX_TEXT = 2_000
# An operation is two levels: itself, and its list of arguments.
_MAX_DEPTH = 80
_MAX_PARENTHESES = 40
_EXACT = 2**53


def parse_filter(where: str | Mapping[str, Any]) -> Any:
    """Return the tree of a condition; raises InvalidParameters that says what is wrong."""
    tree = _parse_text(where) if isinstance(where, str) else where
    if _depth(tree) > _MAX_DEPTH:
        raise InvalidParameters([f"where nests deeper than {_MAX_DEPTH} levels"])
    if isinstance(where, str) and any(abs(each) >= _EXACT for each in _numbers(tree)):
        raise InvalidParameters(
            ["where holds a number of 2^53 or more, which its text form cannot; write where as JSON"]
        )
    return tree


def _parse_text(text: str) -> Any:
    if len(text) > _MAX_TEXT:
        raise InvalidParameters(
            [f"where is {len(text)} characters long; text has at most {_MAX_TEXT}, JSON may be longer"]
        )
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    if _parentheses(bare) > _MAX_PARENTHESES:
        raise InvalidParameters([f"where nests deeper than {_MAX_PARENTHESES} parentheses"])
    if re.search(r"-\s*-", bare):
        raise InvalidParameters(["where has a double minus"])
    try:
        return cql2.parse_text(text).to_json()
    except (cql2.ParseError, cql2.ValidationError) as error:
        raise InvalidParameters([f"where is not CQL2: {_explained(str(error))}"]) from error
    except Exception as error:  # of shapes that its grammar takes, and what reads them does not
        raise InvalidParameters([f"where is not CQL2: {error}"]) from error


def _explained(message: str) -> str:
    """Return place and expectation of the parser's drawing of several lines."""
    place = re.search(r"-->\s*\d+:(\d+)", message)
    expected = re.search(r"= (expected .*)", message)
    where = f"at character {place[1]}" if place else "somewhere"
    return f"{where}, {expected[1]}" if expected else f"{where}: {message.splitlines()[0]}"


def _parentheses(text: str) -> int:
    deepest = depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    return deepest


def _depth(value: Any) -> int:
    """Measure nesting without following it on the stack."""
    level, depth = [value], 0
    while level and depth <= _MAX_DEPTH:
        below: list[Any] = []
        for each in level:
            if isinstance(each, Mapping):
                below += each.values()
            elif isinstance(each, list):
                below += each
        level, depth = below, depth + 1
    return depth


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in _numbers(each)]
    return [value] if type(value) in (int, float) else []
