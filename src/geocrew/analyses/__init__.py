"""The analyses, one file a job type; a new one needs its file and its line below."""

import difflib
from importlib import import_module
from typing import Any

from geocrew.analysis import Analysis
from geocrew.errors import NotFound

MODULES: tuple[str, ...] = (
    "geocrew.analyses.hotspot_analysis",
    "geocrew.analyses.hotspot_timeseries",
    "geocrew.analyses.outlier_analysis",
    "geocrew.analyses.nearest",
    "geocrew.analyses.dissolve",
    "geocrew.analyses.clip",
    "geocrew.analyses.erase_analysis",
    "geocrew.analyses.raster_clip",
    "geocrew.analyses.create_view",
    "geocrew.analyses.refresh_view",
)


def load() -> dict[str, Analysis[Any]]:
    """Return the analyses by job type, aliases not among the keys; two of one name refuse to start."""
    found: dict[str, Analysis[Any]] = {}
    taken: set[str] = set()
    for module in MODULES:
        analysis: Analysis[Any] = import_module(module).ANALYSIS
        if taken & set(analysis.names):
            raise ValueError(f"two analyses answer to {sorted(taken & set(analysis.names))}")
        taken |= set(analysis.names)
        found[analysis.job_type] = analysis
    return found


def find(job_type: str) -> Analysis[Any]:
    """Return the analysis of a job type or alias; raises NotFound that lists those there are."""
    analyses = load()
    for analysis in analyses.values():
        if job_type in analysis.names:
            return analysis
    near = difflib.get_close_matches(job_type, list(analyses), n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    raise NotFound(f'unknown job_type "{job_type}"{hint}; known: {", ".join(analyses)}')
