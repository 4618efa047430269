"""Directories that the server's user can enter and others cannot."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from geocrew.errors import ConfigurationError
from geocrew.local.account import Account
from geocrew.local.places import Places

_FIRST_CLOSED = 'for d; do [ ! -e "$d" ] || [ -x "$d" ] || { printf %s "$d"; exit; }; done'


def prepare(places: Places, account: Account) -> None:
    """Make the directories that are missing; ConfigurationError says why that cannot be."""
    try:
        _make_root(places.root, account)
        make_private(places.log, account)
        make_private(places.sockets, account)
    except OSError as error:
        raise ConfigurationError(f"cannot make {error.filename}: {error.strerror}") from error


def check_reachable(directory: Path, account: Account) -> None:
    """Raise ConfigurationError naming the first directory that is closed to the server's user."""
    way = [str(path) for path in (*reversed(directory.parents), directory)]
    closed = account.run("/bin/sh", "-c", _FIRST_CLOSED, "sh", *way).stdout
    if closed:
        raise ConfigurationError(
            f'the database in {directory} would run as user "{account.name}", to whom {closed} is'
            " closed: choose a directory outside of it with GEOCREW_DATA_DIR"
            " (root's default is /var/lib/geocrew)"
        )


def check_owner(places: Places, account: Account) -> None:
    """Raise ConfigurationError when the cluster belongs to a user other than the server's."""
    try:
        owner = places.data.stat().st_uid
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise ConfigurationError(f"{places.root} is closed to user {account.name}") from error
    if owner != account.uid:
        raise ConfigurationError(
            f"the database in {places.root} belongs to the user with id {owner}, not to"
            f" {account.name}: run this as its owner, or set GEOCREW_DATA_DIR"
        )


def make_private(path: Path, account: Account) -> None:
    """Make a directory of the server's user with mode 0700, or see that it is one.

    The check matters in /tmp, where anybody may have been first.
    """
    path.mkdir(mode=0o700, exist_ok=True)
    if account.switch and path.lstat().st_uid == 0:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    found = path.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if not private or found.st_uid != account.uid:
        raise ConfigurationError(
            f"{path} must be a directory of user {account.name} with mode 0700: remove it"
        )


@contextmanager
def hold_lock(places: Places) -> Iterator[int]:
    """Wait until no other process makes, starts or stops this cluster; yields the descriptor."""
    descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _make_root(root: Path, account: Account) -> None:
    """Root's umask must not close a new directory to the server's user."""
    if not account.switch:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    for path in (*reversed(root.parents), root):
        if not path.exists():
            with suppress(FileExistsError):  # another start was first, and opens what it has made
                path.mkdir()
                path.chmod(0o755)
