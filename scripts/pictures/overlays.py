"""Close-ups of what a polygon does to the counties around it."""

from typing import Any

import shapely
from psycopg.types.json import Jsonb
from scripts.pictures.colours import CHOSEN, DARK, NEW, OTHER
from scripts.pictures.counties import SOURCE, fill_shapes, outline
from scripts.pictures.drawing import HEADER, MARGIN, WIDTH, Drawing, Entry, group
from scripts.pictures.rows import ALBERS, read_rows
from scripts.pictures.shapes import fit, simplify
from scripts.pictures.stage import Stage
from shapely import Geometry
from tests.examples import DEMO_IDS, read_example
from tests.run_analysis import Run

# Metres: what is shown around the polygon, and how far a simplified edge may stray.
_ASIDE, _ABOVE, _TOLERANCE = 300_000, 90_000, 1500


def draw_clipped(stage: Stage, run: Run) -> Drawing:
    """Draw the counties within the example's polygon."""
    area = _in_plane(stage, read_example("clip").params["clip_geometry"])
    words = "What lies within the dark line: counties that cross it are cut, the others are as they were"
    drawing = _draw(stage, run, area, "Counties clipped by a polygon", words)
    drawing.legend = [
        Entry(f"untouched ({run.counts['n_untouched']})", CHOSEN),
        Entry(f"cut ({run.counts['n_cut']})", NEW),
        Entry("outside, not in the output", OTHER),
    ]
    return drawing


def draw_erased(stage: Stage, run: Run) -> Drawing:
    """Draw the counties around Colorado."""
    words = "What lies outside the dark line: the counties within it vanish, no other is changed"
    (area,) = [row["geom"] for row in stage.rows_of("Colorado")]
    drawing = _draw(stage, run, area, "Counties without those of Colorado", words)
    drawing.legend = [
        Entry(f"untouched ({run.counts['n_untouched']:,})", CHOSEN),
        Entry(f"erased ({run.counts['n_erased']})", OTHER),
    ]
    return drawing


def _draw(stage: Stage, run: Run, area: Geometry, title: str, words: str) -> Drawing:
    """Draw the output near an area over all counties in grey; what was cut in a colour of its own."""
    west, south, east, north = area.bounds
    extent = (west - _ASIDE, south - _ABOVE, east + _ASIDE, north + _ABOVE)
    frame = fit(extent, MARGIN, HEADER, WIDTH - 2 * MARGIN)
    window = shapely.box(*extent)
    table = f"spatial_data_{DEMO_IDS['us_counties_2009']}"
    before = {
        row["id"]: row["geom"]
        for row in read_rows(stage.connection, table, ALBERS)
        if row["geom"].intersects(window)
    }
    after = {row["source_id"]: row["geom"] for row in stage.rows(run) if row["source_id"] in before}
    by_fill: dict[str, list[Geometry]] = {CHOSEN: [], NEW: []}
    for number, shape in zip(after, simplify(list(after.values()), _TOLERANCE), strict=True):
        cut = abs(after[number].area - before[number].area) > 1
        by_fill[NEW if cut else CHOSEN].append(shape)
    drawing = Drawing(title, words, frame.height, SOURCE.split(". Not")[0] + ".")
    pieces = [
        fill_shapes(frame, {OTHER: simplify(list(before.values()), _TOLERANCE)}, 8),
        fill_shapes(frame, by_fill, 8),
        outline(frame, [area], colour=DARK, width=18),
    ]
    drawing.add(
        f'<clipPath id="window"><rect x="{frame.x}" y="{frame.y}" width="{WIDTH - 2 * MARGIN}"'
        f' height="{frame.height}"/></clipPath>',
        group(pieces, clip_path="url(#window)"),
    )
    return drawing


def _in_plane(stage: Stage, geojson: dict[str, Any]) -> Geometry:
    """Return a polygon whose edges are straight in degrees, bent as the plane of the map bends them."""
    query = "SELECT ST_AsBinary(ST_Transform(ST_Segmentize(ST_GeomFromGeoJSON(%s::jsonb), 0.1), %s))"
    ((shape,),) = stage.connection.execute(query, (Jsonb(geojson), ALBERS)).fetchall()
    return shapely.from_wkb(shape)
