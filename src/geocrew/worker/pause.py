"""No job is claimed for a while: what the last one met, the next one would meet too."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from geocrew.db import Connection
from geocrew.queue.space import has_space

NO_DESCRIPTOR = "the worker's machine has no process or descriptor left"
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
# A worker's disk with less than this fills up again with the next raster.
_FREE_BYTES = 64 * 1024 * 1024


@dataclass
class Pause:
    """Why and until when, time.monotonic(); waits double until a job has run well."""

    reason: str | None = None
    until: float = 0.0
    disk_full: bool = False
    _wait: float = _FIRST_WAIT

    def begin(self, reason: str, now: float, *, disk_full: bool = False) -> None:
        """Claim nothing for a while."""
        self.reason, self.disk_full = reason, disk_full
        self.until = now + self._wait
        self._wait = min(self._wait * 2, _LONGEST_WAIT)

    def end(self) -> None:
        """Forget it: a job has run well."""
        self.reason, self.until, self._wait = None, 0.0, _FIRST_WAIT

    def look(self, connection: Connection, data_dir: Path, now: float) -> None:
        """When the wait is over, go on; but not on a disk that is still full."""
        if self.reason is None or now < self.until:
            return
        if self.disk_full and not _has_room(connection, data_dir):
            self.begin(self.reason, now, disk_full=True)
        else:
            self.reason = None


def _has_room(connection: Connection, data_dir: Path) -> bool:
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    return shutil.disk_usage(existing).free >= _FREE_BYTES and has_space(connection)
