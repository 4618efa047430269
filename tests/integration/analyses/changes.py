"""Data that change while a job reads them."""

from collections.abc import Callable
from typing import LiteralString

from tests.integration.analyses.layers import current_schema

from geocrew.db import Connection, connect


def changed_at(
    url: str, place: Connection, step: str, statement: LiteralString
) -> Callable[[float, str], None]:
    """Return a progress callback that changes the data from a session of its own, once, at `step`."""
    done: list[str] = []
    schema = current_schema(place)

    def change(_share: float, message: str) -> None:
        if message == step and not done:
            done.append(message)
            with connect(url, "other", search_path=f"{schema},public") as other:
                for each in statement.split(";"):
                    other.execute(each)

    return change
