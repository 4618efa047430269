"""A view as PostgreSQL has understood it, held against what it may read and call.

The grammar says what was written; this says what the names came to mean: an operator or a cast that
somebody else defined, a function chosen by its arguments, a relation behind a name.
"""

import re
from collections.abc import Sequence

from geocrew.db import Connection, statement
from geocrew.errors import UserError
from geocrew.views import allowed
from geocrew.views.engine import crashing_functions
from geocrew.views.tables import Table

_SQL = "geocrew.views.sql"
# Tags of the node tree. A blank in a name is written "\ ", so no name can pass for one of these.
_RELATION = re.compile(r":relid (\d+)")
_FUNCTION = re.compile(r":(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)")
# PostgreSQL takes (x).f for f(x), a call or a cast, where x has no field f. A cast that was written as
# one (format 1, or 2 for one that nobody wrote) has a type that the guard has seen.
_CALL = re.compile(
    r":funcid (\d+)\b(?! :funcresulttype \d+ :funcretset \w+ :funcvariadic \w+ :funcformat [12]\b)"
)
_CAST = re.compile(r":resulttype (\d+)(?: :\w+ -?\d+)*? :(?:relabel|coerce|coercion|convert)format 0\b")
# What conditions without SQL are made with besides; it takes two arguments, and a field is one.
_OURS = frozenset({"st_segmentize"})
_OPERATOR = re.compile(r":(?:opno|eqop|sortop) (\d+)")


def verify(
    connection: Connection, schema: str, name: str, tables: Sequence[Table], parameter: str
) -> None:
    """Raise UserError where the view reads or calls more than its `tables` and steady functions."""
    row = connection.execute(statement(_SQL, "definition"), {"schema": schema, "name": name}).fetchone()
    if row is None:
        raise LookupError(f"{schema}.{name} has no definition")
    listed = allowed.BUILTIN_FUNCTIONS | allowed.SPATIAL_FUNCTIONS | _OURS
    own, tree = row  # PostgreSQL 15 and older list the view among its own relations
    strangers = connection.execute(
        statement(_SQL, "strangers"),
        {
            "relations": _numbers(_RELATION, tree),
            "functions": _numbers(_FUNCTION, tree),
            "operators": _numbers(_OPERATOR, tree),
            "calls": _numbers(_CALL, tree),
            "casts": _numbers(_CAST, tree),
            "names": sorted(listed - crashing_functions(connection)),
            "types": sorted(allowed.TYPES),
            "allowed": [own, *(each.oid for each in tables)],
        },
    ).fetchall()
    if strangers:
        names = ", ".join(each for (each,) in strangers)
        raise UserError(f"{parameter} comes to use what no view may: {names}")


def _numbers(pattern: re.Pattern[str], tree: str) -> list[int]:
    return sorted({int(each) for each in pattern.findall(tree)})
