"""Counts and histograms that outlive the rows and processes they are of.

A worker gathers its own in memory and adds them to the table with every sweep, so that no two jobs wait
for the same row; a killed worker loses what it had not yet added, three seconds' worth by default.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from math import inf

from geocrew.db import Connection, statement

_SQL = "geocrew.queue.sql"
# Seconds; a click on a map at one end, a night's work at the other.
BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, inf)
Key = tuple[str, str, str, float]


@dataclass
class Tallies:
    """What has happened since the last flush; a key is (metric, job type, reason, bound)."""

    totals: defaultdict[Key, float] = field(default_factory=lambda: defaultdict(float))

    def count(self, metric: str, job_type: str = "", reason: str = "", number: int = 1) -> None:
        """Count an event, or the number of things that came with it."""
        self.totals[metric, job_type, reason, 0.0] += number

    def observe(self, metric: str, seconds: float, job_type: str = "", reason: str = "") -> None:
        """Put a duration into its bucket of a histogram."""
        bound = BOUNDS[bisect_left(BOUNDS, seconds)]
        self.totals[metric, job_type, reason, bound] += 1
        self.totals[f"{metric}_sum", job_type, reason, 0.0] += max(0.0, seconds)

    def flush(self, connection: Connection) -> None:
        """Add all to the table; what cannot be written now is kept for the next time."""
        if not self.totals:
            return
        keys = sorted(self.totals)  # all workers lock rows in one order
        values = {
            "metrics": [key[0] for key in keys],
            "job_types": [key[1] for key in keys],
            "reasons": [key[2] for key in keys],
            "bounds": [key[3] for key in keys],
            "totals": [self.totals[key] for key in keys],
        }
        connection.execute(statement(_SQL, "add_tallies"), values)
        self.totals.clear()
