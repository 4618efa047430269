"""`python -m tests.faults.main POINT URL CONCURRENCY [JOB_TYPE]...`: a worker that dies at a point.

The points are set from outside, so that the package holds none of them.
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from geocrew.ops.logs import configure
from geocrew.settings import Settings
from geocrew.worker.notify import Notifier
from geocrew.worker.serve import serve

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


def die_instead(_function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: os.kill(os.getpid(), signal.SIGKILL)


def die_after(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if found != []:  # an idle worker's claims find nothing
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return wrapped


def worker_dies_with(function: Callable[..., Any]) -> Callable[..., Any]:
    """In the child: kill the worker, so that the child dies by its parent's death."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()
        return function(*args, **kwargs)

    return wrapped


def ahead(function: Callable[[], float]) -> Callable[[], float]:
    return lambda: function() + 3600


# Where the function is looked up, and what becomes of it.
POINTS: dict[str, tuple[str, str, Wrap]] = {
    "after_claim": ("geocrew.queue.consume", "claim", die_after),
    "before_run": ("geocrew.datasets.catalog", "check_output", worker_dies_with),
    "before_publishing": ("geocrew.publication", "draft", worker_dies_with),
    "before_commit": ("geocrew.queue.consume", "complete", die_after),
    "after_commit": ("geocrew.worker.perform", "publish", die_after),
    "clock_ahead": ("time", "time", ahead),
    "before_settling": ("geocrew.worker.loop", "settle", die_instead),
}


if __name__ == "__main__":
    configure()
    from geocrew import analyses  # after serve's module has tamed numpy's threads

    analyses.MODULES = (*analyses.MODULES, "tests.worker.play")
    if sys.argv[1] != "nowhere":
        place, name, wrap = POINTS[sys.argv[1]]
        module = import_module(place)
        setattr(module, name, wrap(getattr(module, name)))
    notifier = Notifier.from_environment()
    serve(sys.argv[2], sys.argv[4:], int(sys.argv[3]), Settings(), notifier)
