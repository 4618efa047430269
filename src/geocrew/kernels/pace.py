"""Long loops cut into pieces short enough to report in between."""

from collections.abc import Callable
from time import perf_counter

OnProgress = Callable[[float], None]
Step = Callable[[int, int], int]

FIRST_PIECE = 512
SECONDS = 0.25


def run_in_pieces(total: int, step: Step, on_progress: OnProgress | None) -> None:
    """Call `step(first, stop)`, which returns how far it came, until `total` is done.

    Pieces aim at a quarter of a second; `on_progress` hears the share done after each.
    """
    done, piece = 0, FIRST_PIECE
    while done < total:
        started = perf_counter()
        reached = step(done, min(done + piece, total))
        took = max(perf_counter() - started, 1e-9)
        piece = max(1, min(int((reached - done) * SECONDS / took), 8 * piece))
        done = reached
        if on_progress is not None:
            on_progress(done / total)


def report_part(on_progress: OnProgress | None, first: float, stop: float) -> OnProgress | None:
    """Map the progress of one phase, 0 to 1, to its part of the whole."""
    if on_progress is None:
        return None
    return lambda share: on_progress(first + share * (stop - first))
