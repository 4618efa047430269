"""What a view may be made of: the guard alone, with two tables that it may read."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pglast import ast, parse_sql

from geocrew.errors import InvalidParameters, NotFound
from geocrew.views import allowed
from geocrew.views.guard import Guarded, guard
from geocrew.views.tables import Table

TABLES = {
    (None, "spatial_data_1"): Table(
        1, "public", "spatial_data_1", 1, ("id", "name", "population", "geom")
    ),
    (None, "spatial_data_2"): Table(2, "gis", "roads", 2, ("id", "name", "class", "geom")),
    ("gis", "roads"): Table(2, "gis", "roads", 2, ("id", "name", "class", "geom")),
}
SQL = "SELECT geom FROM spatial_data_1"


def find_table(schema: str | None, name: str) -> Table:
    if (schema, name) not in TABLES:
        raise NotFound(f'table "{name}" is not a dataset')
    return TABLES[schema, name]


def accept(query: str) -> Guarded:
    return guard(query, find_table, "public")


def reasons(query: str) -> list[str]:
    with pytest.raises(InvalidParameters) as caught:
        accept(query)
    return caught.value.problems


def corpus() -> list[tuple[str, str]]:
    """(reason, statement) pairs of hostile.txt."""
    pairs: list[tuple[str, str]] = []
    reason = ""
    for line in Path(__file__).with_name("hostile.txt").read_text("utf-8").splitlines():
        if line.startswith("## "):
            reason = line[3:]
        elif line and not line.startswith("#"):
            pairs.append((reason, line))
    return pairs


HOSTILE = corpus()


def test_the_corpus_is_what_it_says() -> None:
    statements = [statement for _, statement in HOSTILE]
    assert len(set(statements)) == len(statements) >= 200


# What the corpus must hold at least thrice; deep nesting has its own test below.
KINDS = {
    "writes in CTEs": r"^WITH .*\b(INSERT|UPDATE|DELETE|MERGE)\b",
    "row locks": r"FOR (UPDATE|SHARE|NO KEY UPDATE|KEY SHARE)",
    "set_config": r"set_config\(",
    "waiting": r"(?i)pg_sleep",
    "queries as text": r"query_to_xml",
    "large objects": r"\blo_?\w+\(",
    "other databases": r"dblink",
    "catalog reads": r"(FROM|TABLE) (pg_catalog\.|information_schema\.|pg_)",
    "files": r"pg_(read|stat|ls|file)_",
    "volatile functions": r"random|clock_timestamp|timeofday",
    "oid casts": r"::(\w+\.)?(oid|reg\w+)|AS reg",
    "stacked statements": r";\s*\w",
    "comments": r"--|/\*",
    "Unicode escapes": r"[Uu]&[\"']",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_corpus_has_every_kind(kind: str) -> None:
    assert sum(bool(re.search(KINDS[kind], statement)) for _, statement in HOSTILE) >= 3


@pytest.mark.parametrize(("reason", "statement"), HOSTILE)
def test_hostile_statements_are_refused_with_the_reason(reason: str, statement: str) -> None:
    problems = reasons(statement)
    assert all(each.startswith("query") for each in problems)
    assert any(reason in each for each in problems), problems


def test_the_place_is_told() -> None:
    assert reasons("SELECT geom, pg_sleep(1) FROM spatial_data_1") == [
        "query: function pg_sleep is not among those of views: it waits (at character 14)"
    ]
    (problem,) = reasons("SELECT 'é€', geom, st_bufer(geom, 1) FROM spatial_data_1")
    assert problem.endswith('did you mean "st_buffer"? (at character 20)')


def test_all_reasons_are_told_at_once_up_to_ten() -> None:
    assert len(reasons("SELECT version(), random(), x FROM pg_class FOR UPDATE")) == 5
    assert len(reasons("SELECT " + ", ".join(["random()"] * 50))) == 10


@pytest.mark.parametrize(
    "query",
    [
        "SELECT " + "(" * 150 + "1" + ")" * 150 + " FROM spatial_data_1",
        "SELECT " + "(SELECT " * 60 + "1" + ")" * 60 + ", geom FROM spatial_data_1",
        "SELECT " + "NOT " * 150 + "true, geom FROM spatial_data_1",
        "SELECT 1" + " + 1" * 150 + ", geom FROM spatial_data_1",
        "SELECT " + "abs(" * 150 + "1" + ")" * 150 + ", geom FROM spatial_data_1",
        "SELECT * FROM " + "(SELECT * FROM " * 60 + "spatial_data_1" + ") AS q" * 60,
        "SELECT geom FROM spatial_data_1" + " UNION SELECT geom FROM spatial_data_1" * 150,
        "SELECT " + "CASE WHEN true THEN " * 60 + "1" + " END" * 60 + ", geom FROM spatial_data_1",
    ],
)
def test_deep_nesting_is_refused_or_flat(query: str) -> None:
    """Parentheses alone leave nothing in the tree; all else is refused before anybody's stack ends."""
    if query.startswith("SELECT ((("):
        assert accept(query).text == "SELECT 1 FROM public.spatial_data_1"
    else:
        assert "nests deeper than 100 levels" in reasons(query)[0]


@pytest.mark.parametrize("piece", ["1+", "NOT ", "- ", "(", "(SELECT ", "a.", "x'"])
def test_no_length_ends_the_process(piece: str) -> None:
    for length in (3_000, 19_900, 400_000):
        query = "SELECT " + piece * (length // len(piece))
        (problem,) = reasons(query)
        assert re.search(r"at most \d+ are read|is not SQL|deeper than", problem), problem


def test_words_are_counted_before_they_are_parsed() -> None:
    told = "query has 6000 words and signs; at most 4000 are read"
    assert reasons("SELECT 1" + ", 1" * 2999) == [told]


@pytest.mark.parametrize("query", ["SELECT 'a\0b'", "SELECT '\udc80'", ""])
def test_what_is_no_text_is_refused(query: str) -> None:
    assert reasons(query)


@pytest.mark.parametrize(
    "call",
    [
        "ST_Buffer(geom, population)",
        "ST_Buffer(geom, 10, 1000)",
        "ST_Buffer(geom, 10, 'quad_segs=1000 join=mitre mitre_limit=2.123456 side=left')",
        "ST_MinimumBoundingCircle(geom)",
        "ST_CurveToLine(geom, 32, 0, 1)",
        "ST_HausdorffDistance(geom, geom, 0.25)",
        "ST_GeoHash(geom)",
        "ST_GeoHash(geom, 12)",
    ],
)
def test_small_amounts_are_accepted(call: str) -> None:
    assert (
        call.lower()
        in accept(f"SELECT geom, {call} FROM spatial_data_1").text.replace("public.", "").lower()
    )


def test_an_amount_is_refused_with_what_may_be_there() -> None:
    (problem,) = reasons("SELECT ST_Buffer(geom, 1, 'quad_segs=1001') AS geom FROM spatial_data_1")
    assert problem == (
        "query: st_buffer takes plain constants from argument 3 on, with no number above 1,000"
        " or between 0 and 0.001: it can make much of little (at character 8)"
    )


def test_names_are_qualified() -> None:
    guarded = accept(
        "WITH x AS (SELECT * FROM spatial_data_2) SELECT spatial_data_2.name, abs(x.id), ST_Area(x.geom)"
        " FROM x, spatial_data_2, gis.roads AS r"
    )
    assert guarded.text == (
        "WITH x AS (SELECT * FROM gis.roads AS spatial_data_2) SELECT spatial_data_2.name,"
        " pg_catalog.abs(x.id), public.st_area(x.geom) FROM x, gis.roads AS spatial_data_2,"
        " gis.roads AS r"
    )
    assert [each.dataset_id for each in guarded.tables] == [2]


def test_postgis_may_live_anywhere() -> None:
    query = "SELECT ST_Area(geom), geom FROM spatial_data_1"
    assert '"Geo Data".st_area' in guard(query, find_table, "Geo Data").text
    assert "public.st_area" in reasons_with(
        "SELECT public.ST_Area(geom) FROM spatial_data_1", "Geo Data"
    )


def reasons_with(query: str, spatial_schema: str) -> str:
    with pytest.raises(InvalidParameters) as caught:
        guard(query, find_table, spatial_schema)
    return str(caught.value)


def test_no_list_names_what_another_refuses() -> None:
    functions = allowed.BUILTIN_FUNCTIONS | allowed.SPATIAL_FUNCTIONS
    harmful = tuple(allowed.FUNCTION_REASONS)
    assert [each for each in functions if each.startswith(harmful)] == []
    assert not allowed.BUILTIN_FUNCTIONS & allowed.SPATIAL_FUNCTIONS
    assert not allowed.NODES & set(allowed.NODE_REASONS)


WORDS = st.sampled_from(
    re.findall(
        r"\S+",
        "SELECT FROM WHERE ( ) , . * 'x' 1 geom spatial_data_1 pg_class pg_sleep WITH x AS INSERT INTO"
        ' FOR UPDATE UNION ; AND = :: regclass count CASE WHEN THEN END ORDER BY " $1 [ ] LATERAL',
    )
)


@settings(max_examples=400, deadline=None)
@given(st.lists(WORDS, max_size=25))
def test_any_words_are_accepted_or_refused(words: list[str]) -> None:
    try:
        text = accept(f"{SQL} " + " ".join(words)).text
    except InvalidParameters:
        return
    (statement,) = parse_sql(text)
    for node in nodes(statement.stmt):
        if isinstance(node, ast.RangeVar):
            assert (node.schemaname, node.relname) in [("public", "spatial_data_1"), (None, "x")]
        elif isinstance(node, ast.FuncCall):
            assert [each.sval for each in node.funcname or ()] == ["pg_catalog", "count"]
        elif isinstance(node, ast.TypeName):
            assert [each.sval for each in node.names or ()][-1] != "regclass"
        assert type(node).__name__ in allowed.NODES


def nodes(value: Any) -> Iterator[ast.Node]:
    if isinstance(value, tuple):
        for each in value:
            yield from nodes(each)
    elif isinstance(value, ast.Node):
        yield value
        for slot in value:
            yield from nodes(getattr(value, slot))
