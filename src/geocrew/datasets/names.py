"""Column names that PostgreSQL can hold, each used once."""

from collections.abc import Iterable

MAX_BYTES = 63
# Every table has these already.
SYSTEM = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")


def unique(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Return the names in order, changed only where they must be; suffixes are _1, _2 ….

    A name is changed when it is in `taken`, came before, is empty, over 63 bytes of UTF-8, or a
    system column's.
    """
    used = {*taken, *SYSTEM}
    result = []
    for position, name in enumerate(names, start=1):
        plain = _cut(name, MAX_BYTES) or f"column_{position}"
        candidate, number = plain, 0
        while candidate in used:
            number += 1
            candidate = numbered(plain, number)
        used.add(candidate)
        result.append(candidate)
    return result


def numbered(name: str, number: int) -> str:
    """Return the name with `_number` at its end, cut before it where both together are too long."""
    suffix = f"_{number}"
    return _cut(name, MAX_BYTES - len(suffix)) + suffix


def _cut(name: str, size: int) -> str:
    """Shorten to `size` bytes between characters; NUL and lone surrogates cannot be stored."""
    encoded = name.replace("\0", "").encode("utf-8", "replace")
    return encoded[:size].decode("utf-8", "ignore")
