"""What hot spot analysis has beyond AR1: contiguity, a reach of its own, permutations."""

import warnings
from typing import Any

import esda
import geopandas
import libpysal
import numpy as np
import pyproj
import pytest
import shapely
from numpy.testing import assert_allclose
from psycopg import sql
from tests.integration.analyses.compare import assert_same
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.polygons import add_example, board
from tests.integration.analyses.test_modes import assert_modes_agree
from tests.integration.analyses.test_oracles import REFERENCE, read
from tests.libpysal_examples import example
from tests.run_analysis import Run, run_analysis

from geocrew.datasets.layer import open_layer
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, UserError

MODES = ["static", "view"]
WEIGHTS = {"queen": libpysal.weights.Queen, "rook": libpysal.weights.Rook}


def hotspots(connection: Connection, dataset_id: int, field: str = "value", **params: Any) -> Run:
    given = {"dataset_id": dataset_id, "value_field": field} | params
    return run_analysis(connection, "hotspot_analysis", given)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("contiguity", WEIGHTS)
@pytest.mark.parametrize(
    ("name", "field"), [("columbus.shp", "CRIME"), ("sids2.shp", "SIDR74"), ("stl_hom.shp", "HR8893")]
)
def test_contiguity_as_libpysal(
    shared: Connection, name: str, field: str, contiguity: str, mode: str
) -> None:
    frame = example(name)
    weights = WEIGHTS[contiguity].from_dataframe(frame, use_index=False)
    run = hotspots(shared, add_example(shared, name, field), neighbor_type=contiguity, output_mode=mode)
    assert run.column("neighbors") == [weights.cardinalities[i] for i in range(len(frame))]
    expected = esda.G_Local(
        frame[field],
        libpysal.weights.fill_diagonal(weights, 1.0),
        transform="B",
        star=True,
        permutations=0,
    )
    assert_allclose(run.column("gi_z"), expected.Zs, rtol=1e-9)
    assert run.counts["neighbor_type"] == contiguity


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("field", ["SIDR74", "SIDR79"])
def test_counties_as_spdep(shared: Connection, field: str, mode: str) -> None:
    dataset_id = add_example(shared, "sids2.shp", field, srid=4326)
    run = hotspots(shared, dataset_id, neighbor_type="queen", output_mode=mode)
    expected = [float(row[f"Gistar_queen_{field}"]) for row in read(REFERENCE / "sids2_spdep.csv")]
    assert_allclose(run.column("gi_z"), expected, rtol=1e-9)
    assert sum(run.column("neighbors")) == 490


@pytest.mark.parametrize("contiguity", WEIGHTS)
def test_all_counties_as_libpysal(shared: Connection, demo_ids: dict[str, int], contiguity: str) -> None:
    """3,142 polygons with islands; five without a rate, which are nobody's neighbours."""
    dataset_id = demo_ids["us_counties_2009"]
    run = hotspots(shared, dataset_id, "unemployment_rate", neighbor_type=contiguity)
    layer = open_layer(shared, dataset_id, 1)
    rows = shared.execute(
        sql.SQL(
            "SELECT id, ST_AsBinary(geom) FROM {} WHERE unemployment_rate IS NOT NULL ORDER BY id"
        ).format(layer.relation)
    ).fetchall()
    shapes = geopandas.GeoSeries(shapely.from_wkb([bytes(row[1]) for row in rows]))
    with pytest.warns(UserWarning, match="not fully connected"):
        weights = WEIGHTS[contiguity].from_dataframe(
            geopandas.GeoDataFrame(geometry=shapes), use_index=False
        )
    found = [each for each in run.column("neighbors") if each is not None]
    assert found == [weights.cardinalities[i] for i in range(len(rows))]
    assert run.counts["n_islands"] == len(weights.islands) > 0
    islands = [row for row in run.rows() if row["neighbors"] == 0]
    assert {(row["gi_z"], row["gi_p"], row["gi_bin"]) for row in islands} == {(None, None, None)}
    assert {row["hotspot_class"] for row in islands} == {"not significant"}


@pytest.mark.parametrize("contiguity", WEIGHTS)
@pytest.mark.parametrize("correction", ["none", "fdr"])
def test_contiguity_in_all_modes(shared: Connection, contiguity: str, correction: str) -> None:
    """Islands, several parts, rows without a value or a place, and a bow-tie that is mended."""
    bow_tie = "POLYGON((0 0, -2 -2, 0 -2, -2 0, 0 0))"
    rows = [
        *board(6, 4),
        (2000, 9.0, bow_tie),
        (2001, None, "POLYGON((6 1, 7 1, 7 2, 6 1))"),
        (2002, 3.0, None),
    ]
    params = {"dataset_id": add_table(shared, rows), "value_field": "value", "correction": correction}
    assert_modes_agree(shared, "hotspot_analysis", params | {"neighbor_type": contiguity})
    run = run_analysis(shared, "hotspot_analysis", params | {"neighbor_type": contiguity})
    found = dict(zip(run.column("id"), run.column("neighbors"), strict=True))
    first, last, middle = {"queen": (4, 4, 8), "rook": (2, 3, 4)}[contiguity]
    assert (found[1], found[6], found[8]) == (first, last, middle)
    assert (found[1000], found[1001]) == (0, {"queen": 2, "rook": 1}[contiguity])
    assert (found[2000], found[2001], found[2002]) == ({"queen": 1, "rook": 0}[contiguity], None, None)
    assert (run.counts["n_null"], run.counts["n_empty"], run.counts["n_repaired"]) == (1, 1, 1)


@pytest.mark.parametrize("contiguity", WEIGHTS)
def test_keys_of_text_and_skipped_shapes_and_z(shared: Connection, contiguity: str) -> None:
    rows = [(f"k{key}", value, shape.replace("))", ") )")) for key, value, shape in board(5, 3)]
    rows.append(("broken", 2.0, "POLYGON((0 0, -2 -2, 0 -2, -2 0, 0 0))"))
    dataset_id = add_table(shared, rows, key_type='text COLLATE "C"')
    shared.execute(
        "ALTER TABLE places ALTER geom TYPE geometry(GeometryZ, 27700) USING ST_Force3D(geom)"
    )
    params = {"dataset_id": dataset_id, "value_field": "value", "on_invalid": "skip"}
    assert_modes_agree(shared, "hotspot_analysis", params | {"neighbor_type": contiguity})


@pytest.mark.parametrize("contiguity", WEIGHTS)
def test_contiguity_needs_polygons(shared: Connection, contiguity: str) -> None:
    points = [(i, float(i), f"POINT({i} 0)") for i in range(5)]
    for kind, rows, words in (
        ("Point", points, "has Point"),
        ("Geometry", points, "has Point"),
        (
            "Geometry",
            [*board(2, 1), *((5000 + i, x, shape) for i, x, shape in points)],
            "has shapes of several dimensions",
        ),
    ):
        dataset_id = add_table(shared, rows, geometry_type=kind)
        with pytest.raises(InvalidParameters) as caught:
            hotspots(shared, dataset_id, neighbor_type=contiguity)
        said = str(caught.value)
        assert f'neighbor_type "{contiguity}" needs polygons, but dataset {dataset_id} {words}' in said
        assert "choose distance or knn" in said


@pytest.mark.parametrize("srid", [27700, 4326])
def test_auto_finds_a_reach_that_leaves_hermits_alone(shared: Connection, srid: int) -> None:
    random = np.random.default_rng(3)
    x, y = random.random((2, 80))
    x, y = np.append(x, 60.0), np.append(y, 40.0)
    rows = [(i, float(i * i % 13), f"POINT({float(x[i])!r} {float(y[i])!r})") for i in range(81)]
    params = {
        "dataset_id": add_table(shared, rows, srid=srid),
        "value_field": "value",
        "distance": "auto",
    }
    assert_modes_agree(shared, "hotspot_analysis", params)
    run = run_analysis(shared, "hotspot_analysis", params)
    first, second = (each.ravel() for each in np.meshgrid(range(81), range(81), indexing="ij"))
    if srid == 4326:
        apart = np.asarray(pyproj.Geod(ellps="WGS84").inv(x[first], y[first], x[second], y[second])[2])
    else:
        apart = np.hypot(x[first] - x[second], y[first] - y[second])
    apart = np.where(first == second, np.inf, apart).reshape(81, 81)
    nearest = apart.min(axis=1)
    usual = nearest[nearest <= nearest.mean() + 3 * nearest.std()].max()
    assert usual == np.sort(nearest)[-2]
    assert run.counts["distance"] == pytest.approx(usual, rel=1e-6)
    assert run.counts["distance"] >= usual
    assert run.counts["distance_unit"] == ("m" if srid == 4326 else "dataset")
    assert run.column("neighbors") == (apart <= run.counts["distance"]).sum(axis=1).tolist()
    assert (run.counts["n_islands"], run.column("neighbors")[80]) == (1, 0)


def test_auto_needs_two_places(shared: Connection) -> None:
    dataset_id = add_table(shared, [(i, float(i), "POINT(1 2)") for i in range(9)])
    with pytest.raises(UserError) as caught:
        hotspots(shared, dataset_id, distance="auto")
    said = str(caught.value)
    assert f'distance "auto" finds no distance in dataset {dataset_id}' in said
    assert "no two different places" in said
    assert "give a number" in said


@pytest.mark.parametrize(
    "rule",
    [{"distance": 90}, {"neighbor_type": "knn", "k_neighbors": 6}, {"neighbor_type": "queen"}],
    ids=["distance", "knn", "queen"],
)
def test_permutations_add_a_column_and_change_none(shared: Connection, rule: dict[str, Any]) -> None:
    polygons = "neighbor_type" in rule and rule["neighbor_type"] == "queen"
    rows = (
        board(9, 5)
        if polygons
        else [(i, float(i * i % 17), f"POINT({i % 9 * 40} {i // 9 * 40})") for i in range(45)]
    )
    dataset_id = add_table(shared, [*rows, (5000, None, rows[0][2])])
    plain = hotspots(shared, dataset_id, **rule)
    first = hotspots(shared, dataset_id, permutations=999, **rule)
    again = hotspots(shared, dataset_id, permutations=999, seed=0, **rule)
    other = hotspots(shared, dataset_id, permutations=999, seed=1, correction="fdr", **rule)
    assert first.rows() == again.rows()
    assert first.column("gi_p_perm") != other.column("gi_p_perm")
    assert first.types()["gi_p_perm"] == "double precision"
    assert "gi_p_perm" not in plain.types()
    assert_same(
        [{k: v for k, v in row.items() if k != "gi_p_perm"} for row in first.rows()], plain.rows()
    )
    for row in first.rows():
        assert (row["gi_p_perm"] is None) == (row["gi_z"] is None)
        assert row["gi_p_perm"] is None or 2 / 1000 <= row["gi_p_perm"] <= 1


def test_permutations_whatever_the_order_of_rows(connection: Connection) -> None:
    rows = [(i, float(i * i % 17), f"POINT({i % 9 * 40} {i // 9 * 40})") for i in range(45)]
    found = [
        hotspots(connection, add_table(connection, order), distance=90, permutations=499).column(
            "gi_p_perm"
        )
        for order in (rows, rows[::-1])
    ]
    assert found[0] == found[1]


def interpret_esda(patch: pytest.MonkeyPatch) -> None:
    """Run esda's own code uncompiled: 49 rows take it a second, and its compiling took 84."""
    for module in (esda.crand, esda.getisord):
        for name, each in list(vars(module).items()):
            if hasattr(each, "py_func"):
                patch.setattr(module, name, each.py_func)
    patch.setattr(esda.crand, "boolean", np.bool_)


def test_permutations_as_esda(shared: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """esda tells the smaller of the two tails, half of a two-sided p."""
    interpret_esda(monkeypatch)
    frame = example("columbus.shp")
    weights = libpysal.weights.fill_diagonal(
        WEIGHTS["queen"].from_dataframe(frame, use_index=False), 1.0
    )
    draws = 9999
    with warnings.catch_warnings(
        action="ignore", category=DeprecationWarning
    ):  # of its two-sided p to come
        esda_g = esda.G_Local(
            frame["CRIME"], weights, transform="B", star=True, permutations=draws, seed=7, n_jobs=1
        )
    dataset_id = add_example(shared, "columbus.shp", "CRIME")
    run = hotspots(shared, dataset_id, neighbor_type="queen", permutations=draws)
    expected = np.minimum(1, 2 * esda_g.p_sim.astype(float))
    found = np.array(run.column("gi_p_perm"))
    sigma = 2 * np.sqrt(2 * np.maximum(expected / 2, 1 / draws) * (1 - expected / 2) / draws)
    assert (np.abs(found - expected) <= 4 * sigma).all()
    assert (expected < 0.05).sum() > 5


@pytest.mark.parametrize("mode", ["view", "materialized_view"])
def test_views_hold_no_draws(shared: Connection, mode: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        hotspots(shared, 1, distance=1, permutations=99, output_mode=mode)
    assert f'permutations need output_mode "static", not "{mode}"' in str(caught.value)


def test_numbers_of_permutations_are_bounded(shared: Connection) -> None:
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"permutations": -1}, "permutations should be greater than or equal to 0, not -1"),
        ({"permutations": 10**6}, "permutations should be less than or equal to 99999, not 1000000"),
        ({"seed": -1}, "seed should be greater than or equal to 0, not -1"),
    )
    for wrong, words in cases:
        with pytest.raises(InvalidParameters) as caught:
            hotspots(shared, 1, distance=1, **wrong)
        assert words in str(caught.value)
