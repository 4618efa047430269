"""The nearest places in degrees: every pair measured, sorted by millimetre and rank."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrew.kernels.ellipsoid import geodesic
from geocrew.kernels.join_geodesic import find_nearest_places, plant_places

Pairs = list[tuple[int, int, int]]

SPREADS: dict[str, Any] = {
    "near": (st.floats(-0.01, 0.01), st.floats(46, 46.01)),
    "grid": (st.integers(-3, 3), st.integers(-3, 3)),
    "spots": (st.sampled_from([7.0, 7.001]), st.sampled_from([-0.0, 0.0, 0.001])),
    "antimeridian": (st.sampled_from([-180.0, 180.0, 179.99, -179.99, 179.5]), st.floats(-1, 1)),
    "pole": (st.integers(-180, 180), st.floats(88, 90)),
    "anywhere": (st.floats(-180, 180), st.floats(-90, 90)),
}


def all_pairs(
    lon: Any, lat: Any, to_lon: Any, to_lat: Any, k: int, reach: float, itself: Any
) -> dict[int, Pairs]:
    """The nearest of each point: (row, place, rank)."""
    found = {}
    for row in range(lon.size):
        here = np.full(to_lon.size, lon[row]), np.full(to_lon.size, lat[row])
        metres = geodesic(*here, to_lon, to_lat)
        order = np.lexsort((np.arange(to_lon.size), np.round(metres, 3)))
        order = order[(metres[order] <= reach) & (True if itself is None else order != itself[row])]
        found[row] = [(row, place, int(rank)) for place, rank in enumerate(order[:k])]
    return found


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("same", [False, True])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), k=st.integers(1, 5), reach=st.sampled_from([np.inf, np.inf, 0.0, 500.0, 2e5]))
def test_equals_brute_force(spread: str, same: bool, data: Any, k: int, reach: float) -> None:
    """Of all that is not left in doubt."""
    places = st.lists(st.tuples(*SPREADS[spread]), min_size=1, max_size=30)
    to_lon, to_lat = np.array(data.draw(places), float).T
    lon, lat = (to_lon, to_lat) if same else np.array(data.draw(places), float).T
    itself = np.arange(lon.size) if same else None
    found = find_nearest_places(plant_places(to_lon, to_lat), lon, lat, k, reach, itself)
    expected = all_pairs(lon, lat, to_lon, to_lat, k, reach, itself)
    sure = [each for row in np.flatnonzero(~found.doubtful) for each in expected[int(row)]]
    assert list(zip(found.rows, found.places, found.ranks, strict=True)) == sure
    at = geodesic(lon[found.rows], lat[found.rows], to_lon[found.ranks], to_lat[found.ranks])
    assert np.abs(at - found.metres).max(initial=0.0) < 2e-8


def test_hardly_any_are_left_in_doubt() -> None:
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(-180, 180, 20_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000)))
    places = plant_places(lon[10_000:], lat[10_000:])
    for k in (1, 5):
        found = find_nearest_places(places, lon[:10_000], lat[:10_000], k, np.inf, None)
        assert found.doubtful.sum() < 50
        assert found.rows.size == k * (~found.doubtful).sum()


def test_what_rounds_either_way_or_ends_at_the_reach_is_in_doubt() -> None:
    lon, lat = np.array([0.0]), np.array([0.0])
    to_lon = np.array([1e-4, 2.0, 3.0, 4.0])
    metres = float(geodesic(lon, lat, to_lon[:1], lat)[0])
    half = to_lon * (round(metres, 3) + 0.0005) / metres
    for places, reach in ((to_lon, metres), (half, np.inf)):
        planted = plant_places(places, np.zeros(4))
        assert find_nearest_places(planted, lon, lat, 1, reach, None).doubtful.all()
    planted = plant_places(to_lon, np.zeros(4))
    assert not find_nearest_places(planted, lon, lat, 1, metres + 1e-5, None).doubtful.any()


def test_the_nearest_may_have_a_longer_chord() -> None:
    """Across the Earth a way over a pole is shorter: three others have shorter chords."""
    to_lon = [179.52, 179.45, 179.71, 179.54, 179.95, 179.19, 179.09, 179.25, 179.5, 179.16]
    to_lat = [0.32, -0.21, 0.43, -0.6, 0.16, -0.24, 0.15, -0.3, -0.35, 0.15]
    here = np.zeros(1)
    far = geodesic(np.zeros(10), np.zeros(10), np.array(to_lon), np.array(to_lat))
    assert far.argmin() == 3
    places = plant_places(np.array(to_lon), np.array(to_lat))
    assert find_nearest_places(places, here, here, 1, np.inf, None).doubtful.all()


@pytest.mark.parametrize("same", [False, True])
def test_points_on_one_spot_are_one_place(same: bool) -> None:
    """Each measured from each, they would take a minute and 10 GB."""
    spot = np.full(20_000, 7.5)
    itself = np.arange(spot.size) if same else None
    found = find_nearest_places(plant_places(spot, spot), spot, spot, 1, np.inf, itself)
    assert (found.ranks == (np.arange(spot.size) == 0 if same else 0)).all()
    assert found.rows.size == spot.size
