"""docs/faults.md names every fault, and every test that it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text("utf-8")


def test_every_fault_is_in_the_table_or_has_its_reason() -> None:
    assert {int(number) for number in re.findall(r"\bF(\d+)\b", PAGE)} == set(range(1, 31))


def test_named_tests_are_there() -> None:
    named = re.findall(r"`(\w+/test_\w+\.py)::(test_\w+)`", PAGE)
    assert len(named) >= 25
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8"), test
    for path in re.findall(r"`(tests/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists(), path


def test_every_test_of_a_fault_is_named() -> None:
    found = {
        name
        for path in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"def (test_f\d\w+)\(", path.read_text("utf-8"))
    }
    assert found <= set(re.findall(r"::(test_\w+)`", PAGE))
