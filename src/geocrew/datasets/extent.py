"""The box around shapes, some of which may be points that are nowhere."""

from psycopg import sql


def extent(shape: sql.Composable) -> sql.Composed:
    """Return the aggregate that is the box around all shapes but points with no finite coordinates.

    One of those makes ST_Extent forget what it has seen, and no JSON, so no job's result, holds a NaN.
    """
    return sql.SQL(
        "ST_Extent({0}) FILTER (WHERE rtrim(GeometryType({0}), 'M') NOT IN ('POINT', 'MULTIPOINT')"
        " OR (ST_XMin({0}) > '-Infinity' AND ST_XMax({0}) < 'Infinity'"
        " AND ST_YMin({0}) > '-Infinity' AND ST_YMax({0}) < 'Infinity'))"
    ).format(shape)
