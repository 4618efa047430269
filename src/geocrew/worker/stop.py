"""Signals that ask a worker to stop: once to finish its jobs, twice to hand them back at once."""

import os
import signal
from types import FrameType, TracebackType
from typing import Self


class StopRequest:
    """Counts SIGTERM and SIGINT and makes a descriptor readable, so that a wait ends at once."""

    def __init__(self) -> None:
        self.count = 0
        self.descriptor, self._waker = os.pipe()

    def __enter__(self) -> Self:
        """Take the signals over."""
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._waker, False)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._before = {
            number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give them back."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self.descriptor)
        os.close(self._waker)

    @property
    def descriptors(self) -> list[int]:
        """Both ends, for a child to close."""
        return [self.descriptor, self._waker]

    def drain(self) -> None:
        """Empty the descriptor after a wake-up."""
        try:
            while os.read(self.descriptor, 512):
                pass
        except BlockingIOError:
            return

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
