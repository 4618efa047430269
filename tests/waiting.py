"""Wait for something to become true, never for time to pass."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T | None], seconds: float = 30.0, what: str = "") -> T:
    """Return the first true value of `look`, asked every 10 ms; fail after `seconds`."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what or look}")
        pause.wait(0.01)
