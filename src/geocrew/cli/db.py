"""`geocrew db`: the private database, migrations, a prompt."""

import os
import shutil
from typing import Annotated, Literal

import typer

from geocrew.cli.options import AsJson
from geocrew.cli.output import emit, notice, pairs, say

app = typer.Typer(help="The private database, migrations, a psql prompt.", no_args_is_help=True)


@app.command()
def start(as_json: AsJson = False) -> None:
    """Make and start a private PostGIS."""
    from geocrew import local
    from geocrew.cli.session import database_directory, read_settings

    settings = read_settings()
    if settings.database_url:
        notice("note: GEOCREW_DATABASE_URL is set, so other commands use that database, not this one")
    url = local.start(database_directory(settings))
    if as_json:
        emit({"url": url})
        return
    say(f"the database is running: {url}")
    notice("next: geocrew db migrate")


@app.command()
def stop(
    mode: Annotated[
        Literal["fast", "immediate"],
        typer.Option(help="immediate: without saving; the next start repairs."),
    ] = "fast",
    as_json: AsJson = False,
) -> None:
    """Stop the private database."""
    from geocrew import local
    from geocrew.cli.session import database_directory, read_settings

    local.stop(database_directory(read_settings()), mode)
    if as_json:
        emit({"state": "stopped"})
    else:
        say("the database is stopped")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Tell how the private database is."""
    from geocrew import local
    from geocrew.cli.session import database_directory, read_settings

    found = local.status(database_directory(read_settings()))
    if as_json:
        emit(found)
        return
    pairs(
        [
            ("state", found.state),
            ("process", found.pid),
            ("PostgreSQL", found.version),
            ("data", found.data_directory),
            ("socket", found.socket_directory),
            ("size", f"{found.size_bytes / 1024 / 1024:.0f} MiB"),
        ]
    )


@app.command()
def migrate(as_json: AsJson = False) -> None:
    """Make or update PostGIS, schema and tables."""
    from geocrew.cli.session import find_url, read_settings
    from geocrew.db import connect
    from geocrew.schema.migrate import migrate as apply

    with connect(find_url(read_settings()), "geocrew migrate") as connection:
        applied = apply(connection)
    if as_json:
        emit({"applied": applied})
    else:
        say(f"applied {', '.join(applied)}" if applied else "nothing to do")


@app.command()
def shell() -> None:
    """Open a psql prompt in the database."""
    from geocrew.cli.address import split_password
    from geocrew.cli.session import find_url, read_settings
    from geocrew.errors import ConfigurationError

    address, password = split_password(find_url(read_settings()))
    psql = shutil.which("psql")
    if psql is None:
        raise ConfigurationError("psql is not installed: apt-get install postgresql-client")
    if password is not None:  # arguments are for all to see in the list of processes
        os.putenv("PGPASSWORD", password)
    os.execv(psql, [psql, address])  # noqa: S606 (no shell is wanted)


@app.command()
def url(as_json: AsJson = False) -> None:
    """Print the address of the database.

    It is printed as it is, password and all.
    """
    from geocrew.cli.session import find_url, read_settings

    found = find_url(read_settings())
    if as_json:
        emit({"url": found})
    else:
        say(found)
