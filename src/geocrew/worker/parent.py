"""A process that ends with the one that started it, even by `kill -9`."""

import ctypes
import os

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int, number: int) -> None:
    """Ask the kernel for a signal when `parent`, which started this process, dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before prctl could say so
        os._exit(1)
