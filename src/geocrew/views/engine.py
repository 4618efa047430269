"""Functions that end the whole server with some versions of GEOS, and so may not be in a view there."""

from geocrew.db import Connection, statement

_SQL = "geocrew.views.sql"
# Tried with GEOS 3.11.1 (Debian 12): each kills the backend on some collection with an empty part, and
# PostgreSQL then drops all sessions. Mended in 3.11.4, says its NEWS.md.
_FRAGILE, _MENDED = (3, 11), (3, 11, 4)
_CRASHING = frozenset({"st_unaryunion", "st_pointonsurface", "st_hausdorffdistance"})


def crashing_functions(connection: Connection) -> frozenset[str]:
    """Return the functions that are not safe with the server's GEOS."""
    row = connection.execute(statement(_SQL, "geos_version")).fetchone()
    return crashing_with(str(row[0]) if row else "")


def crashing_with(version: str) -> frozenset[str]:
    """Return those of a version such as `3.11.1-CAPI-1.17.1`."""
    numbers = tuple(int(part) for part in version.partition("-")[0].split(".") if part.isdigit())
    fragile = numbers[:2] == _FRAGILE and numbers < _MENDED
    return _CRASHING if fragile else frozenset()
