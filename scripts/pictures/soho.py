"""John Snow's map: deaths, each joined to the pump that is nearest to it."""

from collections import Counter
from math import sqrt

from scripts.pictures.colours import DARK, DISTINCT
from scripts.pictures.drawing import HEADER, MARGIN, WIDTH, Drawing, Entry, circle, group, label, path
from scripts.pictures.rows import Row, read_rows
from scripts.pictures.shapes import Frame, extent_of, fit
from scripts.pictures.stage import Stage
from tests.examples import DEMO_IDS
from tests.run_analysis import Run

_BRITISH_GRID = 27700
_HEIGHT = 5200


def draw_nearest(stage: Stage, run: Run) -> Drawing:
    """Draw a line from each place of death to its pump; discs by the number of deaths."""
    rows = stage.rows(run, _BRITISH_GRID)
    pumps = read_rows(stage.connection, f"spatial_data_{DEMO_IDS['soho_pumps']}", _BRITISH_GRID)
    west, south, east, north = extent_of([row["geom"] for row in (*rows, *pumps)])
    extent = (west - 25, south - 25, east + 25, north + 25)
    frame = fit(extent, MARGIN, HEADER, WIDTH - 2 * MARGIN, _HEIGHT)
    deaths: Counter[int] = Counter()
    for row in rows:
        deaths[row["target_id"]] += row["deaths"]
    colours = dict(zip([pump for pump, _ in deaths.most_common()], DISTINCT, strict=False))
    drawing = Drawing(_TITLE, _WORDS, frame.height, _SOURCE)
    places = {pump["id"]: frame.place(pump["geom"].coords[0]) for pump in pumps}
    for pump, colour in colours.items():
        mine = [row for row in rows if row["target_id"] == pump]
        drawing.add(*_star(frame, mine, places[pump], colour))
    drawing.add(*(_pump(*place, str(number)) for number, place in places.items()), _scale_bar(frame))
    drawing.legend = [
        Entry(f"pump {pump}: {deaths[pump]} deaths", colour) for pump, colour in colours.items()
    ]
    drawing.legend += [Entry("pump", "", _pump(0, 0, ""))]
    return drawing


def _star(frame: Frame, rows: list[Row], pump: tuple[int, int], colour: str) -> list[str]:
    """Return the lines and discs of the deaths of one pump."""
    places = [(frame.place(row["geom"].coords[0]), row["deaths"]) for row in rows]
    lines = "".join(f"M{x} {y}L{pump[0]} {pump[1]}" for (x, y), _ in places)
    discs = [circle(x, y, 14 + 22 * sqrt(deaths)) for (x, y), deaths in places]
    return [
        path(lines, stroke=colour, stroke_width=7, stroke_opacity="0.55", fill="none"),
        group(discs, fill=colour, fill_opacity="0.85", stroke="#ffffff", stroke_width=4),
    ]


def _pump(x: int, y: int, number: str) -> str:
    square = (
        f'<rect x="{x - 55}" y="{y - 55}" width="110" height="110" fill="{DARK}" stroke="#ffffff"'
        ' stroke-width="16"/>'
    )
    return square + (label(x + 85, y - 60, number, size=150, weight="bold") if number else "")


def _scale_bar(frame: Frame) -> str:
    length, x, y = round(100 * frame.scale), MARGIN + 100, frame.y + frame.height - 120
    bar = path(f"M{x} {y - 60}v60h{length}v-60", stroke=DARK, stroke_width=14, fill="none")
    return bar + label(x + length / 2, y - 90, "100 m", anchor="middle")


_TITLE = "Cholera in Soho, 1854"
_WORDS = "Places on the map, larger where more died, each joined to the nearest of thirteen pumps"
_SOURCE = "John Snow's map of 1854, digitised by Robin Wilson. British National Grid."
