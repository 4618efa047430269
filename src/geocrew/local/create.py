"""Making a cluster: whole or not there at all."""

import shutil

from geocrew.errors import ConfigurationError
from geocrew.local.account import Account
from geocrew.local.directories import make_private
from geocrew.local.places import NAME, Places
from geocrew.local.programs import Programs


def create_cluster(programs: Programs, places: Places, account: Account, lock: int) -> None:
    """Make the data directory with its database, unless it is there.

    initdb and its children hold `lock` too: when we are killed, the next start waits until they
    have ended before it removes what they made.
    """
    if places.data.exists():
        return
    shutil.rmtree(places.unfinished, ignore_errors=True)
    make_private(places.unfinished, account)
    unfinished = str(places.unfinished)
    _run(
        account,
        lock,
        "",
        programs.path("initdb"),
        f"--pgdata={unfinished}",
        f"--username={NAME}",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--data-checksums",
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-instructions",
    )
    _run(
        account,
        lock,
        f"CREATE DATABASE {NAME}\n",
        programs.path("postgres"),
        "--single",
        "-D",
        unfinished,
        "-c",
        "exit_on_error=on",
        "template1",
    )
    places.unfinished.rename(places.data)


def _run(account: Account, lock: int, text: str, *command: str) -> None:
    done = account.run(*command, keep_open=lock, text=text)
    if done.returncode != 0:
        said = " ".join(done.stderr.split()[-60:])
        raise ConfigurationError(f"{command[0]} could not make the database: {said}")
