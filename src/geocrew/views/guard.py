"""Which queries may become a view: PostgreSQL's grammar, walked whole, decided by lists.

Boundaries, each of which holds alone: one SELECT; tables of readable datasets; functions, operators and
types on a list. Limits of length and depth only bound the cost. What PostgreSQL makes of the text is
checked again (`definition`), and a role without other rights runs it (`role`).
"""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pglast import ast, enums

from geocrew.errors import InvalidParameters, UserError
from geocrew.views import allowed
from geocrew.views.amounts import find_excess
from geocrew.views.parse import Refused, parse, write
from geocrew.views.tables import Table

FindTable = Callable[[str | None, str], Table]
Scope = frozenset[str]
# A node of pglast, which types all of its fields as optional, those too that the grammar always fills.
Node: TypeAlias = Any

_MAX_DEPTH = 100
_MAX_PROBLEMS = 10
_CLOCKS = {
    enums.SQLValueFunctionOp.SVFOP_CURRENT_DATE,
    enums.SQLValueFunctionOp.SVFOP_CURRENT_TIME,
    enums.SQLValueFunctionOp.SVFOP_CURRENT_TIME_N,
    enums.SQLValueFunctionOp.SVFOP_CURRENT_TIMESTAMP,
    enums.SQLValueFunctionOp.SVFOP_CURRENT_TIMESTAMP_N,
    enums.SQLValueFunctionOp.SVFOP_LOCALTIME,
    enums.SQLValueFunctionOp.SVFOP_LOCALTIME_N,
    enums.SQLValueFunctionOp.SVFOP_LOCALTIMESTAMP,
    enums.SQLValueFunctionOp.SVFOP_LOCALTIMESTAMP_N,
}


@dataclass(frozen=True)
class Guarded:
    """A query that passed: its text with tables and functions qualified, and the tables it reads."""

    text: str
    tables: tuple[Table, ...]


def guard(
    query: str, find_table: FindTable, spatial_schema: str, crashing: frozenset[str] = frozenset()
) -> Guarded:
    """Check the query of a view; raises InvalidParameters that says what is refused, where, and why.

    `find_table` gives the relation of a dataset that the caller may read, and raises UserError for all
    else; `spatial_schema` is where PostGIS lives; `crashing` are functions it does not survive.
    """
    try:
        statement = parse(query)
        walk = _Walk(find_table, spatial_schema, crashing)
        walk.enter(statement)
        walk.check_columns()
        if not walk.problems:
            return Guarded(write(statement), tuple(dict.fromkeys(walk.tables)))
    except Refused as refused:
        raise InvalidParameters([f"query {refused}"]) from refused
    raise InvalidParameters([f"query: {each}" for each in walk.problems[:_MAX_PROBLEMS]])


@dataclass
class _Walk:
    """One pass over the tree: gathers problems, and qualifies names as it goes."""

    find_table: FindTable
    spatial_schema: str
    crashing: frozenset[str]
    problems: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    # Columns that the query names, each with its place; and all names that columns can have in it.
    columns: list[tuple[str, int]] = field(default_factory=list)
    names: set[str] = field(default_factory=lambda: set(allowed.DEFAULT_NAMES))

    def enter(self, value: Any, scope: Scope = frozenset(), depth: int = 0, place: int = 0) -> None:
        """Check a node, and all that hangs on it; `scope` holds the names of WITH that are visible."""
        if isinstance(value, tuple | list):
            for each in value:
                self.enter(each, scope, depth, place)
        if not isinstance(value, ast.Node):
            return
        at = getattr(value, "location", None)
        place = at if isinstance(at, int) and at >= 0 else place
        kind = type(value).__name__
        if depth > _MAX_DEPTH:
            raise Refused(f"nests deeper than {_MAX_DEPTH} levels (at character {place + 1})")
        if kind not in allowed.NODES:
            reason = allowed.NODE_REASONS.get(kind, f"{kind} is not among the parts of a view's query")
            self.refuse(reason, place)
        elif isinstance(value, ast.SelectStmt):
            self.select(value, scope, depth, place)
        elif isinstance(value, ast.RangeVar):
            self.table(value, scope, place)
        elif isinstance(value, ast.TypeName):
            self.type_name(value, place)
        else:
            check = _CHECKS.get(type(value))
            if check is not None:
                check(self, value, place)
            self.descend(value, value, scope, depth, place)

    def descend(self, node: Node, slots: Iterable[str], scope: Scope, depth: int, place: int) -> None:
        for slot in slots:
            self.enter(getattr(node, slot), scope, depth + 1, place)

    def refuse(self, reason: str, place: int) -> None:
        self.problems.append(f"{reason} (at character {place + 1})")

    def select(self, node: Node, scope: Scope, depth: int, place: int) -> None:
        """Make a name of WITH visible in the queries after it and in the main one, nowhere else."""
        if node.withClause is not None:
            if node.withClause.recursive:
                self.refuse("WITH RECURSIVE may never end", node.withClause.location)
            for each in node.withClause.ctes:
                self.descend(each, each, scope, depth + 1, place)
                scope |= {each.ctename}
                self.name_all(each.aliascolnames)
        if node.valuesLists:
            self.names |= {f"column{number + 1}" for number in range(len(node.valuesLists[0]))}
        self.descend(node, [each for each in node if each != "withClause"], scope, depth, place)

    def table(self, node: Node, scope: Scope, place: int) -> None:
        """Give the relation its full name; one that is spelled otherwise keeps its name as an alias."""
        if node.alias is not None:
            self.alias(node.alias, place)
        if node.catalogname is not None:
            self.refuse(f'"{node.catalogname}" names a database; tables are SCHEMA.TABLE', place)
        elif node.schemaname is None and node.relname in scope:
            self.names.add(node.relname)
        elif node.schemaname in allowed.SYSTEM_SCHEMAS:
            self.refuse(f'schema "{node.schemaname}" is not data; a view reads datasets', place)
        else:
            self.dataset(node, place)

    def dataset(self, node: Node, place: int) -> None:
        written = node.relname
        try:
            table = self.find_table(node.schemaname, written)
        except UserError as error:
            self.refuse(str(error), place)
            return
        self.tables.append(table)
        self.names |= {*table.columns, written}
        node.schemaname, node.relname = table.schema, table.name
        if table.name != written and node.alias is None:
            node.alias = ast.Alias(aliasname=written)

    def alias(self, node: Node, _place: int) -> None:
        self.names.add(node.aliasname)
        self.name_all(node.colnames)

    def name_all(self, names: Iterable[Node] | None) -> None:
        self.names |= {each.sval for each in names or ()}

    def function(self, node: Node, place: int) -> None:
        """Find the one home of a function that is known by its name, and write it there."""
        *schema, name = (each.sval for each in node.funcname)
        homes = [
            home
            for home, known in (
                ("pg_catalog", allowed.BUILTIN_FUNCTIONS),
                (self.spatial_schema, allowed.SPATIAL_FUNCTIONS),
            )
            if name in known and schema in ([], [home])
        ]
        if not homes:
            self.refuse(_unknown_function(".".join([*schema, name]), name), place)
            return
        node.funcname = (ast.String(sval=homes[0]), ast.String(sval=name))
        self.names.add(name)
        if name in self.crashing:
            self.refuse(f"function {name} can crash this server: its GEOS is older than 3.11.4", place)
        if name == "st_transform" and not _has_plain_srid(node):
            # PROJ opens the files that a definition in text names.
            self.refuse("st_transform takes a shape and the number of an SRID, as in 3857", place)
        if (excess := find_excess(name, node.args or ())) is not None:
            self.refuse(excess, place)

    def operator(self, names: Iterable[Node] | None, place: int) -> None:
        spelled = [each.sval for each in names or ()]
        if len(spelled) > 1:
            self.refuse(f"operator {'.'.join(spelled)}: operators are written without a schema", place)
        elif spelled and spelled[0] not in allowed.OPERATORS:
            self.refuse(f"operator {spelled[0]} is not among those of views", place)

    def expression(self, node: Node, place: int) -> None:
        self.operator(node.name, place)

    def sublink(self, node: Node, place: int) -> None:
        self.operator(node.operName, place)

    def sort(self, node: Node, place: int) -> None:
        if node.useOp is not None:
            self.refuse("ORDER BY … USING names an operator; write ASC or DESC", place)

    def type_name(self, node: Node, place: int) -> None:
        names = [each.sval for each in node.names or ()]
        schema, name = names[:-1], names[-1]
        at_home = schema in ([], ["pg_catalog"], [self.spatial_schema])
        if not at_home or name not in allowed.TYPES or node.setof or node.pct_type:
            known = ", ".join(sorted(allowed.TYPES))
            self.refuse(f"type {'.'.join(names)} is not among those of views: {known}", place)
        for each in node.typmods or ():
            plain = isinstance(each, ast.ColumnRef) and len(each.fields or ()) == 1
            if not plain and not isinstance(each, ast.A_Const):
                self.refuse(f"type {name} takes plain modifiers only, as in numeric(10, 2)", place)
        self.names.add(name)

    def collation(self, node: Node, place: int) -> None:
        names = [str(each.sval) for each in node.collname]
        if len(names) > 1 or not re.fullmatch(allowed.COLLATIONS, names[0]):
            self.refuse(f'collation {".".join(names)} is not among those of views, such as "C"', place)

    def clock(self, node: Node, place: int) -> None:
        if node.op not in _CLOCKS:
            name = node.op.name.removeprefix("SVFOP_").lower()
            self.refuse(f"{name} tells of the session, not of the data", place)

    def column(self, node: Node, place: int) -> None:
        named = [each.sval for each in node.fields if isinstance(each, ast.String)]
        self.column_name(named[-1] if len(named) == len(node.fields) else None, place)

    def part(self, node: Node, place: int) -> None:
        for each in node.indirection:
            self.column_name(each.sval if isinstance(each, ast.String) else None, place)

    def join(self, node: Node, place: int) -> None:
        for each in node.usingClause or ():
            self.column_name(each.sval, place)

    def column_name(self, name: str | None, place: int) -> None:
        if name in allowed.SYSTEM_COLUMNS:
            self.refuse(f'"{name}" is a column of the system\'s, not of the data', place)
        elif name is not None:
            self.columns.append((name, place))

    def target(self, node: Node, _place: int) -> None:
        if node.name is not None:
            self.names.add(node.name)

    def check_columns(self) -> None:
        """Refuse what is no column: PostgreSQL takes `t.f` for f(t) where t has no column f."""
        for name, place in self.columns:
            if name not in self.names:
                near = difflib.get_close_matches(name, self.names, n=1)
                hint = f'; did you mean "{near[0]}"?' if near else ""
                self.refuse(f'"{name}" is no column of what the query reads{hint}', place)


_CHECKS: dict[type, Callable[[_Walk, Node, int], None]] = {
    ast.Alias: _Walk.alias,
    ast.FuncCall: _Walk.function,
    ast.A_Expr: _Walk.expression,
    ast.SubLink: _Walk.sublink,
    ast.SortBy: _Walk.sort,
    ast.CollateClause: _Walk.collation,
    ast.SQLValueFunction: _Walk.clock,
    ast.ColumnRef: _Walk.column,
    ast.A_Indirection: _Walk.part,
    ast.JoinExpr: _Walk.join,
    ast.ResTarget: _Walk.target,
}


def _has_plain_srid(node: Node) -> bool:
    arguments: tuple[Node, ...] = node.args or ()
    if len(arguments) != 2 or not isinstance(arguments[1], ast.A_Const):
        return False
    return isinstance(arguments[1].val, ast.Integer)


def _unknown_function(written: str, name: str) -> str:
    """Say that a function is not on the list, why where that is known, and what is like it."""
    reason = next((why for how, why in allowed.FUNCTION_REASONS.items() if name.startswith(how)), "")
    said = f"function {written} is not among those of views" + (f": {reason}" if reason else "")
    near = difflib.get_close_matches(
        name, allowed.BUILTIN_FUNCTIONS | allowed.SPATIAL_FUNCTIONS, n=1, cutoff=0.8
    )
    return said if reason or not near or near[0] == name else f'{said}; did you mean "{near[0]}"?'
