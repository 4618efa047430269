"""Kernels that count no references make no array, return none, and call none that do."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from numba.core.registry import CPUDispatcher

from geocrew import kernels

SCALARS = {int, float, bool, type(None)}


def functions() -> Iterator[Any]:
    for module in pkgutil.iter_modules(kernels.__path__):
        names = vars(importlib.import_module(f"geocrew.kernels.{module.name}"))
        yield from (each for each in names.values() if isinstance(each, CPUDispatcher))


BORROWING = {each.py_func.__qualname__: each for each in functions() if not each.targetoptions["_nrt"]}


def returns_numbers(function: Any) -> bool:
    found = get_type_hints(function.py_func)["return"]
    members = getattr(found, "__annotations__", None)  # of a NamedTuple
    kinds = members.values() if members else get_args(found) or (found,)
    return all(each in SCALARS or each in {"int", "float", "bool"} for each in kinds)


def test_there_are_some() -> None:
    assert {"walk_rings", "trace", "find_crossings", "is_simple"} <= set(BORROWING)


@pytest.mark.parametrize("name", BORROWING)
def test_a_borrowing_function_handles_numbers_only(name: str) -> None:
    function = BORROWING[name].py_func
    called = [function.__globals__.get(each) for each in function.__code__.co_names]
    kernels_called = [each for each in called if isinstance(each, CPUDispatcher)]
    assert all(map(returns_numbers, [BORROWING[name], *kernels_called]))
