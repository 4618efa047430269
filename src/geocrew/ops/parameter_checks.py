"""PostgreSQL's own settings: which of them would hurt the queue or the data."""

from collections.abc import Iterator, Mapping

from geocrew.db import Connection, statement
from geocrew.ops.finding import Finding
from geocrew.ops.wording import duration

_SQL = "geocrew.ops.sql"
# Sessions for people, scrapes and tools beside those of workers.
_SESSIONS_SPARE = 10
# An open transaction keeps dead rows: after 16,000 jobs a claim is four times dearer (measured).
_LONG_SECONDS = 600


def check_parameters(connection: Connection) -> Iterator[Finding]:
    """Yield findings about vacuum, durability, room for sessions, limits and open transactions."""
    values: dict[str, str] = dict(connection.execute(statement(_SQL, "parameters")).fetchall())
    yield _check_vacuum(values)
    yield _check_durability(values)
    yield _check_limits(values)
    for limit, needed in connection.execute(statement(_SQL, "sessions")):
        yield _check_sessions(limit, needed)
    for oldest in connection.execute(statement(_SQL, "oldest_transaction")):
        yield _check_transactions(*oldest)


def _check_vacuum(values: Mapping[str, str]) -> Finding:
    off = [name for name in ("autovacuum", "track_counts") if values[name] == "off"]
    if off:
        message = f"{' and '.join(off)} off: dead rows pile up in the queue, claims become slow"
        return Finding("vacuum", "problem", message, f"ALTER SYSTEM RESET {off[0]}, then reload")
    return Finding("vacuum", "ok", "autovacuum is on")


def _check_durability(values: Mapping[str, str]) -> Finding:
    names = ("fsync", "full_page_writes", "synchronous_commit")
    off = [name for name in names if values[name] == "off"]
    if off:
        message = f"{', '.join(off)} off: a power cut or a crash can lose jobs that were acknowledged"
        return Finding("durability", "warning", message, "switch them on unless the data may be lost")
    return Finding("durability", "ok", ", ".join(names) + " are on")


def _check_limits(values: Mapping[str, str]) -> Finding:
    """Tell what has no limit by default; whether it needs one depends on who else uses the server."""
    unlimited = {
        "temp_file_limit": ("-1", "one statement may fill the disk: ALTER ROLE … SET temp_file_limit"),
        "idle_in_transaction_session_timeout": (
            "0",
            "a forgotten session may hold back vacuum: ALTER DATABASE … SET it to 10min",
        ),
    }
    advice = [text for name, (none, text) in unlimited.items() if values[name] == none]
    message = ", ".join(
        f"{name} {values[name]}"
        for name in ("work_mem", "temp_file_limit", "idle_in_transaction_session_timeout")
    )
    return Finding("limits", "ok", message, "; ".join(advice))


def _check_sessions(limit: int, needed: int) -> Finding:
    message = f"{limit} for ordinary users; workers on the list and their jobs may take {needed}"
    if needed + _SESSIONS_SPARE > limit:
        return Finding(
            "connections", "warning", message, "raise max_connections or run fewer jobs at once"
        )
    return Finding("connections", "ok", message)


def _check_transactions(process: int, name: str, seconds: float) -> Finding:
    if seconds > _LONG_SECONDS:
        message = (
            f"process {process} ({name}) has had one open for {duration(seconds)}: vacuum waits for it"
        )
        return Finding(
            "transactions", "warning", message, f"end it: SELECT pg_terminate_backend({process})"
        )
    return Finding("transactions", "ok", f"the oldest is open for {duration(seconds)}")
