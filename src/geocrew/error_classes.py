"""What an error means for a job, decided in one place: by SQLSTATE where there is one, else by kind.

SQLSTATEs: PostgreSQL 15 documentation, appendix A.
"""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import psycopg

from geocrew.db import Connection
from geocrew.errors import (
    ConfigurationError,
    LeaseLost,
    StatementTimeout,
    TransientError,
    UserError,
)

Kind = Literal["retry", "user", "resource", "out_of_memory", "unavailable", "lease_lost", "bug"]

# The longest prefix of the SQLSTATE decides.
_KINDS: dict[str, Kind] = {
    # Session, server or lock lost: the same statement may succeed in a moment.
    "08": "retry",
    "40001": "retry",
    "40P01": "retry",
    "55P03": "retry",
    "57P01": "retry",
    "57P02": "retry",
    "57P05": "retry",
    "25P03": "retry",
    "57014": "retry",  # but for a timeout, see timeouts_told
    "58030": "retry",
    # Nobody can work here now; not the job's fault, so not counted against it.
    "53300": "unavailable",
    "57P03": "unavailable",
    "25006": "unavailable",
    # The job wants more than there is.
    "53": "resource",
    "54": "resource",
    # What was asked for cannot be done with these data.
    "0A": "user",
    "22": "user",
    "23": "user",
    "42": "user",
    "P0001": "user",
}
_ADVICE = {
    "53100": "the database's disk is full: free some space or make a smaller result, then retry the job",
    "53200": "the database ran out of memory: make the job smaller, or give the server more memory",
    "53400": "the job needed more temporary space than the server allows (temp_file_limit)",
    "54001": "a shape or expression is too deeply nested for the server (max_stack_depth)",
}
_GRANT = "its owner must grant it to the role that the worker connects as (of a table, all columns)"
_WAITING = {
    "53100": "the database's disk is full",
    "53300": "the database has no connection left",
    "57P03": "the database is starting or stopping",
    "25006": "the database is read-only",
}
# GEOS names the exceptions it throws; PostGIS passes them on as XX000, internal error.
# What GEOS knows no shape of, say a polyhedral surface, PostGIS refuses by itself.
_GEOS = re.compile(
    r"TopologyException|IllegalArgumentException|ParseException|GEOSException|Unknown geometry type",
    re.ASCII,
)
# An empty member among curves: PostGIS fails on it in ST_IsValid, ST_Centroid and ST_CurveToLine, and so
# does a view that calls them.
_EMPTY_MEMBER = "need at least 1 ring"
_OURS: dict[type[BaseException], Kind] = {
    LeaseLost: "lease_lost",
    UserError: "user",
    ConfigurationError: "user",
    TransientError: "retry",
    MemoryError: "out_of_memory",
}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_ROOM_FOR_NOW = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EIO, errno.EINTR}


@dataclass(frozen=True)
class ErrorClass:
    """What to do about an error.

    `message` is for the job's user: no SQL, no path, no traceback. `sqlstate` is "" where there
    was none. `disk_full` says that other jobs would meet the same now.
    """

    kind: Kind
    message: str
    sqlstate: str = ""
    disk_full: bool = False


def classify(error: BaseException) -> ErrorClass:
    """Return the class of whatever a job raised."""
    if isinstance(error, psycopg.Error):
        return _classify_database(error)
    if isinstance(error, OSError):
        return _classify_system(error)
    if isinstance(error, StatementTimeout):
        return ErrorClass("resource", str(error), psycopg.errors.QueryCanceled.sqlstate or "")
    found = next((each for each in _OURS if isinstance(error, each)), None)
    return _bug(error) if found is None else ErrorClass(_OURS[found], str(error))


@contextmanager
def timeouts_told(connection: Connection) -> Iterator[None]:
    """Raise StatementTimeout where a statement of the block took longer than its session allows.

    A cancel by somebody has the same SQLSTATE and other words, in the language of `lc_messages`. Where
    in the server's source they are is not translated, and a timeout made on purpose comes from there.
    """
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        if _origin(error) != _origin_of_timeouts(connection):
            raise
        problem = "a statement took longer than the server allows (statement_timeout)"
        raise StatementTimeout(problem) from error


def waiting_reason(error: BaseException) -> str:
    """Return what a worker waits for after its own session failed, in a few words of a bounded set."""
    state = getattr(error, "sqlstate", None) or ""
    if state in _WAITING:
        return _WAITING[state]
    # libpq tells no SQLSTATE of a server that refused the session, only its message.
    text = str(error)
    if (
        "too many clients" in text
        or "too many connections" in text
        or "remaining connection slots" in text
    ):
        return _WAITING["53300"]
    if "the database system is" in text:
        return _WAITING["57P03"]
    return "the database does not answer" if isinstance(error, psycopg.OperationalError) else "an error"


def _classify_database(error: psycopg.Error) -> ErrorClass:
    state = error.sqlstate or ""
    if not state:
        return _without_state(error)
    kind: Kind = _KINDS.get(state) or _KINDS.get(state[:2]) or "bug"
    words = error.diag.message_primary or str(error)
    if state == "XX000" and _GEOS.search(words):
        return ErrorClass("user", f"a shape cannot be worked on: {words}", state)
    if state == "XX000" and _EMPTY_MEMBER in words:
        why = "a MultiSurface or collection has an empty member, which PostGIS cannot read beside others"
        return ErrorClass(
            "user", f'{why}: give it a shape without, or choose output_mode "static"', state
        )
    if kind == "bug":
        return ErrorClass("bug", _bug(error).message, state)
    if state == "42501" and error.diag.source_function == "aclcheck_error":
        words = f"{words}: {_GRANT}"
    if kind == "unavailable":
        words = _WAITING[state]
    elif kind == "resource":
        words = _ADVICE.get(state, words)
    return ErrorClass(kind, words, state, disk_full=state == "53100")


def _origin(error: psycopg.Error) -> tuple[str | None, str | None]:
    return error.diag.source_file, error.diag.source_line


def _origin_of_timeouts(connection: Connection) -> tuple[str | None, str | None] | None:
    try:
        with connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 1")
            connection.execute("SELECT pg_sleep(1)")
    except psycopg.Error as error:
        return _origin(error)
    return None


def _without_state(error: psycopg.Error) -> ErrorClass:
    """Class what the client noticed by itself: a lost connection, or values it cannot send."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        if waiting_reason(error) in (_WAITING["53300"], _WAITING["57P03"]):
            return ErrorClass("unavailable", waiting_reason(error))
        return ErrorClass("retry", "the connection to the database was lost")
    if isinstance(error, psycopg.DataError):
        return ErrorClass("user", str(error))
    return _bug(error)


def _classify_system(error: OSError) -> ErrorClass:
    if error.errno in _NO_SPACE:
        message = "the worker's disk is full: free some space, then retry the job"
        return ErrorClass("resource", message, disk_full=True)
    if error.errno in _NO_ROOM_FOR_NOW:
        return ErrorClass("retry", f"the worker's machine refused: {error.strerror}")
    return _bug(error)


def _bug(error: BaseException) -> ErrorClass:
    return ErrorClass(
        "bug", f"an internal error ({type(error).__name__}); the worker's log has the details"
    )
