"""Tables of places through time, and runs over them."""

from collections.abc import Iterable
from typing import Any, LiteralString

from psycopg import sql
from tests.integration.analyses.layers import add_dataset
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection

JOB = "hotspot_timeseries"
MODES = ["static", "view", "materialized_view"]


def add_series(
    connection: Connection,
    rows: Iterable[tuple[Any, Any, Any, Any, Any]],
    *,
    time_type: LiteralString = "text",
    geometry_type: LiteralString = "Geometry",
    srid: int = 27700,
) -> int:
    """Make a dataset of (id, value, time, location, WKT) rows, replacing the one before."""
    connection.execute(
        sql.SQL(
            "DROP TABLE IF EXISTS series CASCADE; CREATE TABLE series (id integer PRIMARY KEY,"
            " value float8, seen {time}, spot text, geom geometry({type}, {srid}));"
            "DELETE FROM geocrew.datasets WHERE schema_name = current_schema() AND table_name = 'series'"
        ).format(time=sql.SQL(time_type), type=sql.SQL(geometry_type), srid=sql.Literal(srid))
    )
    insert = sql.SQL("INSERT INTO series VALUES (%s, %s, %s, %s, ST_GeomFromEWKT(%s))")
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(insert, [(*row[:4], row[4] and f"SRID={srid};{row[4]}") for row in rows])
    connection.execute("CREATE INDEX ON series USING gist (geom); ANALYZE series")
    return add_dataset(connection, "series", srid=srid)


def grid(
    periods: Iterable[Any], *, side: int = 6, first: int = 1
) -> list[tuple[int, float, Any, str, str]]:
    """A square of places in each period, their values a mixture that differs from period to period."""
    places = [(x, y) for x in range(side) for y in range(side)]
    return [
        (
            first + number * len(places) + at,
            float((at * 7 + number * 5 + (x * y * (number + 1)) % 11) % 23),
            period,
            f"{x}/{y}",
            f"POINT({x} {y})",
        )
        for number, period in enumerate(periods)
        for at, (x, y) in enumerate(places)
    ]


def run(connection: Connection, dataset_id: int, **params: Any) -> Run:
    given = {"dataset_id": dataset_id, "value_field": "value", "time_field": "seen", "distance": 1}
    return run_analysis(connection, JOB, given | params)


def corner(point: str) -> list[str]:
    """The coordinates of a grid's point."""
    return point.removeprefix("POINT(").removesuffix(")").split()
