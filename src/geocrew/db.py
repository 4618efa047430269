"""Connections to PostgreSQL, all of one kind, and constant statements from files."""

import json
import math
from collections.abc import Generator
from functools import cache
from importlib.resources import files
from typing import Any, LiteralString, TypeAlias, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

Connection: TypeAlias = psycopg.Connection[TupleRow]
T = TypeVar("T")

# Longer than any statement_timeout of a session that uses it, shorter than a lease.
_ANSWER_SECONDS = 8.0

# A peer that vanished without a word (frozen host, cut cable) is noticed within 25 s: 10 s idle and
# three probes 5 s apart, or as long for data that nobody acknowledges.
_LIVENESS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

# What a database or role is set to for other programs (ALTER DATABASE … SET) must not change a job:
# few digits moved the boxes that clips select rows by, names came as bytes, backslashes in our own
# statements were taken for escapes, days as text were in no group that named them, and a publishing
# commit failed for the heartbeat beside it. A session that idles is that of a process that computes.
_OURS = {
    "client_encoding": "UTF8",
    "datestyle": "ISO, MDY",
    "default_transaction_isolation": "read committed",
    "extra_float_digits": "1",
    "idle_session_timeout": "0",
    "intervalstyle": "postgres",
    "standard_conforming_strings": "on",
    "timezone": "UTC",
}

# Python refuses to read more digits into an integer at once.
_DIGITS = 4_300


class UnreadableJson(str):
    """What stands for JSON that PostgreSQL can hold and Python cannot: too deep, too long a number."""

    __slots__ = ()


class PromptConnection(psycopg.Connection[TupleRow]):
    """A connection of which every answer must come within eight seconds.

    A server that is frozen goes on acknowledging what it is sent: neither keepalives nor its own
    statement_timeout would ever fire. A connection that has not answered must be closed.
    """

    def wait(
        self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None
    ) -> T:
        """Wait for the end of an exchange; raises psycopg.OperationalError when it takes too long."""
        return super().wait(gen, interval, _ANSWER_SECONDS if timeout is None else timeout)


def connect(
    url: str, name: str, kind: type[Connection] = psycopg.Connection, **server_settings: str
) -> Connection:
    """Open an autocommitting connection that PostgreSQL shows as `name`.

    `server_settings` are PostgreSQL parameters of the session, e.g. `statement_timeout="5s"`, and come
    after `options` in the address. Raises psycopg.OperationalError when no server answers.
    """
    settings = _OURS | server_settings
    given = [str(conninfo_to_dict(url).get("options") or "")]
    options = " ".join([*given, *(f"-c {key}={_escape(value)}" for key, value in settings.items())])
    connection = kind.connect(
        url,
        autocommit=True,
        application_name=name[:63],
        options=options,
        **_LIVENESS,  # type: ignore[arg-type]  # psycopg types its keywords by name, a dict has one type
    )
    set_json_loads(_loads, connection)
    return connection


@cache
def statement(package: str, name: str) -> LiteralString:
    """Return the SQL of `name`.sql in `package`, read once.

    The files ship with the package and hold constants only, hence LiteralString.
    """
    return (files(package) / f"{name}.sql").read_text("utf-8")


def load_statements(*packages: str) -> None:
    """Read all statements of some packages, so that no file need be opened later."""
    for package in packages:
        for file in files(package).iterdir():
            if file.name.endswith(".sql"):
                statement(package, file.name.removesuffix(".sql"))


def _loads(text: str | bytes) -> Any:
    """Read JSON, whatever a row holds: an error here would end whoever reads the row, a worker too."""
    try:
        return json.loads(text, parse_int=_integer, parse_float=_real)
    except RecursionError:
        return UnreadableJson("JSON that nests too deep to be read")


def _integer(digits: str) -> int | UnreadableJson:
    return int(digits) if len(digits) <= _DIGITS else _long(digits)


def _real(digits: str) -> float | UnreadableJson:
    number = float(digits)
    return number if math.isfinite(number) else _long(digits)


def _long(digits: str) -> UnreadableJson:
    return UnreadableJson(f"a number of {len(digits)} digits")


def _escape(value: str) -> str:
    """Quote blanks and backslashes as libpq's `options` wants them."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
