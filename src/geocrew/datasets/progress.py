"""How work that has steps shows how far it is."""

from typing import Protocol


class Show(Protocol):
    """Hears of a step and of the share of all that is done; `until`: the share after the index.

    A step with `until` is one statement that makes an index, of which PostgreSQL tells other sessions
    how far it is.
    """

    def __call__(self, share: float, step: str, until: float | None = None, /) -> None:
        """Hear it."""


def unseen(_share: float, _step: str, _until: float | None = None, /) -> None:
    """Show nothing."""


def part_of(show: Show, first: float, last: float = 1.0) -> Show:
    """Return what shows a share of a part of the work, which is from `first` to `last` of all of it."""

    def of_all(share: float) -> float:
        return first + (last - first) * share

    def show_part(share: float, step: str, until: float | None = None, /) -> None:
        show(of_all(share), step, None if until is None else of_all(until))

    return show_part
