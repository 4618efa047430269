"""Where outputs go: an id is filled once, and no table that is there already is in its way."""

import threading
from typing import Any

import pytest
from tests.integration.analyses.layers import add_table
from tests.run_analysis import Run, run_analysis

from geocrew.datasets import catalog, registry
from geocrew.db import Connection, connect
from geocrew.errors import GeocrewError, InvalidParameters, UserError

POINTS = [(i, float(i), f"POINT({i} {i % 7})") for i in range(1, 40)]


def outliers(connection: Connection, source: int, **params: Any) -> Run:
    given = {"dataset_id": source, "value_field": "value"} | params
    return run_analysis(connection, "outlier_analysis", given)


def next_id(connection: Connection) -> int:
    return catalog.reserve(connection, "spent") + 1


def test_tables_of_ar1_keep_their_names(connection: Connection) -> None:
    """Registered or not, they are called as the outputs to come."""
    source = add_table(connection, POINTS)
    first = next_id(connection)
    taken = [first, first + 1, first + 3]
    for number in taken:
        connection.execute(
            f"CREATE TABLE public.spatial_data_{number} (id serial PRIMARY KEY, properties jsonb,"
            " geom geometry(Point, 4326))"
        )
    try:
        registered = registry.register(connection, "public", f"spatial_data_{first}").id
        made = [outliers(connection, source).dataset for _ in range(2)]
        assert [registered, *(each.id for each in made)] == [first + 2, first + 4, first + 5]
        assert [each.table_name for each in made] == [f"spatial_data_{each.id}" for each in made]
    finally:
        for number in taken:
            connection.execute(f"DROP TABLE public.spatial_data_{number}")


def test_a_table_in_the_way_of_a_reserved_id_is_named(connection: Connection) -> None:
    source = add_table(connection, POINTS)
    reserved = catalog.reserve(connection, "for later")
    connection.execute(f"CREATE TABLE public.spatial_data_{reserved} (x int)")
    problem = (
        f'"public"."spatial_data_{reserved}" is there already, so dataset {reserved} cannot be filled'
    )
    try:
        with pytest.raises(UserError, match=problem):
            outliers(connection, source, output_dataset_id=reserved)
    finally:
        connection.execute(f"DROP TABLE public.spatial_data_{reserved}")
    assert outliers(connection, source, output_dataset_id=reserved).dataset.id == reserved


@pytest.mark.parametrize("mode", ["static", "materialized_view"])
def test_a_table_that_was_renamed_out_of_the_way_keeps_its_indexes(
    connection: Connection, mode: str
) -> None:
    """As the message of the test above advises; the names of its indexes are in the way still."""
    source = add_table(connection, POINTS)
    reserved = catalog.reserve(connection, "for later")
    table = f"spatial_data_{reserved}"
    connection.execute(
        f"CREATE TABLE public.{table} (id int PRIMARY KEY, geom geometry);"
        f"CREATE INDEX {table}_geom ON public.{table} USING gist (geom);"
        f"CREATE INDEX {table}_id ON public.{table} (id);"
        f"ALTER TABLE public.{table} RENAME TO out_of_the_way"
    )
    try:
        made = outliers(connection, source, output_dataset_id=reserved, output_mode=mode).dataset
        names = "SELECT indexname::text FROM pg_indexes WHERE tablename = %s ORDER BY 1"
        key = f"{table}_pkey_1" if mode == "static" else f"{table}_id_1"
        assert connection.execute(names, (made.table_name,)).fetchall() == [(f"{table}_geom_1",), (key,)]
    finally:
        connection.execute("DROP TABLE public.out_of_the_way")


@pytest.mark.parametrize("kind", ["DOMAIN {} AS integer", "TYPE {} AS ENUM ('a')"])
def test_types_keep_their_names_too(connection: Connection, kind: str) -> None:
    """Every table has a type of its name."""
    source = add_table(connection, POINTS)
    reserved = catalog.reserve(connection, "for later")
    for number in (reserved, reserved + 1):
        connection.execute(f"CREATE {kind.format(f'public.spatial_data_{number}')}")
    problem = f'"public"."spatial_data_{reserved}" is there already, so dataset {reserved} cannot be'
    try:
        with pytest.raises(UserError, match=problem):
            outliers(connection, source, output_dataset_id=reserved)
        assert outliers(connection, source).dataset.id == reserved + 2
    finally:
        for number in (reserved, reserved + 1):
            connection.execute(f"DROP {kind.partition(' ')[0]} public.spatial_data_{number}")
    assert outliers(connection, source, output_dataset_id=reserved).dataset.id == reserved


def test_of_two_jobs_for_one_id_the_second_is_told_so(connection: Connection) -> None:
    source = add_table(connection, POINTS)
    reserved = catalog.reserve(connection, "wanted by two")
    told: list[GeocrewError] = []
    both = threading.Barrier(2)

    def meet(_share: float, _message: str) -> None:
        both.wait(30)

    def run() -> None:
        with connect(connection.info.dsn, "one of two") as own:
            own.execute("SELECT set_config('search_path', %s, false)", (path,))
            try:
                publish(own)
            except GeocrewError as error:
                told.append(error)

    def publish(own: Connection) -> None:
        given = {"dataset_id": source, "value_field": "value", "output_dataset_id": reserved}
        run_analysis(own, "outlier_analysis", given, on_progress=meet)

    path = str((connection.execute("SHOW search_path").fetchone() or [""])[0])
    threads = [threading.Thread(target=run) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [type(each) for each in told] == [InvalidParameters]
    assert str(told[0]).startswith(f"output_dataset_id {reserved} has been filled or dropped")
    assert catalog.get(connection, reserved).row_count == len(POINTS)
