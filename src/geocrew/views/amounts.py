"""Arguments that say how much a function makes of a shape: small constants in a view."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pglast import ast

Node: TypeAlias = Any

# Segments to a quarter circle, tolerances of curves, fractions of edges, lengths of text: where such
# arguments begin.
# ST_Buffer(geom, r, 'quad_segs=10000000') took 12 s and 590 MB of one row; ST_GeoHash(geom, 20000000)
# 0.3 s, and a billion letters a gigabyte.
_FIRST: Mapping[str, int] = {
    "st_buffer": 2,
    "st_curvetoline": 1,
    "st_frechetdistance": 2,
    "st_geohash": 1,
    "st_hausdorffdistance": 2,
    "st_minimumboundingcircle": 1,
    "st_offsetcurve": 2,
}
_LEAST, _MOST = 0.001, 1000


def find_excess(name: str, arguments: Sequence[Node]) -> str | None:
    """Return what is wrong with the call of a function, None where nothing is."""
    first = _FIRST.get(name)
    if first is None:
        return None
    if any(isinstance(each, ast.NamedArgExpr) for each in arguments):
        return f"{name} takes its arguments by place here, not by name"
    if all(_is_small(each) for each in arguments[first:]):
        return None
    return (
        f"{name} takes plain constants from argument {first + 1} on, with no number above {_MOST:,}"
        f" or between 0 and {_LEAST}: it can make much of little"
    )


def _is_small(argument: Node) -> bool:
    value = argument.val if isinstance(argument, ast.A_Const) else None
    if isinstance(value, ast.Integer):
        return 0 <= int(value.ival or 0) <= _MOST
    if isinstance(value, ast.Float):
        return _LEAST <= float(value.fval or 0) <= _MOST
    if isinstance(value, ast.String):  # as in 'quad_segs=8 join=mitre mitre_limit=2.5'
        return all(int(each) <= _MOST for each in re.findall(r"(?<![\d.])\d+", value.sval or ""))
    return isinstance(value, ast.Boolean)
