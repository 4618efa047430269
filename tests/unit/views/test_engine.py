"""Which functions a version of GEOS does not survive."""

import pytest

from geocrew.errors import InvalidParameters
from geocrew.views.engine import crashing_with
from geocrew.views.guard import guard
from geocrew.views.tables import Table


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("3.9.0-CAPI-1.16.2", True),
        ("3.11.1-CAPI-1.17.1", False),
        ("3.11.3-CAPI-1.17.3", False),
        ("3.11.4-CAPI-1.17.4", True),
        ("3.12.0beta1-CAPI-1.18.0", True),
        ("3.14.1-CAPI-1.20.5", True),
    ],
)
def test_versions(version: str, safe: bool) -> None:
    assert (crashing_with(version) == frozenset()) == safe


def test_query_is_refused_with_the_reason() -> None:
    table = Table(1, "public", "spatial_data_1", 1, ("id", "geom"))
    query = "SELECT id, ST_PointOnSurface(geom) AS geom FROM spatial_data_1"
    with pytest.raises(InvalidParameters, match=r"function st_pointonsurface can crash this server"):
        guard(query, lambda *_: table, "public", crashing_with("3.11.1-CAPI-1.17.1"))
    passed = guard(query, lambda *_: table, "public", crashing_with("3.12.0-CAPI-1.18.0"))
    assert "st_pointonsurface" in passed.text
