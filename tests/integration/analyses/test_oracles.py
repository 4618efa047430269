"""The analyses against esda, spdep, scipy, R and Python: numbers that none of our code computed."""

import csv
import statistics
import warnings
from pathlib import Path
from typing import Any

import esda
import libpysal
import numpy as np
import pyproj
import pytest
from numpy.testing import assert_allclose
from psycopg import sql
from scipy import stats
from scipy.spatial import KDTree
from tests.integration.analyses.layers import add_table
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection

REFERENCE = Path(__file__).parents[2] / "reference"
MODES = ["static", "view"]


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as lines:
        return list(csv.DictReader(lines))


def hotspots(connection: Connection, dataset_id: int, field: str, **params: Any) -> Run:
    return run_analysis(
        connection, "hotspot_analysis", {"dataset_id": dataset_id, "value_field": field} | params
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reach", [30, 60, 90])
def test_getis_and_ord_as_spdep_computes_it(shared: Connection, mode: str, reach: int) -> None:
    table = read(REFERENCE / "getisord_spdep.csv")
    points = [(int(row["i"]), float(row["val"]), f"POINT({row['x']} {row['y']})") for row in table]
    dataset_id = add_table(shared, points, table="getisord")
    run = hotspots(shared, dataset_id, "value", distance=reach, output_mode=mode)
    assert_allclose(run.column("gi_z"), [float(row[f"Gistar_{reach}"]) for row in table], rtol=1e-9)
    assert run.column("gi_z")[119] == pytest.approx(1.45077980738707) or reach != 30


@pytest.mark.parametrize("mode", MODES)
def test_states_as_esda_computes_them(shared: Connection, demo_ids: dict[str, int], mode: str) -> None:
    """On the plane of degrees, moved to a projected SRID, for esda knows no ellipsoid."""
    query = sql.SQL(
        "SELECT ST_X(place), ST_Y(place), unemployment_rate"
        " FROM {}, ST_Centroid(geom) AS place WHERE unemployment_rate IS NOT NULL AND id % 7 = 0"
    )
    table = sql.Identifier(f"spatial_data_{demo_ids['us_counties_2009']}")
    rows = shared.execute(query.format(table)).fetchall()
    x, y, values = np.array(rows).T
    dataset_id = add_table(
        shared,
        [(i, row[2], f"POINT({row[0]!r} {row[1]!r})") for i, row in enumerate(rows)],
        table="states",
    )
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # of islands, which are wanted
        weights = libpysal.weights.DistanceBand(np.column_stack((x, y)), 1.5)
        weights = libpysal.weights.fill_diagonal(weights, 1.0)
    expected = esda.G_Local(values, weights, transform="B", star=True, permutations=0, island_weight=0)
    run = hotspots(shared, dataset_id, "value", distance=1.5, output_mode=mode)
    assert len(values) == 447
    degrees = np.array([weights.cardinalities[i] - 1 for i in range(len(values))])
    assert run.column("neighbors") == degrees.tolist()
    mine = np.array(run.column("gi_z"), dtype=float)
    assert_allclose(mine[degrees > 0], expected.Zs[degrees > 0], rtol=1e-9, atol=1e-11)
    assert np.isnan(mine[degrees == 0]).all()


@pytest.mark.parametrize("mode", MODES)
def test_nearest_as_scipy_finds_them(shared: Connection, mode: str) -> None:
    random = np.random.default_rng(5)
    places, values = random.random((300, 2)), random.lognormal(size=300)
    dataset_id = add_table(
        shared,
        [(i, values[i], f"POINT({float(x)!r} {float(y)!r})") for i, (x, y) in enumerate(places)],
        table="random_places",
    )
    _, nearest = KDTree(places).query(places, 8)
    run = hotspots(
        shared,
        dataset_id,
        "value",
        neighbor_type="knn",
        k_neighbors=7,
        correction="fdr",
        output_mode=mode,
    )
    z = ((values[nearest] - values.mean()).sum(1)) / (values.std() * np.sqrt((300 * 8 - 8**2) / 299))
    assert_allclose(run.column("gi_z"), z, rtol=1e-9)
    p = 2 * stats.norm.sf(abs(z))
    assert_allclose(run.column("gi_p"), p, rtol=1e-9)
    adjusted = stats.false_discovery_control(p)
    assert_allclose(run.column("gi_p_adjusted"), adjusted, rtol=1e-9)
    bins = np.sign(z) * sum((adjusted <= level).astype(int) for level in (0.1, 0.05, 0.01))
    assert run.column("gi_bin") == bins.astype(int).tolist()


@pytest.mark.parametrize("mode", MODES)
def test_neighbours_on_the_ellipsoid_as_proj_measures(shared: Connection, mode: str) -> None:
    """Across the antimeridian and near a pole, where degrees and spheres mislead."""
    random = np.random.default_rng(7)
    lon = np.concatenate((random.uniform(178, 182, 60), random.uniform(-180, 180, 60)))
    lon = np.where(lon > 180, lon - 360, lon)
    lat = np.concatenate((random.uniform(-60, 60, 60), random.uniform(87, 90, 60)))
    values = random.normal(size=120)
    dataset_id = add_table(
        shared,
        [(i, values[i], f"POINT({float(lon[i])!r} {float(lat[i])!r})") for i in range(120)],
        table="globe",
        srid=4326,
    )
    first, second = (each.ravel() for each in np.meshgrid(range(120), range(120), indexing="ij"))
    apart = pyproj.Geod(ellps="WGS84").inv(lon[first], lat[first], lon[second], lat[second])[2]
    near = apart.reshape(120, 120) <= 250_000
    run = hotspots(shared, dataset_id, "value", distance=250, distance_unit="km", output_mode=mode)
    assert run.column("neighbors") == (near.sum(1) - 1).tolist()
    z = (near @ (values - values.mean())) / (
        values.std() * np.sqrt((120 * near.sum(1) - near.sum(1) ** 2) / 119)
    )
    lone = near.sum(1) == 1
    assert lone.any()
    assert_allclose(np.array(run.column("gi_z"), float)[~lone], z[~lone], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("mode", MODES)
def test_rosner_as_r_scores_it(shared: Connection, mode: str) -> None:
    """Data: NIST/SEMATECH e-Handbook 1.3.5.17.3 (Rosner 1983); scores computed with R 4.2.2."""
    table = read(Path(__file__).with_name("rosner_modz_R.csv"))
    dataset_id = add_table(
        shared, [(i, float(row["x"]), f"POINT({i} 0)") for i, row in enumerate(table)], table="rosner"
    )
    params = {"dataset_id": dataset_id, "value_field": "value", "output_mode": mode}
    mad = run_analysis(shared, "outlier_analysis", params | {"method": "mad", "threshold": 3.5})
    assert_allclose(mad.column("outlier_score"), [float(row["M"]) for row in table], rtol=1e-9)
    flagged = [row["value"] for row in mad.rows() if row["is_outlier"]]
    assert flagged == [5.34, 5.42, 6.01]
    assert mad.counts["n_outliers"] == 3
    assert mad.counts["median"] == pytest.approx(2.095)
    zscore = run_analysis(shared, "outlier_analysis", params | {"threshold": 3})
    assert_allclose(zscore.column("outlier_score"), [float(row["z"]) for row in table], rtol=1e-9)
    assert [row["value"] for row in zscore.rows() if row["is_outlier"]] == [6.01]
    assert zscore.counts["scale_value"] == pytest.approx(
        statistics.stdev(float(row["x"]) for row in table), rel=1e-9
    )


@pytest.mark.parametrize("mode", MODES)
def test_mad_of_zero_falls_back_to_the_mean_deviation(shared: Connection, mode: str) -> None:
    values = [7.0] * 9 + [1.0, 8.0, 30.0]
    dataset_id = add_table(
        shared, [(i, x, f"POINT({i} 0)") for i, x in enumerate(values)], table="mostly_equal"
    )
    params = {"dataset_id": dataset_id, "value_field": "value", "method": "mad", "output_mode": mode}
    run = run_analysis(shared, "outlier_analysis", params)
    mean_deviation = statistics.fmean(abs(x - 7.0) for x in values)
    assert_allclose(run.column("outlier_score"), [(x - 7) / (1.253314 * mean_deviation) for x in values])
    assert run.counts["scale"] == "mean absolute deviation"
    assert (
        run.counts["n_outliers"] == sum(abs(x - 7) > 2 * 1.253314 * mean_deviation for x in values) == 1
    )


def test_threshold_is_exceeded_not_met(shared: Connection) -> None:
    dataset_id = add_table(
        shared, [(i, x, f"POINT({i} 0)") for i, x in enumerate([-1.0, 0.0, 1.0])], table="three"
    )
    params = {"dataset_id": dataset_id, "value_field": "value", "threshold": 1.0}
    assert run_analysis(shared, "outlier_analysis", params).column("is_outlier") == [False] * 3
    params["threshold"] = 0.999
    assert run_analysis(shared, "outlier_analysis", params).column("is_outlier") == [True, False, True]
