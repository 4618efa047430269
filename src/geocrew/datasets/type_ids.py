"""Shapely's numbers of the types of shapes, by what is done with them."""

SINGLE = (0, 1, 3)  # Point, LineString and Polygon
POLYGONS = (3, 6)  # Polygon and MultiPolygon
COLLECTION = 7  # GeometryCollection
