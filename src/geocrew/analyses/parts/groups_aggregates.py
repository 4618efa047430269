"""What is computed of a field for each group: sum, avg, min, max, count, median, stddev, first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, LiteralString

from geocrew.analyses.parts.groups import find_field, is_text, value_of
from geocrew.datasets.compose import Expression, compose
from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.errors import InvalidParameters, UserError

Function = Literal["sum", "avg", "min", "max", "count", "median", "stddev", "first"]

_PARAMETER = "aggregation_fields"
_OF_NUMBERS = ("sum", "avg", "median", "stddev")
_ORDERED = ("integer", "real", "text", "date", "timestamp")
# Sums in the order of their terms have the same bits whatever the order of the rows. Whole numbers are
# summed exactly in any order. PostgreSQL's avg adds up squares besides, which overflow from 10^154 on.
_SQL: dict[Function, LiteralString] = {
    "sum": "sum({value} ORDER BY {value})",
    "avg": "sum({value} ORDER BY {value}) / NULLIF(count({value}), 0)",
    "min": "min({value})",
    "max": "max({value})",
    "count": "count(*) FILTER (WHERE {value})",
    "median": "percentile_cont(0.5) WITHIN GROUP (ORDER BY {value})",
    "stddev": "stddev_samp({value} ORDER BY {value})",
    "first": "(array_agg({value} ORDER BY rank) FILTER (WHERE {value} IS NOT NULL))[1]",
}


@dataclass(frozen=True)
class Aggregate:
    """One function of one field."""

    field: Field
    function: Function

    @property
    def name(self) -> str:
        """The column, its field's name cut where PostgreSQL would cut the function's."""
        suffix = f"_{self.function}"
        cut = self.field.name.encode()[: 63 - len(suffix)].decode("utf-8", "ignore")
        return cut + suffix

    @property
    def _whole(self) -> bool:
        """Whether values are whole numbers of SQL; those in AR1's layout are taken as float8."""
        return self.field.type == "integer" and self.field.properties_column is None

    @property
    def value(self) -> Expression:
        """What the function takes of a row s."""
        if self.function == "count":
            return self.field.present("s")
        if self.function in ("avg", "median", "stddev") or (self.field.numeric and not self._whole):
            return self.field.number("s")
        return value_of(self.field)

    def of(self, value: Expression) -> Expression:
        """Return the aggregate of a column of values."""
        if self.function == "sum" and self._whole:
            return compose("sum({value})", value=value)
        return compose(_SQL[self.function], value=value)


def find_aggregates(layer: Layer, chosen: Mapping[str, Sequence[Function]]) -> list[Aggregate]:
    """Return what is asked for; raises InvalidParameters with every field that is not fit."""
    aggregates, problems = [], []
    for name, functions in chosen.items():
        for function in functions:
            try:
                aggregates.append(Aggregate(_field(layer, name, function), function))
            except InvalidParameters as error:
                problems += error.problems
    if problems:
        raise InvalidParameters(list(dict.fromkeys(problems)))
    return aggregates


def number_fields(aggregates: Iterable[Aggregate]) -> dict[str, Field]:
    """Return by name the fields of which numbers are taken."""
    return {each.field.name: each.field for each in aggregates if each.field.numeric}


def beyond_range(aggregates: Iterable[Aggregate]) -> UserError:
    """Return the error that says which of the aggregates may have left the range of float8."""
    names = [each.name for each in aggregates if each.function in ("sum", "avg", "stddev")]
    return UserError(
        f"aggregation_fields: values of {', '.join(names)} are too large to be summed up in float8"
        " (1.8e308, for stddev 1e154); choose median, min or max, or mend them"
    )


def _field(layer: Layer, name: str, function: Function) -> Field:
    if function in _OF_NUMBERS:
        return layer.number_field(_PARAMETER, name)
    field = find_field(layer, _PARAMETER, name)
    array = field.sql_type.endswith("[]")  # array_agg makes one array of arrays
    unfit = array if function == "first" else not (field.type in _ORDERED or is_text(field))
    if function != "count" and unfit:
        fit = ", ".join(each.name for each in layer.fields if each.type in _ORDERED)
        problem = f'{_PARAMETER} "{name}" is {field.type}, of which there is no {function}'
        choices = f"fields that have one: {fit or 'none'}"
        raise InvalidParameters([f"{problem}, in {layer.described}; {choices}"])
    return field
