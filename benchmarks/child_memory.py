"""What the child of a job holds by itself, beside what it shares with its worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import sampled


@dataclass
class Memory:
    """Anonymous memory, MB: of the idle worker, most of the child alone, most of both together."""

    case: str
    rows_in: int
    worker_mb: float
    child_mb: float = 0.0
    both_mb: float = 0.0


@contextmanager
def watched(worker: int, case: str, rows_in: int) -> Iterator[Memory]:
    """Sample a worker and its one child."""
    seen = Memory(case, rows_in, round(_look(worker)[0], 1))

    def look() -> None:
        _, own_share = _look(worker)
        for child in Path(f"/proc/{worker}/task/{worker}/children").read_text().split():
            held, share = _look(int(child))
            # Of a page of both, each has half in its share.
            seen.child_mb = max(seen.child_mb, held - 2 * (held - share))
            seen.both_mb = max(seen.both_mb, own_share + share)

    with sampled(look):
        yield seen
    seen.child_mb, seen.both_mb = round(seen.child_mb, 1), round(seen.both_mb, 1)


def _look(pid: int) -> tuple[float, float]:
    """Return anonymous resident memory, and the process's share of it, MB; 0 when it is gone."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    held, share = (
        int(told.split(name)[1].split()[0]) / 1024 if name in told else 0.0
        for name in ("Anonymous:", "Pss_Anon:")
    )
    return held, share
