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
NJIT: Any = numba.njit  # its option about references is not in its types
DAY = 86_400.0


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for one thread and strict IEEE arithmetic, keeping the machine code on disk if it can.

    No fastmath and no parallel: neither a thread nor a reordered sum may touch a bit.
    """
    return _compile(function, counting=True)


def borrowing(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, of a function that counts no references to the arrays it is handed.

    It may neither make an array, which does not compile, nor return one or call what does. For what is
    called for each row or pair: to count for each array of its tuples was a tenth of an erase.
    """
    return _compile(function, counting=False)


def _compile(function: Callable[P, R], *, counting: bool) -> Callable[P, R]:
    # Counting is said each time: a function that does not say has it from what it is first called by.
    if CACHE is None:
        return cast("Callable[P, R]", NJIT(nogil=True, _nrt=counting)(function))
    with cache_directory(CACHE):
        return cast("Callable[P, R]", NJIT(cache=True, nogil=True, _nrt=counting)(function))


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
