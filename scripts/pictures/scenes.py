"""Which function draws the picture of which job type."""

from collections.abc import Callable

from scripts.pictures import cells, choropleths, decades, overlays, soho
from scripts.pictures.drawing import Drawing
from scripts.pictures.stage import Stage
from tests.run_analysis import Run

# refresh_view is last: its example changes the data.
SCENES: dict[str, Callable[[Stage, Run], Drawing]] = {
    "hotspot_analysis": choropleths.draw_hot_spots,
    "hotspot_timeseries": decades.draw_patterns,
    "outlier_analysis": choropleths.draw_outliers,
    "nearest": soho.draw_nearest,
    "dissolve": choropleths.draw_states,
    "clip": overlays.draw_clipped,
    "erase_analysis": overlays.draw_erased,
    "raster_clip": cells.draw_clipped_raster,
    "create_view": choropleths.draw_view,
    "refresh_view": choropleths.draw_refreshed,
}
