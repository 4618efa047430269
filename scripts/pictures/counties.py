"""The map that most pictures share: the counties of the 48 states that touch each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.pictures.colours import BORDER, LINE, OTHER
from scripts.pictures.drawing import HEADER, MARGIN, WIDTH, Drawing, group, path
from scripts.pictures.rows import ALBERS, read_rows
from scripts.pictures.shapes import UNIT, Frame, edges, extent_of, fit, merge, simplify
from shapely import Geometry
from tests.examples import DEMO_IDS

from geocrew.db import Connection

SOURCE = (
    "US Census Bureau boundaries; Bureau of Labor Statistics, LAUS 2009. Not shown: Alaska and Hawaii."
)
# About a pixel of a map 660 pixels wide, in metres.
_TOLERANCE = 8000


@dataclass(frozen=True)
class Counties:
    """Shapes by county, simplified together, and by state."""

    shapes: Mapping[int, Geometry]
    state_of: Mapping[int, str]
    states: Mapping[str, Geometry]


def read_counties(connection: Connection) -> Counties:
    """Read the demo data's counties."""
    table = f"spatial_data_{DEMO_IDS['us_counties_2009']}"
    rows = [row for row in read_rows(connection, table, ALBERS) if row["state"] not in ("AK", "HI")]
    shapes = simplify([row["geom"] for row in rows], _TOLERANCE)
    members: dict[str, list[Geometry]] = {}
    for row, shape in zip(rows, shapes, strict=True):
        members.setdefault(row["state"], []).append(shape)
    return Counties(
        {row["id"]: shape for row, shape in zip(rows, shapes, strict=True)},
        {row["id"]: row["state"] for row in rows},
        {state: merge(parts) for state, parts in members.items()},
    )


def draw_counties(
    title: str, description: str, counties: Counties, fills: Mapping[int, str], border: str = BORDER
) -> tuple[Drawing, Frame]:
    """Draw each county in its colour, those without one in grey, and the borders of the states."""
    frame = whole_frame(counties)
    drawing = Drawing(title, description, frame.height, SOURCE)
    by_fill: dict[str, list[Geometry]] = {}
    for number, shape in counties.shapes.items():
        by_fill.setdefault(fills.get(number, OTHER), []).append(shape)
    drawing.add(fill_shapes(frame, by_fill), outline(frame, list(counties.states.values()), border))
    return drawing, frame


def whole_frame(counties: Counties) -> Frame:
    """Return the frame that shows all of them."""
    extent = extent_of(counties.states.values())
    return fit(extent, MARGIN, HEADER, WIDTH - 2 * MARGIN)


def fill_shapes(frame: Frame, by_fill: Mapping[str, Sequence[Geometry]], width: int = 3) -> str:
    """Return one path for each colour, with thin lines between shapes."""
    paths = [path(frame.path(by_fill[fill]), fill=fill) for fill in sorted(by_fill)]
    return group(paths, **_lines(LINE, width))


def outline(frame: Frame, shapes: Sequence[Geometry], colour: str = BORDER, width: int = 7) -> str:
    """Return the edges of shapes."""
    return path(frame.path([edges(shapes)]), fill="none", **_lines(colour, width))


def _lines(colour: str, width: int) -> dict[str, str]:
    """Return the style of lines in the units of a frame's paths."""
    scaled = {"stroke_width": f"{width / UNIT:g}", "transform": f"scale({UNIT})"}
    return {"stroke": colour, "stroke_linejoin": "round", **scaled}
