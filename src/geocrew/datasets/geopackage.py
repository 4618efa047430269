"""A look into a GeoPackage with SQLite alone, before GDAL opens it.

GDAL's SQLite knows virtual tables and functions that open other files; SQLite on its own does not,
so whatever needs them fails to prepare here.
"""

import re
import sqlite3
from pathlib import Path
from urllib.parse import quote

from geocrew.errors import RefusedInput

_COMMENT = re.compile(r"/\*.*?(\*/|$)|--[^\n]*", re.DOTALL)
_VIRTUAL = re.compile(r"\s*create\s+virtual\b", re.IGNORECASE)
_RTREE = re.compile(
    r"""\s*create\s+virtual\s+table\s+("(?:[^"]|"")+"|\w+)\s+using\s+"?rtree"?\s*\(""", re.IGNORECASE
)
_REACHING = re.compile(
    r"\bload_extension\b|\b(gdal|ogr)_\w+\W{0,2}\s*\(|\battach\b|\bvirtualogr\b", re.IGNORECASE
)
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
# Progress calls, each after a million virtual machine steps: far more than preparing a view takes.
_STEPS = 1_000_000


def inspect(path: Path) -> None:
    """Raise RefusedInput for a GeoPackage whose tables, views or triggers reach beyond the file."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        try:
            _inspect(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RefusedInput(f"the GeoPackage cannot be read: {error}") from error


def _inspect(connection: sqlite3.Connection) -> None:
    # What a crafted schema may not do: run functions of its own while it is being read.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.set_progress_handler(lambda: 1, _STEPS)
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    for kind, name, sql in rows:
        text = _COMMENT.sub(" ", sql or "")
        if _VIRTUAL.match(text) and not _RTREE.match(text):
            raise RefusedInput(f"the GeoPackage holds the virtual table {name!r}; only rtree is taken")
        if kind == "trigger" and _REACHING.search(text):
            raise RefusedInput(f"the GeoPackage holds the trigger {name!r} that reaches beyond it")
        if re.match(r"\s*create\s+(temp\s+|temporary\s+)?view\b", text, re.IGNORECASE):
            _inspect_view(connection, name)


def _inspect_view(connection: sqlite3.Connection, name: str) -> None:
    """Let SQLite prepare the view's SELECT, allowed to read and to use SQLite's own functions."""
    connection.set_authorizer(_authorize)
    try:
        quoted = name.replace('"', '""')
        connection.execute(f'EXPLAIN SELECT * FROM "{quoted}"')  # noqa: S608  # an identifier, quoted
    except sqlite3.Error as error:
        raise RefusedInput(
            f"the GeoPackage holds the view {name!r}, which is not a plain SELECT on its tables: {error}"
        ) from error
    finally:
        connection.set_authorizer(None)


def _authorize(
    action: int, _first: str | None, second: str | None, _database: str | None, _view: str | None
) -> int:
    allowed = action in _READING or (action == sqlite3.SQLITE_FUNCTION and second != "load_extension")
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
