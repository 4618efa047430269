"""Local Moran's I as an outlier analysis."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.polygons import add_example, board
from tests.integration.analyses.test_modes import assert_modes_agree, plane, quick, rows, shape
from tests.integration.analyses.test_oracles import REFERENCE, read
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection
from geocrew.errors import InvalidParameters, UserError

MODES = ["static", "view"]
WORDS = {"High-High": "HH", "Low-Low": "LL", "High-Low": "HL", "Low-High": "LH"}


def outliers(connection: Connection, dataset_id: int, **params: Any) -> Run:
    given_params = {"dataset_id": dataset_id, "value_field": "value", "method": "local_moran"} | params
    return run_analysis(connection, "outlier_analysis", given_params)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("field", ["SIDR74", "SIDR79"])
def test_counties_as_spdep(shared: Connection, field: str, mode: str) -> None:
    table = read(REFERENCE / "sids2_spdep.csv")
    dataset_id = add_example(shared, "sids2.shp", field, srid=4326)
    run = outliers(shared, dataset_id, neighbor_type="queen", output_mode=mode)
    assert_allclose(run.column("moran_i"), [float(row[f"Ii_queen_{field}"]) for row in table], rtol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_neighbourhoods_of_columbus_as_spdep(shared: Connection, mode: str) -> None:
    """columbus.gal is rook contiguity of other polygons in part; rows whose lists agree are compared."""
    table = read(REFERENCE / "columbus_spdep.csv")
    listed = [
        line.split()[1:] for line in (REFERENCE / "columbus_gal_neighbours.txt").read_text().splitlines()
    ]
    dataset_id = add_example(shared, "columbus.shp", "CRIME")
    run = outliers(shared, dataset_id, neighbor_type="queen", output_mode=mode)
    found = shared.execute(
        "SELECT a.id, array_agg(b.id::text ORDER BY b.id) FROM example a JOIN example b"
        " ON a.id <> b.id AND ST_Intersects(a.geom, b.geom) GROUP BY a.id ORDER BY a.id"
    ).fetchall()
    same = [i for i, (_, ids) in enumerate(found) if ids == sorted(listed[i], key=int)]
    assert len(same) > 30
    by_row = run.rows()
    for i in same:
        assert by_row[i]["moran_i"] == pytest.approx(float(table[i]["Ii"]), rel=1e-9)
        assert by_row[i]["moran_z"] == pytest.approx(float(table[i]["Z_cond"]), rel=1e-9)
        assert by_row[i]["moran_p"] == pytest.approx(float(table[i]["p_cond"]), rel=1e-9)
        significant = float(table[i]["p_cond"]) <= 0.05
        assert by_row[i]["cluster_type"] == (WORDS[table[i]["quadr"]] if significant else None)


def test_who_is_unlike_its_neighbours(shared: Connection) -> None:
    """A low square amid high ones and a high one amid low ones, drawn so that both are seen."""
    points = []
    for i in range(100):
        x, y = i % 10, i // 10
        value = 10.0 + (x * 3 + y) % 3 if x < 5 else 1.0 + (x + y) % 3
        value = {22: 0.0, 77: 14.0}.get(i, value)
        points.append((i, value, f"POINT({x} {y})"))
    dataset_id = add_table(shared, [*points, (100, 5.0, "POINT(500 500)"), (101, None, "POINT(3 3)")])
    for mode in (*MODES, "materialized_view"):
        run = outliers(shared, dataset_id, distance=1.5, output_mode=mode)
        by_id = {row["id"]: row for row in run.rows()}
        assert [by_id[i]["cluster_type"] for i in (22, 77, 51, 58)] == ["LH", "HL", "HH", "LL"]
        assert {i for i, row in by_id.items() if row["is_outlier"]} == {22, 77}
        assert by_id[51]["is_outlier"] is False
        assert by_id[22]["outlier_score"] == by_id[22]["moran_z"] < -1.96
        for i in (100, 101):
            nothing = [by_id[i][name] for name in ("moran_i", "moran_z", "moran_p", "cluster_type")]
            assert nothing == [None] * 4
            assert (by_id[i]["outlier_score"], by_id[i]["is_outlier"]) == (None, None)
        counts = run.counts
        assert (counts["n"], counts["n_null"], counts["n_islands"], counts["n_outliers"]) == (
            101,
            1,
            1,
            2,
        )
        assert (counts["clusters"]["HL"], counts["clusters"]["LH"]) == (1, 1)
        assert sum(counts["clusters"].values()) == 101
        assert (counts["rows_in"], counts["rows_out"], counts["distance"]) == (102, 102, 1.5)


@pytest.mark.parametrize(
    "rule",
    [
        {"distance": 80_000},
        {"distance": "auto"},
        {"neighbor_type": "knn", "k_neighbors": 8},
        {"neighbor_type": "queen"},
        {"neighbor_type": "rook"},
    ],
    ids=str,
)
def test_demo_data_in_all_modes(
    shared: Connection, demo_ids: dict[str, int], rule: dict[str, Any]
) -> None:
    params = {"dataset_id": demo_ids["us_counties_2009"], "value_field": "unemployment_rate"}
    modes = ("view",) if rule == {"distance": "auto"} else ("view", "materialized_view")
    assert_modes_agree(shared, "outlier_analysis", params | {"method": "local_moran"} | rule, modes)


@pytest.mark.parametrize("rule", [{"distance": 1}, {"neighbor_type": "knn", "k_neighbors": 2}], ids=str)
def test_small_data(shared: Connection, rule: dict[str, Any]) -> None:
    @quick
    @given(rows(plane), st.sampled_from([1.0, 1e-200, 1e250]))
    def check(drawn: list[Any], scale: float) -> None:
        data = [(key, x and x * scale, shape("Point")(at)) for key, x, at in drawn]
        params = {"dataset_id": add_table(shared, data), "value_field": "value", "method": "local_moran"}
        try:
            run_analysis(shared, "outlier_analysis", params | rule)
        except UserError:  # too few rows or no variation
            return
        assert_modes_agree(shared, "outlier_analysis", params | rule, ("view",))

    check()


def test_view_follows_its_features(shared: Connection) -> None:
    dataset_id = add_table(shared, board(5, 4), table="followed_board")
    rule = {"neighbor_type": "queen"}
    view = outliers(shared, dataset_id, output_mode="view", **rule)
    before = view.rows()
    shared.execute("UPDATE followed_board SET value = 100 WHERE id = 4")
    shared.execute("DELETE FROM followed_board WHERE id = 7")
    after = outliers(shared, dataset_id, **rule)
    assert view.column("moran_z") == pytest.approx(after.column("moran_z"))
    assert before != view.rows()


def test_what_the_method_has_no_use_for_is_refused(shared: Connection) -> None:
    dataset_id = add_table(shared, board(3, 3))
    for wrong, words in (
        ({}, 'distance is required for neighbor_type "distance"'),
        ({"neighbor_type": "knn"}, 'k_neighbors is required for neighbor_type "knn"'),
        ({"distance": 1, "threshold": 3}, "threshold is for method zscore or mad"),
        ({"method": "mad", "distance": 1}, 'distance is for method local_moran, not for "mad"'),
        (
            {"method": "zscore", "k_neighbors": 1},
            'k_neighbors is for method local_moran, not for "zscore"',
        ),
        ({"method": "moran"}, "'zscore', 'mad' or 'local_moran', not \"moran\""),
    ):
        with pytest.raises(InvalidParameters) as caught:
            outliers(shared, dataset_id, **wrong)
        assert words in str(caught.value)
    assert outliers(shared, dataset_id, distance=1.5, threshold=2.0).counts["n"] == 11


def test_values_of_which_it_says_nothing(shared: Connection) -> None:
    flat = add_table(shared, [(i, 7.0, f"POINT({i} 0)") for i in range(9)])
    with pytest.raises(UserError, match=f'"value" of dataset {flat} does not vary: all 9 values are 7'):
        outliers(shared, flat, distance=1)
    few = add_table(shared, [(i, float(i), f"POINT({i} 0)") for i in range(2)])
    with pytest.raises(UserError, match=f"dataset {few} has 2 usable values; local Moran .* at least 3"):
        outliers(shared, few, distance=1)
    some = add_table(shared, [(i, float(i), f"POINT({i} 0)") for i in range(5)])
    with pytest.raises(UserError, match=r"k_neighbors is 5, but only 5 features .* choose at most 4"):
        outliers(shared, some, neighbor_type="knn", k_neighbors=5)
