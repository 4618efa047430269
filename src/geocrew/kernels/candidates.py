"""Candidates for the nearest neighbours of the points of one leaf.

Kept unsorted: k of them are found by counting how many lie within a trial distance, a loop without
branches that runs four at a time. A sorted list, mispredicting as it inserts, took 1.4 times as
long at k = 8 and 3 times at k = 50 (8.0 against 2.7 seconds for a million points).
"""

from typing import NamedTuple

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled
from geocrew.kernels.tree import LEAF

HAIR = 1.0 + 1e-15  # squares farther apart than this have different roots
NO_RANK = np.iinfo(np.int64).max
ROUNDS = 100  # trials for an exact cut; what is left after them is a tie, or sorted as one


class Candidates(NamedTuple):
    """Squared distances and tree positions (LEAF, room) and how many of them are held (LEAF,).

    `distances` and `ranks` (LEAF,) say which pair cannot be beaten by a candidate that matters.
    `scratch` (room,) is nobody's.
    """

    squares: Floats
    places: Ints
    counts: Ints
    distances: Floats
    ranks: Ints
    scratch: Floats


@compiled
def make_room(slots: int) -> Candidates:
    """Room for the candidates of one leaf when `slots` of each point are wanted."""
    room = 4 * slots + 6 * LEAF
    return Candidates(
        np.empty((LEAF, room)),
        np.empty((LEAF, room), np.int64),
        np.zeros(LEAF, np.int64),
        np.empty(LEAF),
        np.empty(LEAF, np.int64),
        np.empty(room),
    )


@compiled
def cut(squares: Floats, wanted: int, slack: int, rounds: int) -> tuple[float, int]:
    """Find a square that at least `wanted` and, if it can, at most `slack` more do not exceed.

    Returns it and how many do not exceed it.
    """
    low, high = 0.0, 0.0
    for square in squares:
        high = max(high, square)
    below, within = np.int64(0), np.int64(squares.size)
    for turn in range(rounds):
        if within <= wanted + slack:
            break
        share = (wanted + 0.5 * slack + 0.5 - below) / (within - below) if turn % 3 < 2 else 0.5
        trial = low + (high - low) * share
        count = np.int64(0)
        for square in squares:
            count += 1 if square <= trial else 0
        if count >= wanted:
            high, within = trial, count
        else:
            low, below = trial, count
    return high, int(within)


@compiled
def append(
    squares: Floats, places: Ints, at: int, count: int, found: Floats, first: int, limit: float
) -> int:
    """Hold those of the squares `found`, from tree position `first` on, that are within limit.

    Every one is written and the next overwrites it if it was too far: no branch to mispredict.
    """
    for index in range(found.size):
        squares[at, count] = found[index]
        places[at, count] = first + index
        count += 1 if found[index] <= limit else 0
    return count


@compiled
def keep_best(candidates: Candidates, rows: Ints, at: int, slots: int) -> None:
    """Sort the candidates of one point by (distance, rank) and forget all but the first `slots`.

    A square is replaced by the square of its root, which has the same root.
    """
    squares, places = candidates.squares[at], candidates.places[at]
    for index in range(candidates.counts[at]):
        distance, place = np.sqrt(squares[index]), places[index]
        slot = min(index, slots)
        while slot > 0 and squares[slot - 1] >= distance:
            if squares[slot - 1] == distance and rows[places[slot - 1]] < rows[place]:
                break
            if slot < slots:
                squares[slot], places[slot] = squares[slot - 1], places[slot - 1]
            slot -= 1
        if slot < slots:
            squares[slot], places[slot] = distance, place
    kept = min(candidates.counts[at], slots)
    candidates.counts[at] = kept
    candidates.distances[at] = squares[kept - 1]
    candidates.ranks[at] = rows[places[kept - 1]]
    for index in range(kept):
        squares[index] *= squares[index]
