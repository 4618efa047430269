"""Starting and stopping the private cluster."""

import shlex
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from geocrew.errors import ConfigurationError, TransientError
from geocrew.local.account import Account, find_account
from geocrew.local.configuration import write_configuration
from geocrew.local.create import create_cluster
from geocrew.local.directories import check_owner, check_reachable, hold_lock, prepare
from geocrew.local.places import Places, find_places, url
from geocrew.local.processes import clear_remains, find_postmaster
from geocrew.local.programs import Programs, find_programs

StopMode = Literal["fast", "immediate"]
# Replaying the log after a crash takes as long as it takes; a server that died is noticed at once.
_START_SECONDS = 600
_STOP_SECONDS = 60


def start(directory: Path, **parameters: str) -> str:
    """Make the cluster in `directory` if missing, start it if not running; return its URL.

    `parameters` are PostgreSQL settings over our own, ignored while the server is running. Returns
    when the server answers. Raises ConfigurationError when the machine lacks PostgreSQL or PostGIS,
    when the directory cannot be used, or when the server does not start.
    """
    places = find_places(directory)
    account = find_account()
    check_reachable(places.root, account)
    check_owner(places, account)
    programs = find_programs(places.major())
    prepare(places, account)
    with hold_lock(places) as lock:
        create_cluster(programs, places, account, lock)
        if find_postmaster(places, account) is None:
            clear_remains(places, account)
            write_configuration(places, parameters)
            _launch(programs, places, account)
        _wait_for_answer(programs, places, account)
    return url(places.root)


def stop(directory: Path, mode: StopMode = "fast") -> None:
    """Stop the cluster in `directory` and whatever a dead server left running, if there is any.

    `fast` ends sessions and saves; `immediate` kills, and the next start recovers from the log.
    Raises TransientError when the server has not stopped within a minute.
    """
    places = find_places(directory)
    account = find_account()
    check_owner(places, account)
    major = places.major()
    if major is None:
        return
    with hold_lock(places):
        if find_postmaster(places, account) is not None:
            _halt(find_programs(major), places, account, mode)
        clear_remains(places, account)
        if not places.sockets.is_relative_to(places.root):
            with suppress(FileNotFoundError):
                places.sockets.rmdir()


def _launch(programs: Programs, places: Places, account: Account) -> None:
    """pg_ctl puts the server into a session of its own, so that it outlives the terminal."""
    places.startup_log.unlink(missing_ok=True)
    done = account.run(
        programs.path("pg_ctl"),
        "start",
        f"--pgdata={places.data}",
        f"--log={places.startup_log}",
        f"--options=-c {shlex.quote(f'config_file={places.configuration}')}",
        "--wait",
        f"--timeout={_START_SECONDS}",
        own_session=True,
    )
    if done.returncode != 0:
        raise ConfigurationError(_explain(places, done.stderr))


def _wait_for_answer(programs: Programs, places: Places, account: Account) -> None:
    """Be patient while the server, perhaps started by a call that was interrupted, recovers."""
    deadline = time.monotonic() + _START_SECONDS
    question = (programs.path("pg_isready"), "--quiet", f"--dbname={url(places.root)}")
    while account.run(*question).returncode != 0:
        if find_postmaster(places, account) is None or time.monotonic() > deadline:
            raise ConfigurationError(_explain(places, "it does not answer"))
        time.sleep(0.05)


def _halt(programs: Programs, places: Places, account: Account, mode: StopMode) -> None:
    done = account.run(
        programs.path("pg_ctl"),
        "stop",
        f"--pgdata={places.data}",
        f"--mode={mode}",
        "--wait",
        f"--timeout={_STOP_SECONDS}",
    )
    if done.returncode != 0:
        raise TransientError(
            f"the database in {places.root} has not stopped ({done.stderr.strip()}):"
            ' try again, or stop it with mode "immediate"'
        )


def _explain(places: Places, reason: str) -> str:
    said = ""
    with suppress(FileNotFoundError):
        said = places.startup_log.read_text("utf-8", "replace")
    tail = " ".join(said.split()[-80:])
    return f"the database in {places.root} does not start: {reason.strip()} {tail} (log: {places.log})"
