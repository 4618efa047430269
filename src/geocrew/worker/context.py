"""What a job in a child process may use of the world."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from geocrew.analysis import Level
from geocrew.datasets.staging import Staging
from geocrew.db import Connection
from geocrew.worker.report import Line, Progress, send

# Progress reaches the database with the parent's heartbeats, twice a second at most.
_PROGRESS_SECONDS = 0.4
_LOG_LINES = 1000
_LINE_LENGTH = 2000


@dataclass
class JobContext:
    """The worker's `geocrew.analysis.Context`: reports go to the parent through a pipe."""

    connection: Connection
    user_id: int
    staging: Staging
    raster_dir: Path
    pipe: int
    _lines: int = field(default=0, init=False)
    _last: tuple[float, str] = field(default=(0.0, ""), init=False)

    def progress(self, share: float, message: str, until: float | None = None) -> None:
        """Report progress: each step at once, within a step five times in two seconds."""
        now = time.monotonic()
        sent, step = self._last
        if message != step or now - sent >= _PROGRESS_SECONDS:
            self._last = (now, message)
            send(
                self.pipe, Progress(_percent(share), message, None if until is None else _percent(until))
            )

    def log(self, message: str, level: Level = "info") -> None:
        """Report a line for the job's log, which holds a thousand of each attempt."""
        self._lines += 1
        if self._lines <= _LOG_LINES:
            send(self.pipe, Line(level, message[:_LINE_LENGTH]))


def _percent(share: float) -> int:
    return min(99, max(0, int(share * 100)))
