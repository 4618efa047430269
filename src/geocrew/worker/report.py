"""What a child tells its parent: lines of JSON in a pipe, so that a job needs no queue connection."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from geocrew.error_classes import Kind

Fate = Literal["completed"] | Kind


@dataclass(frozen=True)
class Backend:
    """The process of PostgreSQL that serves the child."""

    pid: int


@dataclass(frozen=True)
class Progress:
    """How far the job is: percent, and the step it is in.

    `until`: the percent after the index that the child's session is making.
    """

    percent: int
    message: str
    until: int | None = None


@dataclass(frozen=True)
class Line:
    """A line for the job's log."""

    level: str
    message: str


@dataclass(frozen=True)
class Ended:
    """How the run ended, in words for the job's user; PostgreSQL's code, where one told of it.

    `rows`: how many the published dataset has.
    """

    fate: Fate
    message: str
    sqlstate: str = ""
    disk_full: bool = False
    rows: int = 0


Report: TypeAlias = Backend | Progress | Line | Ended
_KINDS: dict[str, type[Report]] = {each.__name__: each for each in (Backend, Progress, Line, Ended)}


def send(pipe: int, report: Report) -> None:
    """Write a report; progress may be dropped when a frozen parent has let the pipe run full."""
    line = json.dumps({"kind": type(report).__name__, **asdict(report)}) + "\n"
    os.set_blocking(pipe, not isinstance(report, Progress))
    try:
        os.write(pipe, line.encode())
    except BlockingIOError:
        return


def parse(line: bytes) -> Report:
    """Read one report."""
    values = json.loads(line)
    return _KINDS[values.pop("kind")](**values)
