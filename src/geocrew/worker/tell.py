"""What a worker tells of itself: to the database, for everybody, and to systemd."""

import os
import time
from collections.abc import Iterable, Sequence

from geocrew import __version__
from geocrew.queue.presence import Presence, State
from geocrew.settings import MEBIBYTE
from geocrew.worker.children import Child, private_memory
from geocrew.worker.notify import Notifier, Running, describe

# A turn may take as long as a connection that nobody answers: ten seconds. This is three times that.
_START_SECONDS = 30.0


def present(
    name: str,
    job_types: Sequence[str],
    concurrency: int,
    children: Iterable[Child],
    waiting: str | None,
    stopping: bool,
) -> Presence:
    """Return the worker's row in the list of workers."""
    memory = private_memory(os.getpid()) + sum(child.memory() for child in children)
    state: State = "draining" if stopping else "waiting" if waiting else "working"
    return Presence(name, job_types, concurrency, __version__, memory // MEBIBYTE, state, waiting)


def tell_systemd(
    notifier: Notifier, children: Iterable[Child], waiting: str | None, greeted: bool, left: float | None
) -> None:
    """Say how it goes; only the main loop calls this, so a loop that hangs falls silent.

    `greeted`: whether the worker has begun to work; `left`: seconds that a stopping one gives itself.
    """
    if left is not None:
        notifier.stopping()
        notifier.extend(left)
    elif not greeted:
        notifier.extend(_START_SECONDS)
    jobs = [
        Running(child.claim.id, child.claim.job_type, child.percent, child.started) for child in children
    ]
    notifier.status(describe(jobs, waiting, left is not None, time.monotonic()))
    notifier.watchdog()
