"""Columns of numbers between PostgreSQL and arrays."""

from typing import Any, LiteralString

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from geocrew.datasets.arrays import _CHUNK_ROWS, Array, ArrayType, read_arrays, read_parts, write_arrays
from geocrew.db import Connection

DTYPES: dict[ArrayType, str] = {"bool": "?", "int2": "i2", "int4": "i4", "int8": "i8", "float8": "f8"}
VALUES: dict[ArrayType, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int2": st.integers(-(2**15), 2**15 - 1),
    "int4": st.integers(-(2**31), 2**31 - 1),
    "int8": st.integers(-(2**63), 2**63 - 1),
    "float8": st.floats(),
}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(0, 40))
def test_round_trip(connection: Connection, data: st.DataObject, count: int) -> None:
    arrays: dict[str, tuple[ArrayType, Array]] = {
        f'a "{kind}" %s {{}}': (
            kind,
            np.array(data.draw(st.lists(VALUES[kind], min_size=count, max_size=count)), DTYPES[kind]),
        )
        for kind in VALUES
    }
    connection.execute("DROP TABLE IF EXISTS numbers")
    columns = [
        sql.SQL(f"{{}} {kind}").format(sql.Identifier(name)) for name, (kind, _) in arrays.items()
    ]
    connection.execute(sql.SQL("CREATE TABLE numbers ({})").format(sql.SQL(", ").join(columns)))
    write_arrays(connection, sql.Identifier("numbers"), arrays)
    types = {name: kind for name, (kind, _) in arrays.items()}
    whole = sql.SQL("SELECT * FROM numbers ORDER BY ctid")
    parts = [whole + sql.SQL(f" LIMIT 7 OFFSET {first}") for first in range(0, count, 7)]
    for found in (read_arrays(connection, whole, types), read_parts(connection, parts, types)):
        for name, (_, values) in arrays.items():
            assert found[name].dtype == values.dtype
            assert found[name].tobytes() == values.tobytes() or np.isnan(values.astype(float)).any()
            np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(
    "rows", [0, 1, _CHUNK_ROWS - 1, _CHUNK_ROWS, _CHUNK_ROWS + 1, 2 * _CHUNK_ROWS + 7]
)
def test_chunks(connection: Connection, rows: int) -> None:
    """Addresses and versions of rows go out and come back as they are, and find their rows again."""
    connection.execute(
        sql.SQL("CREATE TABLE many AS SELECT i::int8 AS i FROM generate_series(1, {}) AS i").format(rows)
    )
    types: dict[str, ArrayType] = {"row": "tid", "version": "xid", "i": "int8"}
    found = read_arrays(connection, sql.SQL("SELECT ctid, xmin, i FROM many ORDER BY i"), types)
    np.testing.assert_array_equal(found["i"], np.arange(1, rows + 1))
    connection.execute("CREATE TABLE back (row tid, version xid, i int8)")
    by_part = read_parts(
        connection, [sql.SQL("SELECT ctid AS row, xmin AS version, i FROM many")], types
    )
    assert all(by_part[name].tobytes() == found[name].tobytes() for name in types)
    write_arrays(
        connection, sql.Identifier("back"), {name: (kind, found[name]) for name, kind in types.items()}
    )
    joined = connection.execute(
        "SELECT count(*) FROM many AS m JOIN back AS b"
        " ON b.row = m.ctid AND b.version = m.xmin AND b.i = m.i"
    ).fetchone()
    assert joined == (rows,)


def test_points(connection: Connection) -> None:
    query = sql.SQL("SELECT point(i, -i / 3.0) AS place FROM generate_series(1, 5) AS i")
    for found in (
        read_arrays(connection, query, {"place": "point"}),
        read_parts(connection, [query], {"place": "point"}),
    ):
        assert found["place"]["x"].tolist() == [1, 2, 3, 4, 5]
        assert found["place"]["y"].tolist() == [-each / 3 for each in range(1, 6)]


def test_a_null_in_a_part_is_refused(connection: Connection) -> None:
    rows = "SELECT a::float8 AS a, 1 AS b FROM (VALUES (1.5), ({})) AS v (a)"
    parts = [sql.SQL(rows).format(each) for each in (2.5, None)]
    with pytest.raises(ValueError, match="column a has a NULL"):
        read_parts(connection, parts, {"a": "float8", "b": "int4"})
    assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("query", "kind", "words"),
    [
        ("SELECT NULL::float8", "float8", "column a has a NULL|do not fit the columns a"),
        (
            "SELECT x FROM (VALUES (1.5::float8), (NULL)) AS v (x)",
            "float8",
            "column a has a NULL|do not fit the columns a",
        ),
        ("SELECT 1::int4", "int8", "do not fit the columns a"),
        ("SELECT 1::int8", "int4", "column a has a NULL or is not int4"),
        ("SELECT 'long text'::text", "int4", "column a has a NULL or is not int4|do not fit"),
        ("SELECT 1::int4, 2::int4", "int4", "the query has 2 columns, not those named: a"),
    ],
)
def test_what_a_query_must_not_return(
    connection: Connection, query: LiteralString, kind: ArrayType, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read_arrays(connection, sql.SQL(query), {"a": kind})
    assert connection.execute("SELECT 1").fetchone() == (1,)
