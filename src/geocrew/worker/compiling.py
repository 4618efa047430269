"""Kernels compiled by a process that ends: what the compiler takes would stay with a worker.

A worker that had compiled its kernels kept 500 MB of the compiler until it was restarted. Of workers
that start at once on an empty cache one has it done, the others wait: nine would take ten minutes of CPU
to make the same code.
"""

import fcntl
import os
import signal
import subprocess
import sys

import numba

from geocrew.kernels import compiled
from geocrew.worker.parent import die_with

_PROGRAM = ("-m", "geocrew.worker.compiling")


def compile_apart() -> None:
    """Have the kernels compiled that are not on disk yet, once for all processes that share the cache.

    What fails here, or has no place on disk, is left to the first call of each kernel.
    """
    if compiled.CACHE is None:
        return
    done = compiled.CACHE / f"complete-{numba.__version__}"
    with (compiled.CACHE / "compiling").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not done.exists():
            ran = subprocess.run([sys.executable, *_PROGRAM], stdin=subprocess.DEVNULL, check=False)
            if ran.returncode == 0:
                done.touch()


if __name__ == "__main__":
    die_with(os.getppid(), signal.SIGKILL)
    from geocrew.kernels.warm import warm

    warm()
