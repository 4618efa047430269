"""A condition's tree as SQL on the rows `s` of a layer: names from the catalog, values as literals."""

import difflib
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

from psycopg import sql

from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.errors import InvalidParameters
from geocrew.views.moments import (
    COMPARISONS,
    Moment,
    compare,
    during,
    moment_field,
    moment_literal,
)
from geocrew.views.places import is_place, place

_LOGICAL: dict[str, LiteralString] = {"and": " AND ", "or": " OR "}
_OPERATORS: dict[str, LiteralString] = {
    "like": "({0} LIKE {1})",
    "+": "({0} + {1})",
    "-": "({0} - {1})",
    "*": "({0} * {1})",
    "/": "({0} * 1.0 / {1})",  # of integers too, unlike div
    "%": "mod({0}::numeric, {1}::numeric)",
    "div": "div({0}::numeric, {1}::numeric)",
    "^": "power({0}, {1})",
}
_TEMPORAL = {"t_after": ">", "t_before": "<", "t_equals": "="}
_SPATIAL: dict[str, LiteralString] = {
    "s_intersects": "ST_Intersects({0}, {1})",
    "s_within": "ST_Within({0}, {1})",
    "s_contains": "ST_Contains({0}, {1})",
    "s_disjoint": "ST_Disjoint({0}, {1})",
    "s_equals": "ST_Equals({0}, {1})",
    "s_touches": "ST_Touches({0}, {1})",
    "s_overlaps": "ST_Overlaps({0}, {1})",
    "s_crosses": "ST_Crosses({0}, {1})",
}
_OPEN = ".."


class Condition:
    """Translates a tree for one layer; raises InvalidParameters that names what it does not know.

    `system` is what pyproj knows the layer's SRID by, None for none.
    """

    def __init__(self, layer: Layer, system: str | None) -> None:
        self._layer, self._system = layer, system
        self._rules: dict[str, Callable[[list[Any]], sql.Composable]] = {
            "not": self._not,
            "between": self._between,
            "in": self._in,
            "isNull": self._is_null,
            "casei": self._casei,
            "t_during": self._during,
            "t_intersects": self._meets,
        }

    def translate(self, tree: Any) -> sql.Composable:
        """Return the SQL of a node that is true or false, or of an operand."""
        if isinstance(tree, dict):
            if "op" in tree:
                return self._operation(str(tree["op"]), tree.get("args"))
            if "property" in tree:
                return self._property(str(tree["property"]))
            if is_place(tree):
                return place(tree, self._layer, self._system)
            if _is_moment(tree):
                return moment_literal(tree).field
        if type(tree) in (bool, int, float, str):
            return sql.Literal(_plain(tree))
        raise InvalidParameters([f"where holds {str(tree)[:60]}, which is no part of a condition"])

    def _operation(self, name: str, given: Any) -> sql.Composable:
        args = given if isinstance(given, list) else []
        if name in _LOGICAL:
            if not args:
                raise InvalidParameters([f'where: "{name}" takes at least one condition'])
            parts = [self.translate(each) for each in args]
            return sql.SQL("({})").format(sql.SQL(_LOGICAL[name]).join(parts))
        if name in self._rules:
            return self._rules[name](args)
        if name in COMPARISONS or name in _TEMPORAL:
            one, other = _some(name, args, 2)
            return self._compare(_TEMPORAL.get(name, name), one, other)
        template = _OPERATORS.get(name) or _SPATIAL.get(name)
        if template is None:
            known = sorted({*_LOGICAL, *self._rules, *COMPARISONS, *_OPERATORS, *_TEMPORAL, *_SPATIAL})
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            problem = f'where uses "{name}", which views do not know{hint}; known: {", ".join(known)}'
            raise InvalidParameters([problem])
        return sql.SQL(template).format(*(self.translate(each) for each in _some(name, args, 2)))

    def _compare(self, name: str, one: Any, other: Any) -> sql.Composable:
        """Compare two operands; dates and times by their meaning, all else as PostgreSQL does."""
        moments = self._moments(one, other)
        if moments is not None:
            return compare(name, *moments)
        return sql.SQL(COMPARISONS[name]).format(self.translate(one), self.translate(other))

    def _moments(self, *operands: Any) -> list[Moment] | None:
        """Return operands that are all dates and times, or text beside a field of them; else None."""
        found = [self._moment(each) for each in operands]
        if any(each is not None and each.literal is None for each in found):
            found = [
                moment_literal(operand) if isinstance(operand, str) else each
                for operand, each in zip(operands, found, strict=True)
            ]
        moments = [each for each in found if each is not None]
        return moments if len(moments) == len(operands) else None

    def _moment(self, operand: Any) -> Moment | None:
        if not isinstance(operand, dict) or "op" in operand:
            return None
        if "property" in operand:
            name = str(operand["property"])
            if self._is_shape(name):
                return None
            field = find_field(self._layer, "where", name)
            return moment_field(field, value_of(field))
        return moment_literal(operand) if _is_moment(operand) else None

    def _not(self, args: list[Any]) -> sql.Composable:
        (arg,) = _some("not", args, 1)
        return sql.SQL("(NOT {})").format(self.translate(arg))

    def _between(self, args: list[Any]) -> sql.Composable:
        value, low, high = _some("between", args, 3)
        if self._moment(value) is not None:
            return self._within(value, (low, ">="), (high, "<="))
        parts = (self.translate(each) for each in (value, low, high))
        return sql.SQL("({} BETWEEN {} AND {})").format(*parts)

    def _in(self, args: list[Any]) -> sql.Composable:
        value, choices = _some("in", args, 2)
        if not isinstance(choices, list) or not choices:
            raise InvalidParameters(['where: "in" takes a value and a list of at least one'])
        if self._moment(value) is not None:
            either = [self._compare("=", value, each) for each in choices]
            return sql.SQL("({})").format(sql.SQL(" OR ").join(either))
        listed = sql.SQL(", ").join(self.translate(each) for each in choices)
        return sql.SQL("({} IN ({}))").format(self.translate(value), listed)

    def _is_null(self, args: list[Any]) -> sql.Composable:
        (arg,) = _some("isNull", args, 1)
        return sql.SQL("({} IS NULL)").format(self.translate(arg))

    def _casei(self, args: list[Any]) -> sql.Composable:
        (arg,) = _some("casei", args, 1)
        return sql.SQL("lower({})").format(self.translate(arg))

    def _during(self, args: list[Any]) -> sql.Composable:
        value, interval = _some("t_during", args, 2)
        start, end = _ends("t_during", value, interval)
        moments = self._moments(value, *(each for each in (start, end) if each is not None))
        if moments is not None and len(moments) > 1:
            first = None if start is None else moments[1]
            return during(moments[0], first, None if end is None else moments[-1])
        return self._within(value, (start, ">"), (end, "<"))

    def _meets(self, args: list[Any]) -> sql.Composable:
        value, other = _some("t_intersects", args, 2)
        if isinstance(other, dict) and "interval" in other:
            start, end = _ends("t_intersects", value, other)
            return self._within(value, (start, ">="), (end, "<="))
        return self._compare("=", value, other)

    def _within(self, value: Any, *ends: tuple[Any, str]) -> sql.Composable:
        """Compare with those ends of an interval that are not open."""
        parts = [self._compare(name, value, end) for end, name in ends if end is not None]
        if not parts:
            return sql.SQL("({} IS NOT NULL)").format(self.translate(value))
        return sql.SQL("({})").format(sql.SQL(" AND ").join(parts))

    def _is_shape(self, name: str) -> bool:
        """Say whether a name is that of the shape, which a field called so goes before."""
        if name == self._layer.geometry_column:
            return True
        return name in ("geom", "geometry") and all(each.name != name for each in self._layer.fields)

    def _property(self, name: str) -> sql.Composable:
        if self._is_shape(name):
            return self._layer.shape("s")
        return value_of(find_field(self._layer, "where", name))


def find_field(layer: Layer, parameter: str, name: str) -> Field:
    """Return the field `name`; raises InvalidParameters that lists those there are."""
    for each in layer.fields:
        if each.name == name:
            return each
    names = [each.name for each in layer.fields]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    problem = f'{parameter} "{name}" is not in {layer.described}{hint}'
    raise InvalidParameters([f"{problem}; fields: {', '.join(names) or 'none'}"])


def value_of(field: Field) -> sql.Composable:
    """Return the value of a field of `s`, typed where it is a key of AR1's `properties`."""
    if field.properties_column is None:
        return sql.Identifier("s", field.name)
    if field.type == "real":
        return field.number("s")
    text = sql.SQL("({}->>{})").format(
        sql.Identifier("s", field.properties_column), sql.Literal(field.name)
    )
    if field.type == "integer":
        # float8 has no place for all digits of an integer beyond 2^53.
        whole = sql.SQL("CASE WHEN {} IS NOT NULL THEN {}::numeric END")
        return whole.format(field.number("s"), text)
    return sql.SQL("{}::boolean").format(text) if field.type == "boolean" else text


def _some(name: str, args: Sequence[Any], count: int) -> Sequence[Any]:
    if len(args) != count:
        raise InvalidParameters([f'where: "{name}" takes {count} arguments, not {len(args)}'])
    return args


def _plain(value: float | str) -> float | str:
    """CQL2's text knows no integers: 3.0 is 3, and an integer field's index serves."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and "\0" in value:
        raise InvalidParameters(["where holds a NUL character, which no text may"])
    return value


def _is_moment(tree: dict[str, Any]) -> bool:
    return "date" in tree or "timestamp" in tree


def _ends(name: str, value: Any, interval: Any) -> tuple[Any, Any]:
    """Return start and end of an interval, None for one that is open; text becomes a date or time.

    Refuses an operation as its `value`: it is written twice, and nested forty times it would never end.
    """
    ends = interval.get("interval") if isinstance(interval, dict) else None
    operation = isinstance(value, dict) and "op" in value
    if operation or not isinstance(ends, list) or len(ends) != 2:
        problem = f'where: "{name}" takes a field and an interval of two ends, of which ".." is open'
        raise InvalidParameters([problem])
    start, end = (
        None if each == _OPEN else {"timestamp": each} if isinstance(each, str) else each
        for each in ends
    )
    return start, end
