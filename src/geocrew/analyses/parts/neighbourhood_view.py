"""Views of statistics: PostgreSQL makes their sums over neighbours, which takes most of the time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geocrew.analyses.parts.static import WRITING
from geocrew.analysis import Context, Level, rest
from geocrew.datasets.build import OutputMode, Staged, build
from geocrew.datasets.features import Features
from geocrew.datasets.output import Results, select_rows
from geocrew.datasets.staging import Staging
from geocrew.datasets.ticks import SILENT, Ticks, ticks_of_view
from geocrew.db import Connection

# Scores are computed here too, for the counts and to see that they can be, in a twentieth of the time.
_SCORES = 0.05
# Of the time in which PostgreSQL fills the view the sums take nine tenths.
_SUMS = 0.9


@dataclass
class _Paced:
    """The world of a run whose share `WRITING` is done after `_SCORES` of the time."""

    real: Context
    connection: Connection
    user_id: int
    staging: Staging
    raster_dir: Path

    def progress(self, share: float, message: str, until: float | None = None, /) -> None:
        self.real.progress(_paced(share), message, None if until is None else _paced(until))

    def log(self, message: str, level: Level = "info") -> None:
        self.real.log(message, level)


def _paced(share: float) -> float:
    return float(np.interp(share, (0.0, WRITING, 1.0), (0.0, _SCORES, 1.0)))


def paced(context: Context, output_mode: OutputMode) -> Context:
    """Return the context of a run that shows the share `WRITING` when its scores are there."""
    if output_mode != "materialized_view":
        return context
    return _Paced(context, context.connection, context.user_id, context.staging, context.raster_dir)


def build_view(
    context: Context,
    output_mode: OutputMode,
    features: Features,
    results: Callable[[Ticks], Results],
    rows: int,
) -> Staged:
    """Build a view of all rows; `results` have sums that tell of the rows they are for."""
    ticks = ticks_of_view(rows, _SUMS) if output_mode == "materialized_view" else SILENT
    select, show = select_rows(features, results(ticks.part(_SUMS))), rest(context, WRITING)
    return build(context.connection, context.staging, output_mode, select, ticks, show=show)
