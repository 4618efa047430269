"""The pattern of each state, and what it was made of: a small map for each decade."""

from collections import Counter

from scripts.pictures.colours import HOT_AND_COLD, PATTERNS
from scripts.pictures.counties import fill_shapes, outline
from scripts.pictures.drawing import HEADER, MARGIN, WIDTH, Drawing, Entry, label
from scripts.pictures.shapes import extent_of, fit, simplify
from scripts.pictures.stage import Stage
from shapely import Geometry
from tests.run_analysis import Run

_COLUMNS, _GAP, _CAPTION = 5, 120, 190
_SOURCE = "Bureau of Economic Analysis, per-capita income of 48 states, 1929 to 2009."


def draw_patterns(stage: Stage, run: Run) -> Drawing:
    """Draw a large map of patterns above small maps of classes."""
    rows = stage.rows(run)
    found: dict[str, str] = {row["state"]: row["pattern"] for row in rows}
    places = {row["state"]: row["geom"] for row in rows}
    shapes = dict(zip(places, simplify(list(places.values()), 8000), strict=True))
    coarse = dict(zip(places, simplify(list(places.values()), 25000), strict=True))
    frame = fit(extent_of(shapes.values()), MARGIN, HEADER, WIDTH - 2 * MARGIN)
    drawing = Drawing("Eighty years of rich and poor", "", 0, _SOURCE)
    drawing.description = (
        "Pattern of Gi* of income per head among the five nearest states; below, its class in each year"
    )
    drawing.add(fill_shapes(frame, _grouped(shapes, {each: PATTERNS[found[each]] for each in found})))
    drawing.add(outline(frame, list(shapes.values()), width=5))
    width = (WIDTH - 2 * MARGIN - (_COLUMNS - 1) * _GAP) // _COLUMNS
    top = HEADER + frame.height + 200
    height = 0
    for number, period in enumerate(sorted({row["period"] for row in rows})):
        x = MARGIN + number % _COLUMNS * (width + _GAP)
        y = top + number // _COLUMNS * (height + _CAPTION + _GAP)
        small = fit(extent_of(coarse.values()), x, y + _CAPTION, width)
        height = small.height
        fills = {
            row["state"]: HOT_AND_COLD[row["hotspot_class"]] for row in rows if row["period"] == period
        }
        drawing.add(label(x, y + 120, period, size=125), fill_shapes(small, _grouped(coarse, fills), 2))
        drawing.add(outline(small, list(coarse.values()), width=2))
    drawing.height = top - HEADER + 2 * (height + _CAPTION + _GAP) - _GAP
    counts = Counter(found.values())
    drawing.legend = [
        Entry(f"{each} ({counts[each]})", fill) for each, fill in PATTERNS.items() if counts[each]
    ]
    drawing.legend += [Entry(f"{each}, in a year", fill) for each, fill in HOT_AND_COLD.items()]
    return drawing


def _grouped(shapes: dict[str, Geometry], fills: dict[str, str]) -> dict[str, list[Geometry]]:
    by_fill: dict[str, list[Geometry]] = {}
    for state, shape in shapes.items():
        by_fill.setdefault(fills[state], []).append(shape)
    return by_fill
