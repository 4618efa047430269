"""What one check of a set-up has found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """A check's name, how it stands, what was seen, and what to do about it."""

    name: str
    state: State
    message: str
    advice: str = ""
