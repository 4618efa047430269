"""Exit codes, and which error ends a command with which of them."""

import sys
import traceback
from typing import NoReturn

import typer

from geocrew.errors import ConfigurationError, GeocrewError, InvalidParameters, UserError

OK = 0
USAGE = 2
FAILED = 3
CANCELLED = 4
BUG = 70
TEMPORARY = 75
CONFIGURATION = 78
INTERRUPTED = 130


def end_with(error: Exception) -> NoReturn:
    """Say on standard error what went wrong and exit; only a bug of ours shows its traceback."""
    code, message = explain(error)
    if code == BUG:
        traceback.print_exception(error)
    typer.echo(f"geocrew: {message}", err=True)
    sys.exit(code)


def explain(error: Exception) -> tuple[int, str]:
    """Return exit code and message."""
    if isinstance(error, InvalidParameters) and len(error.problems) > 1:
        lines = "".join(f"\n  - {each}" for each in error.problems)
        return USAGE, f"{len(error.problems)} mistakes, nothing was stored:{lines}"
    if isinstance(error, UserError):
        return USAGE, str(error)
    if isinstance(error, ConfigurationError):
        return CONFIGURATION, str(error)
    if isinstance(error, GeocrewError):
        return TEMPORARY, str(error)
    if isinstance(error, OSError):
        return CONFIGURATION, str(error)
    return _explain_database(error) or (
        BUG,
        f"internal error ({type(error).__name__}: {error}); please report the traceback above",
    )


def _explain_database(error: Exception) -> tuple[int, str] | None:
    if "psycopg" not in sys.modules:
        return None
    import psycopg

    if not isinstance(error, psycopg.Error):
        return None
    from geocrew.error_classes import classify

    message = error.diag.message_primary or " ".join(str(error).split())
    kind = classify(error).kind
    if kind in ("retry", "unavailable", "resource"):
        return TEMPORARY, f"the database cannot be used now: {message}"
    if isinstance(error, psycopg.ProgrammingError):  # the SQL of a command is ours, not its user's
        return CONFIGURATION, f"{message}; see: geocrew doctor"
    return (USAGE, message) if kind == "user" else None
