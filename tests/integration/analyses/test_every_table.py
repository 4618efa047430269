"""Every analysis of tables that were there before: names, kinds, SRIDs, hardly any rows."""

from typing import Any

import pytest
from psycopg import sql
from tests.integration.analyses.compare import assert_same
from tests.integration.analyses.every import BALANCE, CASES, MODES
from tests.integration.analyses.layers import add_dataset
from tests.integration.analyses.test_registered import ODD
from tests.run_analysis import run_analysis

from geocrew.db import Connection
from geocrew.errors import UserError


def under_names(
    connection: Connection, source: str, schema: str, table: str, names: dict[str, str]
) -> int:
    """Make a dataset of a table's rows whose columns are called by `names`."""
    columns = [
        sql.SQL("{} AS {}").format(sql.Identifier(old), sql.Identifier(new))
        for old, new in names.items()
        if source == "squares" or old in ("id", "geom")
    ]
    place = sql.Identifier(schema, table)
    connection.execute(
        sql.SQL("CREATE SCHEMA {}; CREATE TABLE {} AS SELECT {} FROM {}").format(
            sql.Identifier(schema), place, sql.SQL(", ").join(columns), sql.Identifier(source)
        )
    )
    return add_dataset(connection, table, schema=schema, key=names["id"], geometry=names["geom"])


# Those of which no other test has them all.
@pytest.mark.usefixtures("squares", "mask")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name", ["timeseries", "nearest", "nearest-line", "clip", "erase", "moran-queen"]
)
def test_odd_names(connection: Connection, name: str, mode: str) -> None:
    """Each name is once that of the table, its key, its shape and each of its fields."""
    case = CASES[name]
    expected: list[list[Any]] = []
    for number in range(-1, len(ODD)):
        odd = [ODD[(number + 3 * i) % len(ODD)] for i in range(6)]
        table, *columns = odd if number >= 0 else ["plain", "key", "shape", "v", "w", "p"]
        names = dict(zip(("id", "geom", "value", "seen", "part"), columns, strict=True))
        schemas = [f'{source} {name} {mode} {number} {{}} %s "' for source in ("squares", "mask")]
        datasets = [
            under_names(connection, source, schema, table, names)
            for source, schema in zip(("squares", "mask"), schemas, strict=True)
        ]
        given = case.given(datasets[0], datasets[1], names)
        run = run_analysis(connection, case.job_type, given | {"output_mode": mode})
        rows = [list(row.values()) for row in run.rows()]
        expected = expected or rows
        assert rows == expected
        for schema in schemas:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    assert expected


@pytest.mark.parametrize("which", ["source", "other"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["nearest", "clip", "erase", "moran-queen", "timeseries"])
def test_several_srids_are_refused_with_their_counts(
    connection: Connection, squares: int, mask: int, name: str, mode: str, which: str
) -> None:
    case = CASES[name]
    if which == "other" and case.other is None:
        return
    connection.execute(
        "CREATE TABLE mixed AS SELECT id, value, seen, part,"
        " CASE WHEN id < 4 THEN geom ELSE ST_SetSRID(geom, 4326) END AS geom FROM squares"
    )
    mixed = add_dataset(connection, "mixed")
    pair = (mixed, mask) if which == "source" else (squares, mixed)
    with pytest.raises(UserError, match=rf"dataset {mixed} .*SRID 4326: 17 rows, SRID 27700: 3 rows"):
        case.run(connection, *pair, output_mode=mode)


FEW: dict[str, str] = {
    "moran": r"{} usable values?; local Moran .* at least 3",
    "moran-queen": r"{} usable values?; local Moran .* at least 3",
    "hotspot-queen": r"{} usable values?; .* at least 3",
    "hotspot-auto": r"{} usable values?; .* at least 3",
    "timeseries": r"time_periods.* no rows",
}


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("name", [*FEW, "nearest", "nearest-line", "dissolve", "clip", "erase"])
def test_hardly_any_rows(
    connection: Connection, squares: int, mask: int, name: str, rows: int, mode: str
) -> None:
    assert squares
    connection.execute(
        sql.SQL(
            "CREATE TABLE few AS SELECT * FROM squares WHERE id % 2 = 0 ORDER BY id LIMIT {}"
        ).format(sql.Literal(rows))
    )
    few, case = add_dataset(connection, "few"), CASES[name]
    if name in FEW:
        with pytest.raises(UserError, match=FEW[name].format(rows)):
            case.run(connection, few, mask, output_mode=mode)
        return
    run = case.run(connection, few, mask, output_mode=mode)
    assert run.dataset.row_count == len(run.rows())
    assert run.counts["rows_in"] == rows == sum(run.counts[each] for each in BALANCE)
    assert run.counts["rows_out"] <= rows
    assert (run.dataset.bbox is None) == (run.rows() == [])


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("kind", ["partitioned", "view", "materialized view", "inherited"])
@pytest.mark.parametrize("name", ["timeseries", "nearest", "clip", "moran-queen", "hotspot-queen"])
def test_relations_that_are_no_plain_tables(
    connection: Connection, squares: int, mask: int, name: str, kind: str, mode: str
) -> None:
    """Both datasets are of that kind."""
    case = CASES[name]
    expected = case.run(connection, squares, mask, output_mode=mode)
    made = []
    for table in ("squares", "mask"):
        other = f"{table}_of_a_kind"
        statements = {
            "partitioned": "CREATE TABLE {1} (LIKE {0}) PARTITION BY RANGE (id);"
            "CREATE TABLE {1}_low PARTITION OF {1} FOR VALUES FROM (0) TO (2);"
            "CREATE TABLE {1}_high PARTITION OF {1} FOR VALUES FROM (2) TO (100);"
            "INSERT INTO {1} SELECT * FROM {0}",
            "inherited": "CREATE TABLE {1} (LIKE {0}); CREATE TABLE {1}_child () INHERITS ({1});"
            "WITH low AS (INSERT INTO {1} SELECT * FROM {0} WHERE id < 2)"
            "INSERT INTO {1}_child SELECT * FROM {0} WHERE id >= 2",
            "view": "CREATE VIEW {1} AS SELECT * FROM {0}",
            "materialized view": "CREATE MATERIALIZED VIEW {1} AS SELECT * FROM {0}",
        }
        connection.execute(statements[kind].format(table, other).encode())
        made.append(add_dataset(connection, other, kind="view" if kind == "view" else "table"))
    run = case.run(connection, *made, output_mode=mode)
    assert_same(run.rows(), expected.rows())
    assert run.counts == expected.counts
