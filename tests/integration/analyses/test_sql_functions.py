"""The functions that the defining SELECTs lean on, against scipy, pyproj and Python."""

import json
import math

import numpy as np
import pyproj
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from psycopg.types.json import Jsonb
from scipy.special import erfc

from geocrew.db import Connection
from geocrew.kernels.significance import CUTOFFS


def test_two_sided_p(shared: Connection) -> None:
    z = np.concatenate(
        (
            np.linspace(-37, 37, 20_001),
            np.geomspace(1e-100, 37, 500),
            CUTOFFS,
            [0.46875 * 2**0.5, 4 * 2**0.5],
        )
    )
    rows = shared.execute("SELECT geocrew.two_sided_p(z) FROM unnest(%s::float8[]) AS z", (z.tolist(),))
    assert_allclose([row[0] for row in rows], erfc(np.abs(z) / np.sqrt(2)), rtol=1e-12)
    ends = "SELECT geocrew.two_sided_p(z) FROM unnest('{0, 1e-300, 40, -1e300, NULL}'::float8[]) AS z"
    assert [row[0] for row in shared.execute(ends)] == [1.0, 1.0, 0.0, 0.0, None]


def place_in_boxes(
    connection: Connection, place: list[float], metres: float, others: list[list[float]]
) -> list[bool]:
    query = (
        "SELECT o && b.here OR o && b.west OR o && b.east"
        " FROM geocrew.boxes_around(ST_Point(%s, %s, 4326), %s) AS b,"
        " unnest(%s::float8[], %s::float8[]) WITH ORDINALITY AS u (lon, lat, n),"
        " ST_Point(u.lon, u.lat, 4326) AS o ORDER BY n"
    )
    lon, lat = zip(*others, strict=True)
    rows = connection.execute(query, (*place, metres, list(lon), list(lat)))
    return [row[0] for row in rows]


@pytest.mark.parametrize("lon", [-180.0, -179.9, 0.0, 45.0, 179.99, 180.0])
@pytest.mark.parametrize("lat", [-90.0, -89.9, -60.0, 0.0, 45.0, 80.0, 89.0, 90.0])
def test_boxes_hold_every_place_within_reach(shared: Connection, lon: float, lat: float) -> None:
    """Places on circles of nine tenths, and just inside, of the reach, in all directions."""
    geod = pyproj.Geod(ellps="WGS84")
    azimuths = np.linspace(0, 360, 72, endpoint=False)
    for metres in (0.001, 1.0, 1000.0, 250_000.0, 3_000_000.0, 9_000_000.0, 19_000_000.0):
        others = []
        for share in (0.9, 1 - 1e-9):
            ends = geod.fwd(np.full(72, lon), np.full(72, lat), azimuths, np.full(72, metres * share))
            others += [[x, y] for x, y in zip(ends[0], ends[1], strict=True)]
        assert all(place_in_boxes(shared, [lon, lat], metres, others)), metres


def test_boxes_leave_out_what_is_far(shared: Connection) -> None:
    far = [[12.0, 50.0], [10.0, 52.0], [-170.0, 50.0], [10.0, -50.0]]
    assert place_in_boxes(shared, [10.0, 50.0], 50_000.0, far) == [False] * 4


def expected_number(value: object) -> float | None:
    """Python's float of a JSON number or string, None where it is none, or none that float8 holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and any(each in value.lower() for each in ("n", "_")):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


CORPUS = (
    "1 -1 +1 0 -0 1.5 .5 5. -.5e3 1e5 1E5 1e+5 1e-5 1e308 -1e308 1e309 1e400 1e-400 007 1.0e0",
    "12345678901234567890 1,5 1.2.3 1e 1e5.5 e5 . + - -- 1- NaN nan inf Infinity -inf 0x10 1_000",
    "½ 1/2 $5 5% 1d 1f \u0661 true null",
)


@pytest.mark.parametrize(
    "text", [*" ".join(CORPUS).split(), "", " ", " 1 ", "\t1\n", "1 2", "1\u00a0", "9" * 310, "x" * 400]
)
def test_text_as_a_number(shared: Connection, text: str) -> None:
    row = shared.execute("SELECT geocrew.to_number(%s)", (Jsonb(text),)).fetchone()
    expected = expected_number(text) if text.isascii() else None
    assert row == (expected,)


@pytest.mark.parametrize(
    "value", [0, 1, -1.5, 1e22, 1e-7, 10**18, True, False, None, [], [1], {}, {"a": 1}]
)
def test_json_as_a_number(shared: Connection, value: object) -> None:
    row = shared.execute("SELECT geocrew.to_number(%s)", (Jsonb(value),)).fetchone()
    assert row == (expected_number(value),)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.floats(-1e307, 1e307).filter(lambda x: x == 0 or abs(x) > 1e-306)
        | st.text("0123456789+-.eE ", max_size=9),
        min_size=1,
    )
)
def test_any_number_or_text(shared: Connection, values: list[float | str]) -> None:
    query = (
        "SELECT geocrew.to_number(v) FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS e (v, n)"
        " ORDER BY n"
    )
    rows = shared.execute(query, (json.dumps(values),)).fetchall()
    for value, (number,) in zip(values, rows, strict=True):
        expected = expected_number(value)
        # An exponent of four digits is no number here, whatever its mantissa.
        if (
            isinstance(value, str)
            and number is None
            and len(value.strip().lower().partition("e")[2]) > 3
        ):
            continue
        assert number == (0.0 if expected is not None and abs(expected) < 2.3e-308 else expected), value
