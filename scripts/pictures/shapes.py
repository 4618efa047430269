"""Shapes on paper: simplified together, placed in a frame, written as the data of SVG paths."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from shapely import Geometry

# Paths are written in this many tenths of a pixel: what is finer costs bytes and is not seen.
UNIT = 4


@dataclass(frozen=True)
class Frame:
    """Maps plane coordinates to tenths of a pixel; (x, y) is its upper left corner."""

    west: float
    north: float
    scale: float
    x: int
    y: int
    height: int

    def place(self, point: Sequence[float]) -> tuple[int, int]:
        """Return where a point stands."""
        right, down = (point[0] - self.west) * self.scale, (self.north - point[1]) * self.scale
        return self.x + round(right), self.y + round(down)

    def path(self, shapes: Iterable[Geometry | None]) -> str:
        """Return the data of one path for all of the shapes, in whole UNITs."""
        return "".join(
            self._part(part) for shape in shapes if shape is not None for part in _parts(shape)
        )

    def _part(self, line: Geometry) -> str:
        places = [self.place(point) for point in shapely.get_coordinates(line)]
        points = [(round(x / UNIT), round(y / UNIT)) for x, y in places]
        kept = [point for point, last in zip(points, [None, *points[:-1]], strict=True) if point != last]
        closed = line.geom_type == "LinearRing"
        if closed and len(kept) > 1:
            kept.pop()
        if len(kept) < (3 if closed else 2):
            return ""
        (x, y), steps = kept[0], []
        for (a, b), (c, d) in pairwise(kept):
            steps.append(f"{c - a} {d - b}")
        return f"M{x} {y}l{' '.join(steps)}{'z' if closed else ''}".replace(" -", "-")


def fit(extent: Sequence[float], x: int, y: int, width: int, height: int | None = None) -> Frame:
    """Return the frame that shows an extent (west, south, east, north) as large as there is room."""
    west, south, east, north = extent
    scale = width / (east - west)
    if height is not None:
        scale = min(scale, height / (north - south))
    left = x + (width - round((east - west) * scale)) // 2
    return Frame(west, north, scale, left, y, round((north - south) * scale))


def extent_of(shapes: Iterable[Geometry | None]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of shapes."""
    west, south, east, north = shapely.total_bounds(np.array(list(shapes), dtype=object))
    return float(west), float(south), float(east), float(north)


def simplify(shapes: Sequence[Geometry], tolerance: float) -> list[Geometry]:
    """Simplify polygons that share edges so that they go on sharing them."""
    return list(shapely.coverage_simplify(np.array(shapes, dtype=object), tolerance))


def edges(shapes: Sequence[Geometry]) -> Geometry:
    """Return the edges of polygons, each once though two of them share it."""
    return shapely.line_merge(shapely.union_all(shapely.boundary(np.array(shapes, dtype=object))))


def merge(shapes: Sequence[Geometry]) -> Geometry:
    """Return the union of polygons that share edges."""
    return shapely.coverage_union_all(np.array(shapes, dtype=object))


def _parts(shape: Geometry) -> Iterable[Geometry]:
    """Yield the lines and rings of a shape."""
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            yield part.exterior
            yield from part.interiors
        else:
            yield part
