"""What a command works with: the settings, the database's address, a connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geocrew.errors import ConfigurationError, TransientError

if TYPE_CHECKING:
    from geocrew.db import Connection
    from geocrew.settings import Settings


@dataclass(frozen=True)
class Session:
    """An open connection to a migrated database, and what it was opened with."""

    settings: "Settings"
    url: str
    connection: "Connection"


def read_settings() -> "Settings":
    """Read the environment; raises ConfigurationError naming every variable that is wrong."""
    from pydantic import ValidationError

    from geocrew.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        problems = [
            f"GEOCREW_{str(each['loc'][0]).upper()} {each['msg'].removeprefix('Input ')},"
            f" not {str(each['input'])!r}"
            for each in error.errors()
        ]
        raise ConfigurationError("; ".join(problems)) from error


def find_url(settings: "Settings") -> str:
    """Return the address of the database; raises TransientError when the private one is not running."""
    if settings.database_url:
        return settings.database_url
    from geocrew import local

    if local.status(database_directory(settings)).state != "running":
        raise TransientError(
            "there is no database to work with: start a private one with `geocrew db start`,"
            " or name yours in GEOCREW_DATABASE_URL"
        )
    return local.url(database_directory(settings))


def database_directory(settings: "Settings") -> Path:
    """Return where the private database lives."""
    return settings.data_dir / "postgres"


@contextmanager
def opened(purpose: str) -> Iterator[Session]:
    """Yield a session in a migrated database; raises ConfigurationError where migrations lack."""
    from geocrew.db import connect
    from geocrew.schema.migrate import pending

    settings = read_settings()
    url = find_url(settings)
    with connect(url, f"geocrew {purpose}") as connection:
        missing = pending(connection)
        if missing:
            raise ConfigurationError(
                f"the database lacks migrations {', '.join(missing)}; run: geocrew db migrate"
            )
        yield Session(settings, url, connection)
