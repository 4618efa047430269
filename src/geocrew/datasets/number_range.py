"""Numbers that leave the range of their type while PostgreSQL computes with them."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import errors

from geocrew.errors import UserError


@contextmanager
def in_range(refusal: UserError) -> Iterator[None]:
    """Raise `refusal` where a statement within fails because a number is too large for its type."""
    try:
        yield
    except errors.NumericValueOutOfRange as error:
        raise refusal from error
