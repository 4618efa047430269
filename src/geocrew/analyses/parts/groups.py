"""Which group a row belongs to: the key, its order among the groups, and the condition to be in one."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from geocrew.datasets.compose import Expression, compose, identify, join
from geocrew.datasets.fields import Field
from geocrew.datasets.layer import Layer
from geocrew.datasets.relation import has_order
from geocrew.datasets.texts import as_text
from geocrew.db import Connection
from geocrew.errors import InvalidParameters

# Types of PostgreSQL that have no order: a message does not propose fields of these.
_UNORDERED = {"json", "xml", "point", "lseg", "path", "box", "polygon", "line", "circle"}
# Equal values of these types are written alike; 1.0 and 1.00 are equal numerics.
_WRITTEN_ALIKE = {"integer", "text", "boolean", "date", "timestamp"}


@dataclass(frozen=True)
class Grouping:
    """How rows `s` are grouped.

    `sort` tells groups apart and orders them, NULL last; `key` is what the output shows under `name`
    (None: one group without a key). `joins` follow the rows; `member` says whether a row is in a group.
    `settled`: rows equal by `sort` have one and the same key. `drops`: some rows may be in no group.
    """

    name: str | None
    key: Expression
    sort: Expression
    joins: Expression
    member: Expression
    settled: bool = True
    drops: bool = False


def find_field(layer: Layer, parameter: str, name: str | None, needed: str = "") -> Field:
    """Return a field of any type; raises InvalidParameters that lists those there are."""
    names = [each.name for each in layer.fields]
    choices = f"fields of {layer.described}: {', '.join(names) or 'none'}"
    if name is None:
        raise InvalidParameters([f"{parameter} is required {needed}; {choices}"])
    found = [each for each in layer.fields if each.name == name]
    if found:
        return found[0]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    raise InvalidParameters([f'{parameter} "{name}" is not in {layer.described}{hint}; {choices}'])


def value_of(field: Field) -> Expression:
    """Return the field's value in row s; a key of AR1's layout as text, which is what tells it apart."""
    if field.properties_column is None:
        return identify("s", field.name)
    return compose("{column}->>{key}", column=identify("s", field.properties_column), key=field.name)


def is_text(field: Field) -> bool:
    """Whether `value_of` gives text."""
    return field.type == "text" or field.properties_column is not None


def by_nothing() -> Grouping:
    """All rows in one group."""
    return Grouping(None, compose("NULL"), compose("0"), compose(""), compose("true"))


def by_field(connection: Connection, field: Field, layer: Layer) -> Grouping:
    """Group rows by a field; raises InvalidParameters where its values cannot be compared."""
    if field.properties_column is None and not has_order(connection, layer.relation, field.name):
        unordered = {*_UNORDERED, field.type_name}
        names = [each.name for each in layer.fields if each.type_name not in unordered]
        problem = f'dissolve_field "{field.name}" is {field.sql_type}, whose values cannot be compared'
        choices = f"fields that can: {', '.join(names) or 'none'}"
        raise InvalidParameters([f"{problem}, in {layer.described}; {choices}"])
    key = value_of(field)
    # By bytes: fast, and the same groups and order whatever the collation.
    sort = compose('{key} COLLATE "C"', key=key) if is_text(field) else key
    settled = is_text(field) or field.type in _WRITTEN_ALIKE or field.sql_type.endswith((")", "[]"))
    return Grouping(field.name, key, sort, compose(""), compose("true"), settled)


def by_list(field: Field, groups: Sequence[tuple[str, Sequence[str]]], keep: bool) -> Grouping:
    """Group rows by named lists of values as text; `keep`: all others in a last one, nameless."""
    pairs = [
        compose("({value}, {position}, {name})", value=value, position=position, name=name)
        for position, (name, values) in enumerate(groups, start=1)
        for value in dict.fromkeys(values)
    ]
    joins = compose(
        "LEFT JOIN (VALUES {pairs}) AS listed (value, position, name) ON listed.value = {key}",
        pairs=join(", ", pairs),
        key=as_text(field, "s"),
    )
    member = compose("true") if keep else compose("listed.position IS NOT NULL")
    name, position = compose("listed.name"), compose("listed.position")
    return Grouping("group_name", name, position, joins, member, drops=not keep)
