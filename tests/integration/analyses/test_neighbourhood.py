"""Who is a neighbour, at the edge of the rule, and what the result tells of it."""

import math
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from numpy.testing import assert_allclose
from tests.integration.analyses.layers import add_table
from tests.run_analysis import Run, run_analysis

from geocrew.db import Connection

MODES = ["static", "view", "materialized_view"]


def hotspots(connection: Connection, dataset_id: int, **params: Any) -> Run:
    given = {"dataset_id": dataset_id, "value_field": "value"} | params
    return run_analysis(connection, "hotspot_analysis", given)


@pytest.mark.parametrize("mode", MODES)
def test_distance_is_inclusive(shared: Connection, mode: str) -> None:
    """Triangles of 3, 4 and 5: what is exactly as far is a neighbour, in float8's next it is none."""
    rows = [(i, float(i * i % 5), f"POINT({3 * i} {4 * i})") for i in range(6)]
    dataset_id = add_table(shared, rows)
    met = hotspots(shared, dataset_id, distance=5, output_mode=mode)
    assert met.column("neighbors") == [1, 2, 2, 2, 2, 1]
    missed = hotspots(shared, dataset_id, distance=math.nextafter(5, 0), output_mode=mode)
    assert missed.column("neighbors") == [0] * 6


@pytest.mark.parametrize("mode", MODES)
def test_metres_are_exact_to_a_micrometre(shared: Connection, mode: str) -> None:
    places = [(179.95, 40.0), (-179.9, 40.1), (20.0, -75.0), (20.5, -75.0), (0.0, 0.0), (0.0, 0.5)]
    rows = [(i, float(i * i % 7), f"POINT({x} {y})") for i, (x, y) in enumerate(places)]
    dataset_id = add_table(shared, rows, srid=4326)
    geod = pyproj.Geod(ellps="WGS84")
    apart = [geod.inv(*places[i], *places[i + 1])[2] for i in (0, 2, 4)]
    assert sorted(apart) == [apart[1], apart[0], apart[2]]
    for number, metres in enumerate(apart):
        for more, expected in ((1e-6, True), (-1e-6, False)):
            run = hotspots(shared, dataset_id, distance=metres + more, output_mode=mode)
            pair = run.column("neighbors")[2 * number : 2 * number + 2]
            assert pair == [int(expected)] * 2, (number, more)


@pytest.mark.parametrize(("unit", "metres"), [("m", 1), ("km", 1000), ("ft", 0.3048), ("mi", 1609.344)])
def test_units_of_a_dataset_in_degrees(shared: Connection, unit: str, metres: float) -> None:
    rows = [(i, float(i * i % 7), f"POINT({i} 0)") for i in range(9)]
    dataset_id = add_table(shared, rows, srid=4326)
    run = hotspots(shared, dataset_id, distance=200_000 / metres, distance_unit=unit)
    assert run.counts["distance"] == pytest.approx(200_000, rel=1e-12)
    assert run.counts["distance_unit"] == "m"
    assert run.column("neighbors") == [1, *[2] * 7, 1]  # a degree is 111 km there


@pytest.mark.parametrize("name", ["longlat", "lonlat", "latlong", "latlon"])
def test_degrees_by_every_name_that_proj_has_for_them(shared: Connection, name: str) -> None:
    shared.execute(
        "INSERT INTO spatial_ref_sys (srid, proj4text) VALUES (990002, %s)"
        " ON CONFLICT (srid) DO UPDATE SET proj4text = EXCLUDED.proj4text",
        (f"+proj={name} +datum=WGS84 +no_defs",),
    )
    rows = [(i, float(i * i % 7), f"POINT({i} 0)") for i in range(9)]
    run = hotspots(shared, add_table(shared, rows, srid=990002), distance=200, distance_unit="km")
    shared.execute("DELETE FROM spatial_ref_sys WHERE srid = 990002")
    assert (run.counts["distance"], run.counts["distance_unit"]) == (200_000, "m")
    assert run.column("neighbors") == [1, *[2] * 7, 1]


@pytest.mark.parametrize("mode", MODES)
def test_shapes_stand_at_their_centroid(shared: Connection, mode: str) -> None:
    """Outlines that touch, and centroids that are far: an L, a line, points of a cluster."""
    shapes = [
        "POLYGON((0 0, 10 0, 10 1, 1 1, 1 10, 0 10, 0 0))",
        "POLYGON((1 1, 3 1, 3 3, 1 3, 1 1), (2 2, 2.5 2, 2.5 2.5, 2 2))",
        "LINESTRING(10 0, 10 8, 20 8)",
        "MULTIPOINT(10 0, 12 0, 11 30)",
        "POINT(10 1)",
        "MULTIPOLYGON(((11 9, 12 9, 12 10, 11 9)), ((13 8, 19 8, 19 13, 13 8)))",
        "GEOMETRYCOLLECTION(POINT(0 0), LINESTRING(4 0, 4 6))",
    ]
    values = [float(i * i % 5) for i in range(len(shapes))]
    rows = list(enumerate(zip(values, shapes, strict=True)))
    run = hotspots(
        shared,
        add_table(shared, [(i, *row) for i, row in rows]),
        distance=4.5,
        output_mode=mode,
    )
    places = shapely.get_coordinates(shapely.centroid(shapely.from_wkt(shapes)))
    near = np.hypot(*(places[:, None] - places).T) <= 4.5
    assert run.column("neighbors") == (near.sum(axis=1) - 1).tolist()
    assert 0 < near.sum() - len(shapes) < 30
    touching = [[shapely.dwithin(a, b, 4.5) for a in each] for b, each in _pairs(shapes)]
    assert np.array(touching).sum() > near.sum()


def _pairs(shapes: list[str]) -> list[tuple[Any, Any]]:
    made = shapely.from_wkt(shapes)
    return [(each, made) for each in made]


@pytest.mark.parametrize("mode", MODES)
def test_k_counts_the_others(shared: Connection, mode: str) -> None:
    """Also among features in one place, of which each is a neighbour of the rest."""
    rows = [(i, float(i * i % 7), f"POINT({i // 4} 0)") for i in range(16)]
    run = hotspots(shared, add_table(shared, rows), neighbor_type="knn", k_neighbors=3, output_mode=mode)
    assert run.column("neighbors") == [3] * 16
    values = np.array([row[1] for row in rows])
    total = values.reshape(4, 4).sum(axis=1).repeat(4) - 4 * values.mean()
    expected = total / (values.std() * math.sqrt((16 * 4 - 4**2) / 15))
    assert_allclose(run.column("gi_z"), expected, rtol=1e-12)


def test_the_result_tells_the_numbers(shared: Connection) -> None:
    rows = [(i, float(i * i % 11), f"POINT({i % 7} {i // 7})") for i in range(49)]
    rows.append((99, 50.0, "POINT(500 500)"))
    run = hotspots(shared, add_table(shared, rows), distance=1)
    values = np.array([row[1] for row in rows])
    counts, neighbors = run.counts, np.array(run.column("neighbors"))
    assert counts["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert counts["s"] == pytest.approx(values.std(), rel=1e-12)
    assert counts["neighbors"] == {"min": 0, "mean": pytest.approx(neighbors.mean()), "max": 4}
    assert (counts["distance"], counts["distance_unit"], counts["n"]) == (1, "dataset", 50)
    told = run.column("hotspot_class")
    assert counts["classes"] == {name: told.count(name) for name in counts["classes"]}
    assert len(counts["classes"]) == 7
    assert sum(counts["classes"].values()) == 50


def test_who_has_no_score_has_no_pseudo_p(shared: Connection) -> None:
    """esda gives islands the smallest p there is; one next to all others has no draws either."""
    rows = [(i, float(i * i % 11), f"POINT({2 * i} 0)") for i in range(9)]
    rows += [(50, 100.0, "POINT(500 0)"), (51, -100.0, "POINT(-500 0)")]
    run = hotspots(shared, add_table(shared, rows), distance=2, permutations=999, correction="fdr")
    last = run.rows()[-2:]
    for name in ("gi_z", "gi_p", "gi_p_perm", "gi_p_adjusted", "gi_bin"):
        assert [row[name] for row in last] == [None, None], name
    full = hotspots(shared, add_table(shared, rows[:9]), distance=8, permutations=999)
    by_id = {row["id"]: row for row in full.rows()}
    assert by_id[4]["neighbors"] == 8
    assert [by_id[4][name] for name in ("gi_z", "gi_p_perm")] == [None, None]
    assert by_id[0]["gi_p_perm"] is not None
