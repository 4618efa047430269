"""Elevations: the whole raster in grey, the part that was clipped in colour."""

import numpy as np
from scripts.pictures.colours import DARK, GREYS, HEIGHTS
from scripts.pictures.drawing import HEADER, WIDTH, Drawing, Entry, path
from scripts.pictures.raster import Cells, image, read_cells
from scripts.pictures.stage import Stage
from tests.examples import DEMO_IDS, read_example
from tests.run_analysis import Run

from geocrew.datasets import catalog

_WIDTH = 4600
# Metres; the classes of elevation.
_BOUNDS = (300, 400, 500, 600, 700, 800, 900)


def draw_clipped_raster(stage: Stage, run: Run) -> Drawing:
    """Draw both rasters and the shape."""
    whole = catalog.get(stage.connection, DEMO_IDS["jacksboro_dem"])
    cells, (west, south, east, north) = read_cells(stage.rasters / str(whole.raster_file))
    clipped, inner = read_cells(stage.rasters / str(run.dataset.raster_file))
    scale = _WIDTH / (east - west)
    # A degree of longitude is shorter than one of latitude.
    stretch = scale / float(np.cos(np.radians((south + north) / 2)))
    left, height = (WIDTH - _WIDTH) // 2, round((north - south) * stretch)

    def place(x: float, y: float) -> tuple[int, int]:
        return left + round((x - west) * scale), HEADER + round((north - y) * stretch)

    drawing = Drawing(_TITLE, _WORDS, height, _SOURCE)
    drawing.add(image(_classes(cells), GREYS, left, HEADER, _WIDTH, height))
    (x, y), (right, bottom) = place(inner[0], inner[3]), place(inner[2], inner[1])
    drawing.add(image(_classes(clipped), HEIGHTS, x, y, right - x, bottom - y))
    (ring,) = read_example("raster_clip").params["clip_geometry"]["coordinates"]
    corners = "L".join("{} {}".format(*place(*corner)) for corner in ring[:-1])
    drawing.add(path(f"M{corners}z", fill="none", stroke=DARK, stroke_width=24, stroke_linejoin="round"))
    steps = [
        f"below {_BOUNDS[0]} m",
        *(f"{low} to {low + 100} m" for low in _BOUNDS[:-1]),
        "900 m and more",
    ]
    drawing.legend = [Entry(*each) for each in zip(steps, HEIGHTS, strict=True)]
    return drawing


def _classes(cells: Cells) -> Cells:
    return np.ma.masked_array(np.digitize(cells.filled(0), _BOUNDS), cells.mask)


_TITLE = "Elevations within a triangle"
_WORDS = "Cells whose centre is inside, as they were, over the whole raster in grey"
_SOURCE = "USGS, SRTM. Height above sea level, metres; Jacksboro, Tennessee."
