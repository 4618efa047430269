"""How commands speak: results on standard output, notices on standard error."""

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

# What a name from somebody else's file must not do to a terminal: C0 and C1 control characters.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x0A}


def emit(document: object) -> None:
    """Print one JSON document; dataclasses become objects."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(_plain(document), ensure_ascii=not utf8, indent=2, allow_nan=False))


def say(text: str) -> None:
    """Print a line of the result."""
    typer.echo(clean(text))


def notice(text: str) -> None:
    """Print a line that is not the result."""
    typer.echo(clean(text), err=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[str] = ()) -> None:
    """Print rows under column names, `numbers` to the right; nothing is cut in a pipe."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False)
    right = set(numbers)
    for column in columns:
        drawn.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(clean(_shown(cell))) for cell in row))
    console().print(drawn)


def pairs(values: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; what is None is left out."""
    known = [(name, value) for name, value in values if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        say(f"{name:<{width}}  {_shown(value)}")


def console(stderr: bool = False) -> "Console":
    """Return a console; outside of a terminal its lines are never wrapped."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def moment(time: datetime | None) -> str | None:
    """Write a time as the clock on the wall shows it."""
    return None if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def seconds(value: float | None) -> str | None:
    """Write a duration in seconds."""
    return None if value is None else f"{value:.1f}"


def clean(text: str) -> str:
    """Make control characters visible."""
    return text.translate(_CONTROLS)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(_plain(value), ensure_ascii=False)
    return str(value)


def _plain(value: Any) -> Any:
    """Return what JSON can hold: NaN and infinity, in the extent of somebody's table, become null."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)
