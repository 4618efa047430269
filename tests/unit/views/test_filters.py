"""Conditions are read before anything follows their nesting."""

import subprocess
import sys
from typing import Any

import pytest

from geocrew.errors import InvalidParameters
from geocrew.views.filters import parse_filter


@pytest.mark.parametrize(
    "text",
    [
        "NOT " * 400 + "a = 1",
        "a = " + "1 + " * 400 + "1",
        "a = 1 OR " * 200 + "a = 1",
        "a = " + "1^" * 900 + "1",
        "(" * 40 + "a = 1" + ")" * 40,
        "name = '" + "(" * 1000 + "--" * 200 + "'",
    ],
)
def test_what_is_read_does_not_end_the_process(text: str) -> None:
    """In a process of its own, for the parser ends it where nesting is too deep for its stack."""
    code = (
        "import sys; from geocrew.views.filters import parse_filter, InvalidParameters\n"
        "try: parse_filter(sys.argv[1])\n"
        "except InvalidParameters as error: print(error)"
    )
    subprocess.run([sys.executable, "-c", code, text], check=True, timeout=60)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("NOT " * 2500 + "a = 1", "at most 2000"),
        ("a = " + "-" * 1900 + "1", "double minus"),
        ("a = - -1", "double minus"),
        ("(" * 41 + "a = 1" + ")" * 41, "deeper than 40 parentheses"),
        ("", "where is not CQL2: at character 1, expected"),
        ("a == 1", "where is not CQL2: at character 4, expected"),
    ],
)
def test_what_is_not_read_is_told(where: str, reason: str) -> None:
    with pytest.raises(InvalidParameters, match=reason):
        parse_filter(where)


@pytest.mark.parametrize("depth", [60, 100_000])
def test_deep_json_is_refused(depth: int) -> None:
    tree: dict[str, Any] = {"op": "=", "args": [1, 1]}
    for _ in range(depth):
        tree = {"op": "not", "args": [tree]}
    with pytest.raises(InvalidParameters, match="where nests deeper than 80 levels"):
        parse_filter(tree)


def test_json_is_taken_as_it_is() -> None:
    tree = {"op": "=", "args": [{"property": "a"}, 9007199254740993]}
    assert parse_filter(tree) == tree
