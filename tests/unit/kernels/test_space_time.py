"""Each series has one category: by hand, against the rules as sentences, and in the mirror."""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrew.kernels.arrays import Floats
from geocrew.kernels.mann_kendall import mann_kendall
from geocrew.kernels.significance import bins_by_z
from geocrew.kernels.space_time import KINDS, find_patterns

HOT = {"+": 3, "-": -1, ".": 0}
# Bins from the oldest to the latest (+ hot, - cold, . neither, _ missing), trend, category.
BY_HAND = [
    ("..........", 0, "none"),
    (".........+", 0, "new"),
    (".........+", 1, "new"),
    ("........++", 1, "consecutive"),
    (".+++++++++", 0, "persistent"),
    ("..++++++++", 0, "consecutive"),
    ("..++++++++", 1, "consecutive"),
    ("++++++++++", 1, "intensifying"),
    ("++++++++++", 0, "persistent"),
    ("++++++++++", -1, "diminishing"),
    ("+++++.++++", 1, "intensifying"),
    ("-+++++++++", 0, "persistent"),
    ("+.+.+.+..+", 0, "sporadic"),
    ("+........+", 0, "sporadic"),
    ("+++++++..+", 1, "sporadic"),
    (".........-+", 0, "oscillating"),
    ("-........+", 0, "oscillating"),
    ("-.......++", 1, "oscillating"),
    ("+++-++++.+", 0, "oscillating"),
    ("+++++++++.", 0, "historical"),
    ("+++++++++.", 1, "historical"),
    ("+++++++++.", -1, "historical"),
    ("++++++++..", 0, "none"),
    (".+......-.", 0, "none"),
    ("+........._", 0, "none"),
    # Missing bins are left out, and T is what remains.
    ("_________+", 0, "new"),
    ("+_+_+_+_+", 0, "persistent"),
    ("+_+_+_+_.", 0, "none"),
    ("+++++++++_.", 0, "historical"),
    (".+_+", 0, "consecutive"),
    (".........+_", 0, "new"),
    ("", 0, "none"),
    # 0.9 T in whole numbers.
    ("." + "+" * 9, 0, "persistent"),
    ("." * 2 + "+" * 18, 0, "persistent"),
    ("." * 3 + "+" * 17, 0, "consecutive"),
    ("." * 7 + "+" * 63, 0, "persistent"),
]


def codes(series: list[str], trends: list[int], side: int = 1) -> list[int]:
    text = "".join(series)
    z = np.array([np.nan if each == "_" else 0.0 for each in text])
    bins = np.array([side * HOT.get(each, 2) for each in text], np.int16)
    offsets = np.cumsum([0, *map(len, series)])
    found = find_patterns(z, bins, offsets, side * np.array(trends, np.int16))
    return [int(code) for code in found]


@pytest.mark.parametrize(("series", "trend", "kind"), BY_HAND)
def test_by_hand(series: str, trend: int, kind: str) -> None:
    assert codes([series], [trend]) == [KINDS.index(kind)]
    assert codes([series], [trend], side=-1) == [-KINDS.index(kind)]


def test_all_seventeen_are_made_by_hand() -> None:
    assert {kind for _, _, kind in BY_HAND} == set(KINDS)
    assert len({side * KINDS.index(kind) for _, _, kind in BY_HAND for side in (1, -1)}) == 17


def test_many_series_at_once() -> None:
    series, trends, kinds = zip(*BY_HAND, strict=True)
    assert codes(list(series), list(trends)) == [KINDS.index(kind) for kind in kinds]


def test_nine_hot_and_then_cold_is_an_oscillating_cold_spot() -> None:
    for trend in (-1, 0, 1):
        assert codes(["+++++++++-"], [trend]) == [-KINDS.index("oscillating")]


# The rules for hot as sentences of their own, each with what the documented order puts before it.
def rules(seen: str, trend: int) -> Iterator[str]:
    hot, cold, latest = seen.count("+"), seen.count("-"), seen[-1:]
    most = hot * 10 >= 9 * len(seen)
    yield from ["new"] * (latest == "+" and hot == 1 and not cold)
    often = latest == "+" and most and hot > 1
    yield from ["intensifying"] * (often and trend > 0)
    yield from ["persistent"] * (often and trend == 0)
    yield from ["diminishing"] * (often and trend < 0)
    yield from ["oscillating"] * (latest == "+" and not most and cold > 0)
    pure = latest == "+" and not most and not cold and hot > 1
    yield from ["consecutive"] * (pure and "+" * hot in seen)
    yield from ["sporadic"] * (pure and "+" * hot not in seen)
    yield from ["historical"] * (latest == "." and most)


def test_each_series_up_to_nine_bins_has_exactly_one_category() -> None:
    mirror = str.maketrans("+-", "-+")
    every = [
        (("".join(s)), trend)
        for n in range(1, 10)
        for s in product("+-.", repeat=n)
        for trend in (-1, 0, 1)
    ]
    found = codes([series for series, _ in every], [trend for _, trend in every])
    for (series, trend), code in zip(every, found, strict=True):
        expected = [KINDS.index(kind) for kind in rules(series, trend)]
        expected += [-KINDS.index(kind) for kind in rules(series.translate(mirror), -trend)]
        assert len(expected) <= 1, (series, trend)
        assert [code] == (expected or [0]), (series, trend)


scores = st.lists(st.one_of(st.floats(-4, 4), st.just(float("nan"))), max_size=40)


def drift(step: float) -> Callable[[list[float]], list[float]]:
    return lambda series: [min(4.0, max(-4.0, x + step * i)) for i, x in enumerate(series)]


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.one_of(scores, scores.map(drift(0.1)), scores.map(drift(-0.1))), max_size=6))
def test_the_mirror_of_a_series_is_the_mirror_of_its_category(series: list[list[float]]) -> None:
    z = np.array([x for one in series for x in one])
    offsets = np.cumsum([0, *map(len, series)])

    def classify(scores: Floats) -> list[int]:
        trends = bins_by_z(mann_kendall(scores, offsets).z)
        return [int(code) for code in find_patterns(scores, bins_by_z(scores), offsets, trends)]

    found = classify(z)
    assert classify(-z) == [-code for code in found]
    assert all(abs(code) < len(KINDS) for code in found)
    assert len(found) == len(series)
