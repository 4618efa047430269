"""Points in the order of a space-filling curve, whatever their spread."""

import numpy as np

from geocrew.kernels.arrays import Floats, Ints
from geocrew.kernels.compiled import compiled

DIGIT = 11  # bits sorted in one pass: 2,048 counters stay in the first-level cache
FEW = 192  # points below which an insertion sort beats the passes


@compiled
def spread(cell: int, dimensions: int) -> int:
    """Set the bits of a cell number apart so that those of other axes fit between (Morton)."""
    code = np.int64(0)
    bit = 0
    while cell >> bit:
        code |= np.int64((cell >> bit) & 1) << np.int64(bit * dimensions)
        bit += 1
    return int(code)


@compiled
def spread_table(dimensions: int) -> Ints:
    """Look-up of `spread` for the 2**DIGIT lowest cell numbers."""
    table = np.empty(1 << DIGIT, np.int64)
    for cell in range(table.size):
        table[cell] = spread(cell, dimensions)
    return table


@compiled
def write_codes(points: Floats, order: Ints, bits: int, table: Ints, codes: Ints) -> bool:
    """Write each point's place on the curve over the box of these points; False if all coincide."""
    dimensions = points.shape[0]
    codes[:] = 0
    widest = 0.0
    for axis in range(dimensions):
        row = points[axis]
        low = high = row[order[0]]
        for at in range(order.size):
            low = min(low, row[order[at]])
            high = max(high, row[order[at]])
        widest = max(widest, high * 0.5 - low * 0.5)
    if widest == 0.0:
        return False
    last = np.int64((1 << bits) - 1)
    for axis in range(dimensions):
        row = points[axis]
        low = row[order[0]]
        for at in range(order.size):
            low = min(low, row[order[at]])
        for at in range(order.size):
            share = (row[order[at]] * 0.5 - low * 0.5) / widest
            cell = min(np.int64(share * last), last)
            code = table[cell & 2047] | table[(cell >> 11) & 2047] << (11 * dimensions)
            if bits > 22:
                code |= table[cell >> 22] << (22 * dimensions)
            codes[at] |= code << axis
    return True


@compiled
def sort_few(codes: Ints, order: Ints) -> None:
    """Sort both arrays by code, in place and stable, for a handful of points."""
    for at in range(1, codes.size):
        code, point = codes[at], order[at]
        slot = at
        while slot > 0 and codes[slot - 1] > code:
            codes[slot] = codes[slot - 1]
            order[slot] = order[slot - 1]
            slot -= 1
        codes[slot] = code
        order[slot] = point


@compiled
def sort_many(codes: Ints, order: Ints, bits: int) -> None:
    """Sort both arrays by the lowest `bits` of code, in place and stable (radix sort)."""
    other_codes, other_order = np.empty_like(codes), np.empty_like(order)
    source, source_order, target, target_order = codes, order, other_codes, other_order
    passes = (bits + DIGIT - 1) // DIGIT
    for turn in range(passes):
        shift = turn * DIGIT
        starts = np.zeros((1 << DIGIT) + 1, np.int64)
        for at in range(source.size):
            starts[((source[at] >> shift) & 2047) + 1] += 1
        for digit in range(1 << DIGIT):
            starts[digit + 1] += starts[digit]
        for at in range(source.size):
            digit = (source[at] >> shift) & 2047
            slot = starts[digit]
            starts[digit] += 1
            target[slot] = source[at]
            target_order[slot] = source_order[at]
        source, target = target, source
        source_order, target_order = target_order, source_order
    if passes % 2:
        codes[:] = source
        order[:] = source_order


@compiled
def sort_along_curve(points: Floats, order: Ints, leaf: int) -> None:
    """Reorder `order` in place along the curve over points (dimensions, n).

    Stretches of more than `leaf` points in one cell get a curve of their own, so a spread of any
    depth is resolved; coincident points keep their order.
    """
    dimensions = points.shape[0]
    table = spread_table(dimensions)
    codes = np.empty(order.size, np.int64)
    waiting = [(0, order.size)]
    while len(waiting) > 0:
        start, stop = waiting.pop()
        size = stop - start
        bits = 6
        while bits < 62 // dimensions and (1 << (dimensions * (bits - 6))) < size:
            bits += 1
        some_codes, some_order = codes[start:stop], order[start:stop]
        if not write_codes(points, some_order, bits, table, some_codes):
            continue
        if size <= FEW:
            sort_few(some_codes, some_order)
        else:
            sort_many(some_codes, some_order, bits * dimensions)
        first = 0
        for at in range(1, size + 1):
            if at == size or some_codes[at] != some_codes[first]:
                if at - first > leaf:
                    waiting.append((start + first, start + at))
                first = at
