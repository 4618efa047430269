"""A condition's tree as SQL on the rows `s` of a layer: names from the catalog, values as literals."""

import difflib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, LiteralString

from psycopg import sql

from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.errors import InvalidParameters
from geocrew.views.places import is_place, place

_LOGICAL: dict[str, LiteralString] = {"and": " AND ", "or": " OR "}
_COMPARISONS: dict[str, LiteralString] = {
    "=": "({0} = {1})",
    "<>": "({0} <> {1})",
    "<": "({0} < {1})",
    "<=": "({0} <= {1})",
    ">": "({0} > {1})",
    ">=": "({0} >= {1})",
    "like": "({0} LIKE {1})",
    "+": "({0} + {1})",
    "-": "({0} - {1})",
    "*": "({0} * {1})",
    "/": "({0} * 1.0 / {1})",  # of integers too, unlike div
    "%": "mod({0}, {1})",
    "div": "div({0}::numeric, {1}::numeric)",
    "^": "power({0}, {1})",
    "t_after": "({0} > {1})",
    "t_before": "({0} < {1})",
    "t_equals": "({0} = {1})",
}
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
            for kind in ("date", "timestamp"):
                if kind in tree:
                    return _moment(tree[kind])
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
        template = _COMPARISONS.get(name) or _SPATIAL.get(name)
        if template is None:
            known = sorted({*_LOGICAL, *self._rules, *_COMPARISONS, *_SPATIAL})
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            problem = f'where uses "{name}", which views do not know{hint}; known: {", ".join(known)}'
            raise InvalidParameters([problem])
        return sql.SQL(template).format(*(self.translate(each) for each in _some(name, args, 2)))

    def _not(self, args: list[Any]) -> sql.Composable:
        (arg,) = _some("not", args, 1)
        return sql.SQL("(NOT {})").format(self.translate(arg))

    def _between(self, args: list[Any]) -> sql.Composable:
        value, low, high = (self.translate(each) for each in _some("between", args, 3))
        return sql.SQL("({} BETWEEN {} AND {})").format(value, low, high)

    def _in(self, args: list[Any]) -> sql.Composable:
        value, choices = _some("in", args, 2)
        if not isinstance(choices, list) or not choices:
            raise InvalidParameters(['where: "in" takes a value and a list of at least one'])
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
        return self._within("t_during", value, interval, "({} > {})", "({} < {})")

    def _meets(self, args: list[Any]) -> sql.Composable:
        value, other = _some("t_intersects", args, 2)
        if isinstance(other, dict) and "interval" in other:
            return self._within("t_intersects", value, other, "({} >= {})", "({} <= {})")
        return sql.SQL("({} = {})").format(self.translate(value), self.translate(other))

    def _within(
        self, name: str, value: Any, interval: Any, after: LiteralString, before: LiteralString
    ) -> sql.Composable:
        """Compare with the ends of an interval; `..` is no end."""
        ends = interval.get("interval") if isinstance(interval, dict) else None
        if not isinstance(ends, list) or len(ends) != 2:
            problem = f'where: "{name}" takes a field and an interval of two ends, of which ".." is open'
            raise InvalidParameters([problem])
        moment = self.translate(value)
        parts = [
            sql.SQL(template).format(moment, self._end(end))
            for template, end in zip((after, before), ends, strict=True)
            if end != _OPEN
        ]
        return sql.SQL(" AND ").join(parts) if parts else sql.SQL("({} IS NOT NULL)").format(moment)

    def _end(self, end: Any) -> sql.Composable:
        return _moment(end) if isinstance(end, str) else self.translate(end)

    def _property(self, name: str) -> sql.Composable:
        if name in (self._layer.geometry_column, "geom", "geometry"):
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
    if field.numeric:
        return field.number("s")
    text = sql.SQL("({}->>{})").format(
        sql.Identifier("s", field.properties_column), sql.Literal(field.name)
    )
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


def _moment(value: Any) -> sql.Composable:
    """Return a date or time as a literal that takes the type of the field beside it.

    In UTC where it names an offset: a field without a time zone would take the hour and drop the offset.
    """
    try:
        moment = (date if len(str(value)) == 10 else datetime).fromisoformat(str(value))
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        problem = f'where: "{value}" is no date (2020-01-31) or time (2020-01-31T12:00:00Z)'
        raise InvalidParameters([problem]) from error
    return sql.Literal(moment.isoformat())
