"""What workers count is added up, whoever adds."""

from math import inf

import pytest

from geocrew.db import Connection
from geocrew.queue.tallies import BOUNDS, Tallies


def _table(connection: Connection) -> dict[tuple[str, str, str, float], float]:
    rows = connection.execute("SELECT metric, job_type, reason, bound, total FROM geocrew.tallies")
    return {row[:4]: row[4] for row in rows}


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [(0.0, 0.01), (0.01, 0.01), (0.011, 0.05), (3600, 3600.0), (3601, inf), (-1, 0.01)],
)
def test_buckets_include_their_bound(seconds: float, bound: float) -> None:
    tallies = Tallies()
    tallies.observe("wait", seconds, "clip", "completed")
    assert tallies.totals["wait", "clip", "completed", bound] == 1
    assert tallies.totals["wait_sum", "clip", "completed", 0.0] == max(0.0, seconds)
    assert bound in BOUNDS


def test_two_workers_add_up(connection: Connection) -> None:
    first, second = Tallies(), Tallies()
    for tallies in (first, second, first):
        tallies.count("rescued", "clip", "lapsed")
        tallies.observe("wait", 0.02, "clip")
        tallies.flush(connection)
        tallies.flush(connection)  # nothing is added twice
    assert _table(connection) == {
        ("rescued", "clip", "lapsed", 0.0): 3,
        ("wait", "clip", "", 0.05): 3,
        ("wait_sum", "clip", "", 0.0): pytest.approx(0.06),
    }
