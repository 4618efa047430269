"""Column names: properties over any list."""

from hypothesis import given
from hypothesis import strategies as st

from geocrew.datasets.names import unique

TEXTS = st.lists(
    st.text(max_size=80) | st.sampled_from(["id", "id_1", "geom", "", "a" * 64, "xmin", "\ud800"])
)


@given(TEXTS)
def test_all_differ_and_fit(names: list[str]) -> None:
    found = unique(names, ("id", "geom"))
    assert len(found) == len(names)
    assert len({*found, "id", "geom"}) == len(names) + 2
    assert all(0 < len(each.encode()) <= 63 and "\0" not in each for each in found)


@given(TEXTS)
def test_good_names_stay_and_the_result_is_stable(names: list[str]) -> None:
    found = unique(names, ("id", "geom"))
    assert unique(found, ("id", "geom")) == found


def test_suffixes_count_from_one() -> None:
    assert unique(["a", "a", "id", "a" * 63, "a" * 64, ""], ("id",)) == [
        "a",
        "a_1",
        "id_1",
        "a" * 63,
        "a" * 61 + "_1",
        "column_6",
    ]
