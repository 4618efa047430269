"""Views without SQL: the same rows as the query that says the same."""

import json
from typing import Any

import pytest
from tests.run_analysis import Run, run_analysis

from geocrew.datasets import registry
from geocrew.db import Connection, UnreadableJson
from geocrew.errors import UserError

BOX = [[[-100, 30], [-80, 30], [-80, 40], [-100, 40], [-100, 30]]]
POLYGON = {"type": "Polygon", "coordinates": BOX}
WKT = "POLYGON((-100 30, -80 30, -80 40, -100 40, -100 30))"
ACROSS = (
    "ST_Intersects(geom, ST_MakeEnvelope(170, 50, 180, 60, 4326))"
    " OR ST_Intersects(geom, ST_MakeEnvelope(-180, 50, -170, 60, 4326))"
)
HIGH = {"op": ">", "args": [{"property": "unemployment_rate"}, 10]}

# A condition, and the SQL that says the same.
CONDITIONS: list[tuple[Any, str]] = [
    ("unemployment_rate > 10", "unemployment_rate > 10"),
    (HIGH, "unemployment_rate > 10"),
    ("unemployment_rate > 10 AND NOT state = 'CA'", "unemployment_rate > 10 AND state <> 'CA'"),
    ("state = 'CA' OR state = 'NV'", "state IN ('CA', 'NV')"),
    ("state IN ('CA', 'NV')", "state IN ('CA', 'NV')"),
    ("state NOT IN ('CA', 'NV')", "state NOT IN ('CA', 'NV')"),
    ("unemployment_rate BETWEEN 5 AND 6.5", "unemployment_rate BETWEEN 5 AND 6.5"),
    ("name LIKE 'San %'", "name LIKE 'San %'"),
    ("CASEI(name) LIKE CASEI('SAN %')", "name ILIKE 'san %'"),
    ("unemployment_rate IS NULL", "unemployment_rate IS NULL"),
    ("unemployment_rate IS NOT NULL", "unemployment_rate IS NOT NULL"),
    ("unemployed * 100 / labor_force > 12.5", "unemployed * 100.0 / labor_force > 12.5"),
    ("7 / 2 = 3.5 AND unemployment_rate / 2 > 5", "unemployment_rate / 2 > 5"),
    ("labor_force / 1000 = 7", "labor_force = 7000"),
    ("labor_force % 1000 = 7", "labor_force % 1000 = 7"),
    ("unemployment_rate % 2 < 0.5", "mod(unemployment_rate::numeric, 2) < 0.5"),
    ("labor_force div 1000 = 7", "div(labor_force, 1000) = 7"),
    ("unemployment_rate ^ 2 < 9", "unemployment_rate ^ 2 < 9"),
    ("fips <> '06001'", "fips <> '06001'"),
    ("name = 'O''Brien'", "name = 'O''Brien'"),
    ("name = '''; DROP TABLE x; --'", "false"),
    (f"S_INTERSECTS(geom, {WKT})", f"ST_Intersects(geom, ST_GeomFromText('{WKT}', 4326))"),
    (
        "S_INTERSECTS(geom, BBOX(-100, 30, -80, 40))",
        f"ST_Intersects(geom, ST_GeomFromText('{WKT}', 4326))",
    ),
    (
        {"op": "s_within", "args": [{"property": "geom"}, POLYGON]},
        f"ST_Within(geom, ST_GeomFromText('{WKT}', 4326))",
    ),
    (
        {"op": "and", "args": [HIGH, {"op": "s_disjoint", "args": [{"property": "geom"}, POLYGON]}]},
        f"unemployment_rate > 10 AND ST_Disjoint(geom, ST_GeomFromText('{WKT}', 4326))",
    ),
    (
        {"op": "s_intersects", "args": [{"property": "geom"}, {"bbox": [170, 50, -170, 60]}]},
        ACROSS,
    ),
    ("S_CONTAINS(geom, POINT(-120 37))", "ST_Contains(geom, ST_Point(-120, 37, 4326))"),
]


def build(connection: Connection, source: int, **params: Any) -> Run:
    return run_analysis(connection, "create_view", {"source_dataset_id": source} | params)


@pytest.mark.parametrize(
    ("where", "condition"), CONDITIONS, ids=[json.dumps(each[0]) for each in CONDITIONS]
)
def test_conditions_say_what_sql_says(
    shared: Connection, demo_ids: dict[str, int], where: Any, condition: str
) -> None:
    source = demo_ids["us_counties_2009"]
    run = build(shared, source, where=where)
    expected = shared.execute(f"SELECT id FROM spatial_data_{source} WHERE {condition} ORDER BY id")
    assert run.column("id") == [row[0] for row in expected.fetchall()]
    assert list(run.types())[:3] == ["id", "fips", "name"]


def test_the_builder_makes_the_view_of_the_query(shared: Connection, demo_ids: dict[str, int]) -> None:
    source = demo_ids["us_counties_2009"]
    columns, high = ["name", "unemployment_rate"], "unemployment_rate > 10"
    query = f"SELECT id, {', '.join(columns)}, geom FROM spatial_data_{source} WHERE {high}"
    built = build(shared, source, columns=columns, where=high)
    written = build(shared, source, query=query)
    assert built.rows() == written.rows()
    assert built.types() == written.types()
    assert built.counts == written.counts
    assert built.dataset.row_count == 989


@pytest.fixture
def dates(connection: Connection) -> int:
    connection.execute(
        "CREATE TABLE dates (id int PRIMARY KEY, day date, moment timestamptz,"
        ' "odd ""name" bigint, geom geometry(Point, 27700));'
        "INSERT INTO dates SELECT i, date '2020-01-01' + i,"
        " timestamptz '2020-01-01Z' + i * interval '1 day',"
        " 9007199254740992 + i, ST_Point(530000 + i * 100, 180000, 27700)"
        " FROM generate_series(0, 9) AS i"
    )
    return registry.register(connection, "public", "dates").id


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("day > DATE('2020-01-08')", [8, 9]),
        ("T_BEFORE(day, DATE('2020-01-03'))", [0, 1]),
        ("T_AFTER(moment, TIMESTAMP('2020-01-09T00:00:00Z'))", [9]),
        ("T_EQUALS(day, DATE('2020-01-03'))", [2]),
        ("T_DURING(day, INTERVAL('2020-01-02', '2020-01-05'))", [2, 3]),
        ("T_DURING(day, INTERVAL('2020-01-08', '..'))", [8, 9]),
        ("T_INTERSECTS(day, INTERVAL('2020-01-02', '2020-01-04'))", [1, 2, 3]),
        ("T_INTERSECTS(day, INTERVAL('..', '2020-01-02'))", [0, 1]),
        ('"odd ""name" > 5 AND id < 2', [0, 1]),
        ({"op": "=", "args": [{"property": 'odd "name'}, 9007199254740993]}, [1]),
        # A box in degrees finds features in metres.
        ("S_INTERSECTS(geom, BBOX(-0.13, 51.5, -0.1263, 51.51))", [0, 1]),
    ],
)
def test_times_numbers_and_places(
    connection: Connection, dates: int, where: Any, ids: list[int]
) -> None:
    assert build(connection, dates, where=where).column("id") == ids


def test_an_offset_is_no_ornament(connection: Connection) -> None:
    """Midnight at +12:00 is noon in UTC of the day before, whether the field has a time zone or not."""
    connection.execute(
        "CREATE TABLE hours (id int PRIMARY KEY, bare timestamp, zoned timestamptz,"
        " geom geometry(Point, 4326)); INSERT INTO hours SELECT i, timestamp '2020-01-04 00:00' + i *"
        " interval '1 hour', timestamptz '2020-01-04 00:00Z' + i * interval '1 hour', NULL"
        " FROM generate_series(1, 24) AS i"
    )
    source = registry.register(connection, "public", "hours").id
    for name in ("bare", "zoned"):
        for midnight in ("2020-01-05T00:00:00+12:00", "2020-01-04T12:00:00Z"):
            where = {"op": "t_before", "args": [{"property": name}, {"timestamp": midnight}]}
            assert build(connection, source, where=where).column("id") == [*range(1, 12)]


def test_fields_that_are_called_as_shapes_are(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE named (id int PRIMARY KEY, geom text, geometry text, shape geometry(Point, 4326));"
        "INSERT INTO named SELECT i, 'a' || i, 'b' || i, ST_Point(i, i, 4326)"
        " FROM generate_series(1, 5) AS i"
    )
    source = registry.register(connection, "public", "named").id
    assert build(connection, source, where="geom = 'a2' OR geometry = 'b4'").column("id") == [2, 4]
    assert build(connection, source, where="S_WITHIN(shape, BBOX(0, 0, 2.5, 9))").column("id") == [1, 2]


def test_a_dataset_without_a_system_has_no_place_for_degrees(connection: Connection) -> None:
    connection.execute("CREATE TABLE nowhere (id int PRIMARY KEY, geom geometry(Point))")
    source = registry.register(connection, "public", "nowhere").id
    with pytest.raises(UserError, match=rf"dataset {source} has no coordinate reference system"):
        build(connection, source, where="S_INTERSECTS(geom, BBOX(0, 0, 1, 1))")


def test_fields_of_ar1s_layout_are_fields(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE ar1 (id int PRIMARY KEY, geom geometry(Point, 4326), properties jsonb);"
        "INSERT INTO ar1 SELECT i, ST_Point(i, i, 4326),"
        " jsonb_build_object('pop', i * 10, 'name', 'n' || i, 'big', i > 3, 'geom', 'g')"
        " FROM generate_series(1, 5) AS i"
    )
    source = registry.register(connection, "public", "ar1").id
    run = build(
        connection, source, columns=["name", "pop", "big", "geom"], where="pop > 20 AND big = TRUE"
    )
    assert [(row["id"], row["name"], row["pop"], row["big"], row["geom_1"]) for row in run.rows()] == [
        (4, "n4", 40.0, True, "g"),
        (5, "n5", 50.0, True, "g"),
    ]


def test_large_integers_of_ar1s_layout_keep_all_digits(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE ar1 (id int PRIMARY KEY, geom geometry(Point, 4326), properties jsonb);"
        "INSERT INTO ar1 SELECT i, ST_Point(i, i, 4326), jsonb_build_object('n', 9007199254740990 + i)"
        " FROM generate_series(1, 5) AS i"
    )
    source = registry.register(connection, "public", "ar1").id
    where = {"op": "=", "args": [{"property": "n"}, 9007199254740993]}
    run = build(connection, source, columns=["n"], where=where)
    assert [(row["id"], row["n"]) for row in run.rows()] == [(3, 9007199254740993)]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"columns": ["nam"]}, 'columns "nam" is not in dataset'),
        ({"columns": ["name", "name"]}, "columns names name more than once"),
        ({"where": "nme = 'x'"}, '(did you mean "name"?); fields: id, fips, name'),
        ({"where": "S_WITHIN(geom, POINT EMPTY)"}, "where is not CQL2: A position must contain two"),
        ({"where": {"coordinates": [1, 2]}}, 'where holds a shape of type "None"; types: Point, '),
        ({"where": "name = "}, "where is not CQL2: at character 8, expected"),
        ({"where": "pg_sleep(10) = 1"}, 'where uses "pg_sleep", which views do not know'),
        ({"where": "s_intersect(geom, POINT(1 2))"}, 'did you mean "s_intersects"?; known: %, *'),
        ({"where": "ACCENTI(name) = 'x'"}, 'where uses "accenti"'),
        ({"where": 5}, "where should be text or an object, not 5"),
        ({"where": {"a": 1}}, "where holds {'a': 1}, which is no part of a condition"),
        ({"where": {"op": "between", "args": [1]}}, 'where: "between" takes 3 arguments, not 1'),
        ({"where": {"op": "and", "args": []}}, 'where: "and" takes at least one condition'),
        ({"where": {"op": "in", "args": [1, []]}}, '"in" takes a value and a list of at least one'),
        ({"where": {"op": "=", "args": [{"property": "name"}, {"date": "soon"}]}}, '"soon" is no date'),
        ({"where": {"op": "=", "args": [{"property": "name"}, "a\0b"]}}, "NUL character"),
        (
            {"where": {"op": "s_within", "args": [{"property": "geom"}, {"bbox": [1, 2, "x", 4]}]}},
            "a bbox is four numbers",
        ),
        (
            {
                "where": {
                    "op": "s_within",
                    "args": [{"property": "geom"}, {"type": "X", "coordinates": []}],
                }
            },
            'a shape of type "X"; types: Point, ',
        ),
        (
            {"where": "S_WITHIN(geom, POLYGON((0 0, 1 0, 1 1, 0 1)))"},
            "where holds a Polygon whose coordinates.0.3 must close the ring, which begins at [0.0, ",
        ),
        (
            {
                "where": {
                    "op": "s_within",
                    "args": [
                        {"property": "geom"},
                        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]},
                    ],
                }
            },
            "where holds a Polygon whose coordinates.0 must be a ring of at least 4 positions",
        ),
        (
            {"where": "S_WITHIN(geom, POLYGON((0 0, 1 0, 2 0, 0 0)))"},
            "where holds a Polygon that must enclose an area",
        ),
        ({"where": "S_WITHIN(geom, POINT(500 100))"}, "it must be longitude (-360 to 360) and latitude"),
        ({"where": "name > 5"}, "where: operator does not exist: text > integer"),
        ({"where": "unemployment_rate = 'x'"}, "where: invalid input syntax for type double precision"),
        ({"where": "name"}, "where: argument of WHERE must be type boolean, not type text"),
        ({"where": UnreadableJson("a number of 5001 digits")}, "where is not CQL2"),
        (
            {"where": {"op": "<", "args": [{"property": "id"}, UnreadableJson("a number of 5 digits")]}},
            "where holds a number of 5 digits, which is no part of a condition",
        ),
        ({"where": "id = 9007199254740993"}, "where holds a number of 2^53 or more"),
    ],
)
def test_what_is_wrong_is_told(
    shared: Connection, demo_ids: dict[str, int], params: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        build(shared, demo_ids["us_counties_2009"], **params)
    assert message in str(caught.value)
