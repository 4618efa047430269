"""Datasets of polygons: those of libpysal's examples, and a board with a hole and an island."""

import shapely
from tests.integration.analyses.layers import add_table
from tests.libpysal_examples import example

from geocrew.db import Connection


def add_example(
    connection: Connection, name: str, field: str, *, srid: int = 27700, table: str = "example"
) -> int:
    """Make a dataset of an example, rows in its order, `field` as value."""
    frame = example(name)
    rows = zip(range(1, len(frame) + 1), frame[field].astype(float), frame.geometry, strict=True)
    return add_table(
        connection,
        [(key, value, shapely.to_wkt(shape, rounding_precision=17)) for key, value, shape in rows],
        table=table,
        srid=srid,
    )


def square(x: float, y: float, size: float = 1.0) -> str:
    """Write a square as WKT."""
    return f"(({x} {y}, {x + size} {y}, {x + size} {y + size}, {x} {y + size}, {x} {y}))"


def board(width: int, height: int) -> list[tuple[int, float, str]]:
    """Squares row by row, with values that vary, and two more far off, of which one has two parts."""
    rows = [
        (i + 1, float((i * i * 7) % 11), "POLYGON" + square(i % width, i // width))
        for i in range(width * height)
    ]
    parts = f"MULTIPOLYGON({square(100, 100)}, {square(width, 0)})"
    return [*rows, (1000, 4.0, "POLYGON" + square(200, 200)), (1001, 8.0, parts)]
