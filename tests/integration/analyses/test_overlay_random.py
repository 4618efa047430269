"""clip and erase of random shapes on a small grid: a view is the table, whatever the order of rows."""

import random
from typing import Any

import shapely
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.overlay_cases import BOTH, assert_right, measured, wkb_of
from tests.run_analysis import Run

from geocrew.db import Connection

SIZE = 4  # Few places, so that shapes touch and borders coincide.
CASES = 12
KINDS = ("point", "line", "polygon", "multipoint", "collection")


def place(draw: random.Random) -> tuple[int, int]:
    return draw.randrange(SIZE + 1), draw.randrange(SIZE + 1)


def shape_of(draw: random.Random, kind: str) -> Any:
    """A shape whose edges run along the grid or its diagonals, so that every crossing is exact."""
    x, y = draw.randrange(SIZE), draw.randrange(SIZE)
    wide, tall = draw.randint(1, SIZE - x), draw.randint(1, SIZE - y)
    if kind == "polygon":
        least = min(wide, tall)
        corner = shapely.Polygon([(x, y), (x + least, y), (x, y + least)])
        return draw.choice([shapely.box(x, y, x + wide, y + tall), corner])
    if kind == "line":
        return shapely.LineString([(x, y), (x + wide, y), (x + wide, y + tall)])
    if kind == "collection":
        kinds = draw.choices(KINDS, k=draw.randint(1, 3))
        return shapely.GeometryCollection([shape_of(draw, each) for each in kinds])
    if kind == "multipoint":
        return shapely.MultiPoint([place(draw) for _ in range(3)])
    return shapely.Point(place(draw))


def rows_of(draw: random.Random, kinds: tuple[str, ...], count: int) -> list[tuple[int, float, Any]]:
    shapes = [shape_of(draw, draw.choice(kinds)) for _ in range(count)]
    return [(key, 0.0, shape.wkt) for key, shape in enumerate(shapes)]


def parts_of(shape: Any) -> list[Any]:
    if shapely.get_type_id(shape) < 4:
        return [shape]
    return [part for each in shapely.get_parts(shape) for part in parts_of(each)]


def described(run: Run) -> dict[Any, tuple[str, list[float]]]:
    """Type and measure by dimension of every shape, by source."""
    found = {}
    for key, wkb in wkb_of(run).items():
        shape = shapely.from_wkb(wkb)
        parts = [[p for p in parts_of(shape) if shapely.get_dimensions(p) == d] for d in range(3)]
        found[key] = (shape.geom_type, [round(sum(map(measured, each)), 9) for each in parts])
    return found


@BOTH
def test_random_shapes(connection: Connection, operation: Any) -> None:
    for seed in range(CASES):
        draw = random.Random(seed)
        kinds = draw.choice([KINDS, ("polygon",), ("line",), ("point", "multipoint")])
        rows = rows_of(draw, kinds, 12)
        masks = rows_of(draw, ("polygon",), 4)
        dataset = add_table(connection, rows, table="features")
        mask = add_table(connection, masks, table="masks")
        static = operation(connection, dataset, mask)
        assert_right(static, len(rows))
        view = operation(connection, dataset, mask, output_mode="view")
        assert_right(view, len(rows))
        assert described(view) == described(static), seed
        assert view.counts | {"notes": []} == static.counts | {"notes": []}, seed
        draw.shuffle(rows)
        draw.shuffle(masks)
        dataset = add_table(connection, rows, table="features")
        mask = add_table(connection, masks, table="masks")
        assert wkb_of(operation(connection, dataset, mask)) == wkb_of(static), seed
