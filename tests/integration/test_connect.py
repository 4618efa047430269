"""Sessions are alike whatever a database or role is set to for other programs."""

from typing import Any, LiteralString

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from tests.integration.analyses.layers import add_dataset
from tests.run_analysis import run_analysis

from geocrew.db import Connection, connect

ODD: list[tuple[LiteralString, LiteralString]] = [
    ("extra_float_digits", "-10"),
    ("client_encoding", "SQL_ASCII"),
    ("standard_conforming_strings", "off"),
    ("default_transaction_isolation", "serializable"),
    ("idle_session_timeout", "1min"),
    ("datestyle", "SQL, DMY"),
    ("intervalstyle", "iso_8601"),
    ("timezone", "Asia/Tokyo"),
]


def fill(connection: Connection) -> dict[str, Any]:
    """Make triangles a third of a metre apart near 100 km, and a circle; return a clip's parameters."""
    connection.execute(
        "CREATE TABLE public.triangles (id integer PRIMARY KEY, geom geometry(Polygon, 27700));"
        "INSERT INTO public.triangles SELECT i, ST_SetSRID(ST_MakePolygon(ST_MakeLine(ARRAY["
        "ST_Point(x, y), ST_Point(x + 0.3, y), ST_Point(x, y + 0.3), ST_Point(x, y)])), 27700)"
        " FROM (SELECT i, 100000 + i % 20 / 3.0 AS x, 200000 + i / 20 / 3.0 AS y"
        " FROM generate_series(0, 399) AS i) AS places;"
        "CREATE TABLE public.circle (id integer PRIMARY KEY, geom geometry(Polygon, 27700));"
        "INSERT INTO public.circle SELECT 1, ST_Buffer(ST_Point(100003.3, 200003.3, 27700), 2.1)"
    )
    found = [add_dataset(connection, table, schema="public") for table in ("triangles", "circle")]
    return {"dataset_id": found[0], "clip_dataset_id": found[1]}


@pytest.mark.parametrize(("setting", "value"), ODD, ids=[name for name, _ in ODD])
def test_what_a_database_is_set_to_changes_no_result(
    database: str, setting: LiteralString, value: LiteralString
) -> None:
    with connect(database, "test", client_min_messages="warning") as connection:
        params = fill(connection)
        expected = run_analysis(connection, "clip", params)
        rows = expected.rows()
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                sql.Identifier(str(conninfo_to_dict(database)["dbname"])),
                sql.Identifier(setting),
                sql.Literal(value),
            )
        )
    with connect(database, "test", client_min_messages="warning") as connection:
        shown = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(setting))).fetchone()
        assert shown != (value,)
        run = run_analysis(connection, "clip", params)
        assert (run.rows(), run.counts, run.dataset.bbox) == (
            rows,
            expected.counts,
            expected.dataset.bbox,
        )


def test_options_in_the_address_are_kept(database: str) -> None:
    """They name the schema of PostGIS, where that is another; what geocrew needs comes after them."""
    address = f"{database}&options=-c%20search_path%3Dgis%2Cpublic%20-c%20extra_float_digits%3D-3"
    with connect(address, "test", statement_timeout="5s") as connection:
        for name, value in (
            ("search_path", "gis,public"),
            ("statement_timeout", "5s"),
            ("extra_float_digits", "1"),
        ):
            shown = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            assert shown == (value,)


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        ("date", "2020-01-31"),
        ("date", "infinity"),
        ("timestamp", "2020-01-31 12:30:00.5"),
        ("timestamptz", "2020-01-31 12:30:00+00"),
        ("timestamptz", "0044-03-15 12:30:00+00 BC"),
        ("timestamptz", "-infinity"),
        ("date[]", "{2020-01-31,NULL,infinity}"),
        ("date[]", "{}"),
        ("timestamp[]", '{"2020-01-31 12:30:00.5"}'),
        ("timestamptz[]", '{"2020-03-01 00:00:00+00","2020-01-31 12:30:00+00"}'),
    ],
)
def test_days_are_compared_as_iso_text(database: str, mode: str, kind: Any, moment: str) -> None:
    other = "{2021-07-08}" if kind.endswith("[]") else "2021-07-08 01:02:03"
    with connect(database, "test", client_min_messages="warning") as connection:
        name = sql.Identifier(str(conninfo_to_dict(database)["dbname"]))
        connection.execute(
            sql.SQL(
                "ALTER DATABASE {0} SET datestyle = 'SQL, DMY';"
                "ALTER DATABASE {0} SET timezone = 'Asia/Tokyo'"
            ).format(name)
        )
        connection.execute(
            sql.SQL(
                "CREATE TABLE public.days (id integer PRIMARY KEY, day {}, geom geometry(Point, 27700));"
                "INSERT INTO public.days VALUES (1, {}, ST_Point(1, 1, 27700)),"
                " (2, {}, ST_Point(2, 2, 27700))"
            ).format(sql.SQL(kind), sql.Literal(moment), sql.Literal(other))
        )
        params = {
            "source_dataset_id": add_dataset(connection, "days", schema="public"),
            "dissolve_mode": "custom",
            "custom_field": "day",
            "custom_groups": [{"name": "that", "values": [moment]}],
            "output_mode": mode,
        }
    with connect(database, "test", client_min_messages="warning") as connection:
        run = run_analysis(connection, "dissolve", params)
        assert run.counts["rows_out"] == 1
        connection.execute("SET datestyle = 'German'; SET timezone = 'America/New_York'")
        assert run.column("feature_count") == [1]
