"""Addresses of rows as PostgreSQL reads them, written without a Python object for each."""

import numpy as np
import numpy.typing as npt

from geocrew.kernels.arrays import Ints
from geocrew.kernels.compiled import compiled

Bytes = npt.NDArray[np.uint8]

_LONGEST = 32


@compiled
def write_addresses(blocks: Ints, places: Ints) -> Bytes:
    """Write pairs (n,) of block and place as the text of a tid[]."""
    text: Bytes = np.empty(2 + _LONGEST * blocks.size, np.uint8)
    text[0] = ord("{")
    at = 1
    for row in range(blocks.size):
        if row:
            text[at] = ord(",")
            at += 1
        text[at], text[at + 1] = ord('"'), ord("(")
        at = _write_number(text, at + 2, blocks[row])
        text[at] = ord(",")
        at = _write_number(text, at + 1, places[row])
        text[at], text[at + 1] = ord(")"), ord('"')
        at += 2
    text[at] = ord("}")
    return text[: at + 1]


@compiled
def _write_number(text: Bytes, at: int, number: int) -> int:
    """Write a number; return where it ends."""
    digits, rest = 1, number
    while rest > 9:
        rest, digits = rest // 10, digits + 1
    for place in range(at + digits - 1, at - 1, -1):
        text[place] = ord("0") + number % 10
        number //= 10
    return at + digits
