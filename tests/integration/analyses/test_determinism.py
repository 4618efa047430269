"""The same input gives the same bits; what should not matter does not."""

from typing import Any, LiteralString

import numpy as np
import pytest
from numpy.testing import assert_allclose
from psycopg import sql
from tests.integration.analyses.layers import add_dataset, add_table
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection

RULES: list[dict[str, Any]] = [
    {"distance": 1.5, "correction": "fdr"},
    {"neighbor_type": "knn", "k_neighbors": 5},
]
FIELDS = {"hotspot_analysis": ("gi_z", "gi_p", "neighbors"), "outlier_analysis": ("outlier_score",)}


@pytest.fixture
def source(connection: Connection) -> int:
    """A grid with ties everywhere; values of all magnitudes, in a seeded order."""
    connection.execute(
        "SELECT setseed(0.25);"
        "CREATE TABLE grid (id integer PRIMARY KEY, value float8, geom geometry(Point, 27700));"
        "INSERT INTO grid SELECT i, exp(20 * random() - 10), ST_Point(i % 15, i / 15, 27700)"
        " FROM generate_series(1, 300) AS i ORDER BY random()"
    )
    return add_dataset(connection, "grid")


def run(connection: Connection, job_type: str, dataset_id: int, **params: Any) -> Run:
    return run_analysis(
        connection, job_type, {"dataset_id": dataset_id, "value_field": "value"} | params
    )


def bits(result: Run, *fields: str) -> list[tuple[Any, ...]]:
    """Return the fields of all rows by id, floats as their eight bytes."""
    columns = [
        sql.SQL("float8send({}::float8)").format(sql.Identifier(each)) for each in ("source_id", *fields)
    ]
    query = sql.SQL("SELECT {} FROM {} ORDER BY id").format(sql.SQL(", ").join(columns), result.relation)
    return result.context.connection.execute(query).fetchall()


def scores(result: Run, *fields: str) -> dict[str, tuple[Any, ...]]:
    """Return the fields of all rows by what names them in the source."""
    return {str(row["source_id"]): tuple(row[field] for field in fields) for row in result.rows()}


SHUFFLES: list[LiteralString] = [
    """CREATE TABLE copy AS SELECT * FROM grid ORDER BY id;
    DROP TABLE grid; ALTER TABLE copy RENAME TO grid""",
    """CREATE TABLE copy AS SELECT * FROM grid ORDER BY value DESC;
    DROP TABLE grid; ALTER TABLE copy RENAME TO grid""",
    "CLUSTER grid USING grid_pkey",
    "UPDATE grid SET value = value WHERE id % 3 = 0",
]


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize(
    ("job_type", "params"),
    [
        *(("hotspot_analysis", rule) for rule in RULES),
        ("outlier_analysis", {}),
        ("outlier_analysis", {"method": "mad"}),
    ],
)
def test_order_of_rows(
    connection: Connection, source: int, job_type: str, params: dict[str, Any], shuffle: LiteralString
) -> None:
    before = bits(run(connection, job_type, source, **params), *FIELDS[job_type])
    connection.execute(shuffle)
    assert bits(run(connection, job_type, source, **params), *FIELDS[job_type]) == before


@pytest.mark.parametrize("method", ["zscore", "mad"])
def test_moments_of_a_view_do_not_depend_on_how_it_sorts(connection: Connection, method: str) -> None:
    """To group by what is one for all rows would sort them anew, and on disk in another order.

    Of most values alike the median deviation is 0, and then the mean one is summed.
    """
    connection.execute(
        "SELECT setseed(0.25);"
        "CREATE TABLE many (id integer PRIMARY KEY, value float8, geom geometry(Point, 27700));"
        "INSERT INTO many SELECT i, CASE WHEN i % 5 < 3 THEN 1 ELSE exp(20 * random() - 10) END,"
        " ST_Point(i, 0, 27700) FROM generate_series(1, 6000) AS i"
    )
    result = run(
        connection,
        "outlier_analysis",
        add_dataset(connection, "many"),
        method=method,
        output_mode="view",
    )
    before = bits(result, "outlier_score")
    connection.execute("SET enable_hashagg = off; SET work_mem = '64kB'")
    assert bits(result, "outlier_score") == before


NUMBERED = {"hotspot_analysis": ("gi_z", "neighbors"), "outlier_analysis": ("moran_i", "moran_z")}


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("key", ["md5(id::text)", "md5(id::text)::uuid", "id / 8.0"])
@pytest.mark.parametrize(
    ("job_type", "params"),
    [
        ("hotspot_analysis", RULES[1]),
        ("outlier_analysis", {"method": "local_moran"} | RULES[1]),
    ],
)
def test_order_of_rows_whose_keys_are_no_integers(
    connection: Connection,
    source: int,
    job_type: str,
    params: dict[str, Any],
    key: LiteralString,
    mode: str,
) -> None:
    """Ties go by the key, whatever its type: never by where a row happens to lie."""
    rekeyed: LiteralString = "ALTER TABLE grid DROP CONSTRAINT grid_pkey, ALTER id TYPE {} USING {}"
    kind = {"md5(id::text)": "text", "md5(id::text)::uuid": "uuid", "id / 8.0": "numeric"}[key]
    connection.execute(sql.SQL(rekeyed).format(sql.SQL(kind), sql.SQL(key)))
    connection.execute("ALTER TABLE grid ADD PRIMARY KEY (id)")
    params = params | {"output_mode": mode}
    before = scores(run(connection, job_type, source, **params), *NUMBERED[job_type])
    connection.execute("CREATE TABLE copy AS SELECT * FROM grid ORDER BY value DESC")
    connection.execute("DROP TABLE grid CASCADE; ALTER TABLE copy RENAME TO grid")
    after = scores(run(connection, job_type, source, **params), *NUMBERED[job_type])
    assert after == before
    assert len(set(before.values())) > 200


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("factor", "shift"), [(1.0, 1e9), (-1.0, 0.0), (0.5, -1000.0), (1e6, 1e9), (-3.0, 7.0)]
)
def test_affine_change_of_values(
    connection: Connection, source: int, rule: dict[str, Any], factor: float, shift: float, mode: str
) -> None:
    """Values of few digits, so that adding 1e9 loses none of them."""
    connection.execute("UPDATE grid SET value = round(1000 * value / (1 + value)) / 8")
    before = run(connection, "hotspot_analysis", source, output_mode=mode, **rule).rows()
    odd = run(connection, "outlier_analysis", source).column("outlier_score")
    mad = run(connection, "outlier_analysis", source, method="mad").column("outlier_score")
    connection.execute("UPDATE grid SET value = value * %s + %s", (factor, shift))
    after = run(connection, "hotspot_analysis", source, output_mode=mode, **rule).rows()
    sign = np.sign(factor)
    assert_allclose(
        [row["gi_z"] for row in after], [sign * row["gi_z"] for row in before], rtol=1e-9, atol=1e-11
    )
    assert [row["gi_bin"] for row in after] == [sign * row["gi_bin"] for row in before]
    assert [row["neighbors"] for row in after] == [row["neighbors"] for row in before]
    for method, scores in (("zscore", odd), ("mad", mad)):
        moved = run(connection, "outlier_analysis", source, method=method).column("outlier_score")
        assert_allclose(moved, sign * np.array(scores), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("mode", ["static", "view"])
@pytest.mark.parametrize("rule", RULES)
def test_translation_of_a_projected_layer(
    connection: Connection, source: int, rule: dict[str, Any], mode: str
) -> None:
    before = run(connection, "hotspot_analysis", source, output_mode=mode, **rule)
    found = bits(before, "gi_z", "gi_p", "neighbors")
    connection.execute("UPDATE grid SET geom = ST_Translate(geom, 400000, -70000)")
    after = run(connection, "hotspot_analysis", source, output_mode=mode, **rule)
    assert bits(after, "gi_z", "gi_p", "neighbors") == found


def test_ties_go_by_id(connection: Connection) -> None:
    """Of four neighbours equally far the three with the lowest ids count, in every mode."""
    connection.execute(
        "CREATE TABLE five (id integer PRIMARY KEY, value float8, geom geometry(Point, 27700));"
        "INSERT INTO five VALUES (30, 1, ST_Point(1, 0, 27700)), (10, 2, ST_Point(-1, 0, 27700)),"
        " (40, 400, ST_Point(0, 1, 27700)), (20, 8, ST_Point(0, -1, 27700)),"
        " (50, 16, ST_Point(0, 0, 27700))"
    )
    dataset_id = add_dataset(connection, "five")
    values = np.array([2.0, 8.0, 1.0, 400.0, 16.0])
    total = np.array([16.0, 2.0, 8.0, 1.0]).sum() - 4 * values.mean()
    expected = total / (values.std() * np.sqrt((5 * 4 - 4**2) / 4))
    for mode in ("static", "view", "materialized_view"):
        result = run(
            connection,
            "hotspot_analysis",
            dataset_id,
            neighbor_type="knn",
            k_neighbors=3,
            output_mode=mode,
        )
        assert result.column("gi_z")[-1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
@pytest.mark.parametrize("kind", ["LineString", "Polygon"])
def test_merged_shapes_do_not_depend_on_the_order_of_rows(
    connection: Connection, mode: str, kind: str
) -> None:
    random = np.random.default_rng(4)
    crossing = [
        f"LINESTRING({x[0]} {x[1]}, {x[2]} {x[3]}, {x[4]} {x[5]})" for x in random.random((200, 6)) * 9
    ]
    cells = [
        f"POLYGON(({x} {y}, {x + 1} {y}, {x + 1} {y + 1}, {x} {y + 1}, {x} {y}))"
        for x in range(20)
        for y in range(10)
    ]
    shapes = cells if kind == "Polygon" else crossing
    rows = [(number, float(number % 2), shape) for number, shape in enumerate(shapes)]
    found = []
    for order in (rows, rows[::-1], [rows[each] for each in random.permutation(len(rows))]):
        params = {
            "source_dataset_id": add_table(connection, order, geometry_type=kind),
            "dissolve_field": "value",
            "output_mode": mode,
        }
        merged = run_analysis(connection, "dissolve", params)
        query = sql.SQL("SELECT ST_AsBinary(geom) FROM {} ORDER BY id").format(merged.relation)
        found.append(connection.execute(query).fetchall())
    assert found[0] == found[1] == found[2]
