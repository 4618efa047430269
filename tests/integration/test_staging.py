"""The workshop: what is published moves whole, what is left over is swept."""

from uuid import UUID, uuid4

import pytest
from psycopg import errors, sql

from geocrew.datasets.build import OutputMode, build
from geocrew.datasets.staging import SCHEMA, Staging, clear, publish, sweep
from geocrew.db import Connection, connect

SELECT = sql.SQL(
    "SELECT i AS id, ST_Point(i, 0, 27700)::geometry(Point, 27700) AS geom"
    " FROM generate_series(1, 3) AS i"
)
MODES: list[OutputMode] = ["static", "view", "materialized_view"]


def staged(connection: Connection) -> list[str]:
    query = (
        "SELECT relname FROM pg_class"
        " WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'v', 'm')"
    )
    return sorted(row[0] for row in connection.execute(query, (SCHEMA,)))


def indexes(connection: Connection, schema: str) -> list[str]:
    query = (
        "SELECT indexname FROM pg_indexes"
        " WHERE schemaname = %s AND tablename LIKE 'spatial_data_%%' ORDER BY 1"
    )
    return [row[0] for row in connection.execute(query, (schema,))]


def leases(*known: UUID) -> set[UUID]:
    return set(known)


@pytest.mark.parametrize("mode", MODES)
def test_a_relation_is_moved_out_whole(connection: Connection, mode: OutputMode) -> None:
    workshop = Staging(7, uuid4())
    made = build(connection, workshop, mode, SELECT)
    assert staged(connection) == [made.table] == [workshop.name("out")]
    assert made.rows == (None if mode == "view" else 3)
    publish(connection, made.table, made.kind, "public", "spatial_data_5")
    assert staged(connection) == []
    assert connection.execute("SELECT count(*) FROM public.spatial_data_5").fetchone() == (3,)
    expected = {"static": ["spatial_data_5_geom", "spatial_data_5_pkey"], "view": []}
    expected["materialized_view"] = ["spatial_data_5_geom", "spatial_data_5_id"]
    assert indexes(connection, "public") == expected[mode]
    assert indexes(connection, SCHEMA) == []
    if mode == "materialized_view":
        connection.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY public.spatial_data_5")


def test_a_view_reads_with_the_rights_of_its_reader(connection: Connection) -> None:
    made = build(connection, Staging(7, uuid4()), "view", SELECT)
    options = connection.execute("SELECT reloptions FROM pg_class WHERE relname = %s", (made.table,))
    assert options.fetchone() == (["security_invoker=true"],)


def test_nothing_is_published_by_halves(connection: Connection) -> None:
    made = build(connection, Staging(7, uuid4()), "static", SELECT)
    connection.execute("CREATE TABLE public.spatial_data_5 ()")
    with pytest.raises(errors.DuplicateTable), connection.transaction():
        publish(connection, made.table, made.kind, "public", "spatial_data_5")
    assert staged(connection) == [made.table]


def test_an_attempt_clears_only_its_own(connection: Connection) -> None:
    mine, others = Staging(7, uuid4()), [Staging(7, uuid4()), Staging(77, uuid4())]
    for workshop in (mine, *others):
        for part in ("src", "mends", "scores"):
            connection.execute(sql.SQL("CREATE TABLE {} ()").format(workshop.relation(part)))
        build(connection, workshop, "view", SELECT)
    clear(connection, mine)
    assert len(staged(connection)) == 8
    assert not any(mine.lease.hex in name for name in staged(connection))


def test_sweep_drops_what_no_living_lease_holds(connection: Connection) -> None:
    live, dead = Staging(1, uuid4()), Staging(2, uuid4())
    for workshop in (live, dead):
        build(connection, workshop, "static", SELECT)
        connection.execute(
            sql.SQL("CREATE VIEW {} AS SELECT * FROM {}").format(
                workshop.relation("seen"), workshop.relation("out")
            )
        )
        connection.execute(
            sql.SQL("CREATE MATERIALIZED VIEW {} AS SELECT 1 AS one").format(workshop.relation("kept"))
        )
    connection.execute(sql.SQL("CREATE TABLE {}.stray ()").format(sql.Identifier(SCHEMA)))
    dropped = sweep(connection, lambda: leases(live.lease))
    assert sorted(dropped) == sorted([*(dead.name(part) for part in ("out", "seen", "kept")), "stray"])
    assert staged(connection) == sorted(live.name(part) for part in ("out", "seen", "kept"))
    assert sweep(connection, lambda: leases(live.lease)) == []


def test_what_is_staged_after_the_look_is_not_swept(connection: Connection) -> None:
    """A lease taken between the look at the workshop and the look at the leases keeps its tables."""
    dead, young = Staging(1, uuid4()), Staging(2, uuid4())
    build(connection, dead, "static", SELECT)

    def live() -> set[UUID]:
        build(connection, young, "static", SELECT)
        return leases()

    assert sweep(connection, live) == [dead.name("out")]
    assert staged(connection) == [young.name("out")]


def test_an_empty_workshop_costs_no_look_at_leases(connection: Connection) -> None:
    def live() -> set[UUID]:
        raise AssertionError("nobody should ask")

    assert sweep(connection, live) == []


def test_two_sweeps_do_not_wait_for_each_other(database: str, connection: Connection) -> None:
    build(connection, Staging(1, uuid4()), "static", SELECT)
    with connect(database, "other") as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(7263002)")
        assert sweep(connection, leases) == []
    assert len(sweep(connection, leases)) == 1


@pytest.mark.parametrize("part", ["out", "out_geom", "out_pkey", "123456789"])
def test_names_fit(part: str) -> None:
    assert len(Staging(10**18, uuid4()).name(part)) <= 63
