"""Connections to PostgreSQL, all of one kind, and constant statements from files."""

from functools import cache
from importlib.resources import files
from typing import LiteralString, TypeAlias

import psycopg
from psycopg.rows import TupleRow

Connection: TypeAlias = psycopg.Connection[TupleRow]

# A peer that vanished without a word (frozen host, cut cable) is noticed within 25 s: 10 s idle and
# three probes 5 s apart, or as long for data that nobody acknowledges.
_LIVENESS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


def connect(url: str, name: str, **server_settings: str) -> Connection:
    """Open an autocommitting connection that PostgreSQL shows as `name`.

    `server_settings` are PostgreSQL parameters of the session, e.g. `statement_timeout="5s"`.
    Raises psycopg.OperationalError when no server answers.
    """
    options = " ".join(f"-c {key}={_escape(value)}" for key, value in server_settings.items())
    return psycopg.connect(
        url,
        autocommit=True,
        application_name=name[:63],
        options=options,
        **_LIVENESS,  # type: ignore[arg-type]  # psycopg types its keywords by name, a dict has one type
    )


@cache
def statement(package: str, name: str) -> LiteralString:
    """Return the SQL of `name`.sql in `package`, read once.

    The files ship with the package and hold constants only, hence LiteralString.
    """
    return (files(package) / f"{name}.sql").read_text("utf-8")


def _escape(value: str) -> str:
    """Quote blanks and backslashes as libpq's `options` wants them."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
