"""How equal two results must be."""

import math
from typing import Any

from tests.run_analysis import Row

RELATIVE = ABSOLUTE = 1e-9


def assert_same(some: list[Row], others: list[Row]) -> None:
    """Numbers to 1e-9 relative, or absolute near 0; all else, shapes included, exactly."""
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert list(one) == list(other)
        for name, value in one.items():
            assert same(value, other[name]), f"id {one['id']}, {name}: {value} is not {other[name]}"


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE) or (
            math.isnan(one) and math.isnan(other)
        )
    return bool(one == other)
