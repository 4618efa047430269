"""The one way a kernel is compiled."""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

CONFIG: Any = numba.config  # its attributes are made at run time
DAY = 86_400.0


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for one thread and strict IEEE arithmetic, keeping the machine code on disk if it can.

    No fastmath and no parallel: neither a thread nor a reordered sum may touch a bit.
    """
    if CACHE is None:
        return cast("Callable[P, R]", numba.njit(nogil=True)(function))
    with cache_directory(CACHE):
        return cast("Callable[P, R]", numba.njit(cache=True, nogil=True)(function))


@contextlib.contextmanager
def cache_directory(path: Path) -> Iterator[None]:
    """Let numba keep what is compiled inside under `path`."""
    before, CONFIG.CACHE_DIR = CONFIG.CACHE_DIR, str(path)
    try:
        yield
    finally:
        CONFIG.CACHE_DIR = before


def find_cache() -> Path | None:
    """Find a writable place for machine code, named by the text of all kernels; None if none is.

    numba looks only at the file of the function: an edit of a constant or of a type in another
    kernel would leave stale code behind, or an AttributeError when the index is read.
    """
    here = Path(__file__).parent
    text = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")))
    name = f"kernels-{hashlib.sha256(text).hexdigest()[:16]}"
    chosen = [Path(CONFIG.CACHE_DIR)] if CONFIG.CACHE_DIR else []
    for parent in (*chosen, here / "__pycache__", Path("~/.cache/geocrew").expanduser()):
        with contextlib.suppress(OSError):
            (parent / name).mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=parent / name).close()
            os.utime(parent / name)
            remove_stale(parent / name)
            return parent / name
    return None


def remove_stale(current: Path) -> None:
    """Remove machine code of other texts that no process has started with for a day.

    A process that is still compiling would fail on saving what it made.
    """
    for other in current.parent.glob("kernels-*"):
        with contextlib.suppress(OSError):
            if other != current and other.stat().st_mtime < time.time() - DAY:
                shutil.rmtree(other)


CACHE = find_cache()
