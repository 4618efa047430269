"""GeoJSON in parameters: what is refused, in which words, and what it becomes."""

import json
import math
from typing import Any

import pytest
import shapely
from pydantic import BaseModel, ValidationError

from geocrew.datasets import geojson
from geocrew.datasets.geojson import ClipGeometry, parse_clip_geometry
from geocrew.errors import InvalidParameters

SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]


class Model(BaseModel):
    clip_geometry: ClipGeometry


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def feature(geometry: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"a": 1}, "geometry": geometry}


def parsed(value: dict[str, Any]) -> Any:
    return parse_clip_geometry(Model(clip_geometry=value).clip_geometry)


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


@pytest.mark.parametrize(
    "value",
    [
        polygon(SQUARE),
        polygon([[*place, 7.5] for place in SQUARE]),
        {"type": "MultiPolygon", "coordinates": [[SQUARE]], "bbox": [0, 0, 1, 1]},
        feature(polygon(SQUARE)),
        feature({"type": "MultiPolygon", "coordinates": [[SQUARE]]}),
        {"type": "FeatureCollection", "features": [feature(polygon(SQUARE))] * 2},
        polygon(SQUARE[::-1]),
        json.loads(json.dumps(polygon(SQUARE))),
    ],
)
def test_every_kind_becomes_one_valid_multipolygon(value: dict[str, Any]) -> None:
    shape = parsed(value)
    assert (shape.geom_type, shape.is_valid, shape.has_z) == ("MultiPolygon", True, False)
    assert shapely.equals(shape, shapely.box(0, 0, 1, 1))


@pytest.mark.parametrize(
    ("value", "place", "message", "found"),
    [
        (polygon(SQUARE[:-1]), "coordinates.0.3", "must close the ring", [0, 1]),
        (polygon(SQUARE[:3]), "coordinates.0", "at least 4 positions", "an array of 3"),
        (polygon(SQUARE, SQUARE[:2]), "coordinates.1", "at least 4 positions", "an array of 2"),
        (polygon([[0, 0], [1, math.nan], [1, 1], [0, 0]]), "coordinates.0.1", "finite numbers", None),
        (polygon([[0, 0], [1, math.inf], [1, 1], [0, 0]]), "coordinates.0.1", "finite", [1, math.inf]),
        (polygon([[0, 0], [1, 10**400], [1, 1], [0, 0]]), "coordinates.0.1", "finite", [1, 10**400]),
        (polygon([[0, 0], [1, 0, math.inf], [1, 1], [0, 0]]), "coordinates.0.1", "finite", None),
        (polygon([[0, 0], [1, 0, 5], [1, 1, math.nan], [0, 0]]), "coordinates.0.2", "finite", None),
        (polygon([[0, 0], [1, 0, 10**400], [1, 1], [0, 0]]), "coordinates.0.1", "finite", None),
        (polygon([[0, 0], [1, "2"], [1, 1], [0, 0]]), "coordinates.0.1", "position", [1, "2"]),
        (polygon([[0, 0], [1, True], [1, 1], [0, 0]]), "coordinates.0.1", "position", [1, True]),
        (polygon([[0, 0], [1, None], [1, 1], [0, 0]]), "coordinates.0.1", "position", [1, None]),
        (polygon([[0, 0], [1], [1, 1], [0, 0]]), "coordinates.0.1", "position", [1]),
        (polygon([[0, 0], 5, [1, 1], [0, 0]]), "coordinates.0.1", "position", 5),
        (polygon(box(0, 0, 1, 91)), "coordinates.0.2", "latitude (-90 to 90)", [1, 91]),
        (polygon(box(0, 0, 4e5, 1)), "coordinates.0.1", "longitude (-360 to 360)", [4e5, 0]),
        (polygon([[0, 80], [90, 80], [180, 80], [-90, 80], [0, 80]]), "coordinates.0", "pole", None),
        (polygon(), "coordinates", "non-empty array of rings", []),
        ({"type": "Polygon"}, "coordinates", "non-empty array of rings", None),
        ({"type": "MultiPolygon", "coordinates": [[]]}, "coordinates.0", "non-empty array", None),
        ({"type": "Point", "coordinates": [1, 2]}, "", "GeoJSON Polygon, MultiPolygon", "a Point"),
        ({"type": ["Polygon"]}, "", "GeoJSON Polygon, MultiPolygon", None),
        ({}, "", "GeoJSON Polygon, MultiPolygon, Feature or FeatureCollection", None),
        (feature(None), "geometry", "Polygon or MultiPolygon", None),
        (feature(feature(polygon(SQUARE))), "geometry", "Polygon or MultiPolygon", "a Feature"),
        ({"type": "FeatureCollection", "features": []}, "features", "non-empty array of features", None),
        (
            {"type": "FeatureCollection", "features": [feature(polygon(SQUARE)), polygon(SQUARE)]},
            "features.1",
            "must be a GeoJSON Feature",
            None,
        ),
        (
            {"type": "FeatureCollection", "features": [feature(polygon(SQUARE[:3]))]},
            "features.0.geometry.coordinates.0",
            "at least 4 positions",
            None,
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_place(
    value: dict[str, Any], place: str, message: str, found: Any
) -> None:
    with pytest.raises(ValidationError) as caught:
        Model(clip_geometry=value)
    (error,) = caught.value.errors()
    assert ".".join(str(each) for each in error["loc"]) == f"clip_geometry.{place}".rstrip(".")
    assert message in error["msg"]
    assert found is None or error["input"] == found


def test_mistakes_are_told_together_and_at_most_ten() -> None:
    wrong = {"type": "MultiPolygon", "coordinates": [[SQUARE[:3]], [SQUARE], [SQUARE[:-1]]]}
    with pytest.raises(ValidationError) as caught:
        Model(clip_geometry=wrong)
    assert [error["loc"][2] for error in caught.value.errors()] == [0, 2]
    many = {"type": "MultiPolygon", "coordinates": [[SQUARE[:3]]] * 30}
    with pytest.raises(ValidationError) as caught:
        Model(clip_geometry=many)
    assert caught.value.error_count() == 10


def test_size_and_depth_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    with pytest.raises(ValidationError, match="at least 4 positions"):
        Model(clip_geometry={"type": "Polygon", "coordinates": deep})
    monkeypatch.setattr(geojson, "MAX_POSITIONS", 9)
    Model(clip_geometry=polygon(SQUARE))
    with pytest.raises(ValidationError, match="at most 9 positions"):
        Model(clip_geometry={"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]})


@pytest.mark.parametrize(
    "value",
    [
        polygon([[0, 0], [1, 1], [2, 2], [0, 0]]),
        polygon([[5, 5]] * 4),
        polygon([[0, 0], [1, 0], [1, 1], [1, 0], [0, 0]]),
        polygon([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3], [0.1, 0.1]]),
        polygon([[179, 0], [-179, 2], [-179, 2], [179, 0]]),
        polygon(SQUARE, SQUARE),
        {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [2, 0], [0, 0]]]] * 2},
        feature(polygon([[0, 0], [0, 1], [0, 2], [0, 0]])),
    ],
)
def test_a_shape_without_area_is_refused_when_submitted(value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="clip_geometry\n  must enclose an area"):
        Model(clip_geometry=value)
    with pytest.raises(InvalidParameters, match="clip_geometry must enclose an area"):
        parse_clip_geometry(value)


def test_what_has_an_area_beside_what_has_none_is_taken() -> None:
    flat = [[[0, 0], [1, 0], [2, 0], [0, 0]]]
    value = {"type": "MultiPolygon", "coordinates": [flat, [SQUARE], flat]}
    assert shapely.equals(parsed(value), shapely.box(0, 0, 1, 1))
    assert parsed(polygon(box(0, 0, 1e-7, 1e-7))).area == pytest.approx(1e-14)


def test_bow_ties_and_overlaps_are_mended_by_structure() -> None:
    bow_tie = parsed(polygon([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]))
    assert bow_tie.is_valid
    assert bow_tie.area == pytest.approx(2)
    overlap = {"type": "MultiPolygon", "coordinates": [[box(0, 0, 2, 2)], [box(1, 1, 3, 3)]]}
    assert parsed(overlap).area == pytest.approx(7)


@pytest.mark.parametrize(
    ("ring", "parts"),
    [
        (box(170, 0, -170, 10), [(170, 0, 180, 10), (-180, 0, -170, 10)]),
        (box(170, 0, 190, 10), [(170, 0, 180, 10), (-180, 0, -170, 10)]),
        (box(-190, 0, -170, 10), [(170, 0, 180, 10), (-180, 0, -170, 10)]),
        (box(190, 0, 200, 10), [(-170, 0, -160, 10)]),
        (box(-180, -90, 180, 90), [(-180, -90, 180, 90)]),
        (box(0, -90, 360, 90), [(-180, -90, 180, 90)]),
        (box(-90, 0, 90, 10), [(-90, 0, 90, 10)]),
    ],
)
def test_rings_across_the_antimeridian(ring: Any, parts: list[Any]) -> None:
    expected = shapely.union_all([shapely.box(*each) for each in parts])
    assert shapely.equals(parsed(polygon(ring)), expected)


def test_holes_are_in_the_turn_of_their_shell() -> None:
    shell = box(170, 0, -170, 10)
    holes = [box(-179, 1, -178, 2), box(178, 1, 179, 2), box(179, 4, -179, 5)]
    shape = parsed(polygon(shell, *(hole[::-1] for hole in holes)))
    assert shape.area == pytest.approx(200 - 1 - 1 - 2)
    for lon, lat in [(-178.5, 1.5), (178.5, 1.5), (179.5, 4.5), (-179.5, 4.5)]:
        assert not shape.contains(shapely.Point(lon, lat))
    assert shape.contains(shapely.Point(-175, 1.5))


@pytest.mark.parametrize("hole", [box(200, 1, 201, 2), box(170, 1, 171, 2), box(-355, 1, -354, 2)])
def test_holes_outside_of_their_shell_are_within_one_turn(hole: Any) -> None:
    shape = parsed(polygon(box(-179, 0, -170, 10), hole[::-1]))
    west, _, east, _ = shape.bounds
    assert -180 <= west < east <= 180


def test_the_schema_says_that_it_is_a_shape() -> None:
    schema = Model.model_json_schema()["properties"]["clip_geometry"]
    assert (schema["type"], schema["format"], schema["shape"]) == ("object", "geojson", True)
