"""What can be said of a cluster without connecting to it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geocrew.local.account import find_account
from geocrew.local.directories import check_owner
from geocrew.local.places import find_places
from geocrew.local.processes import find_postmaster


@dataclass(frozen=True)
class Status:
    """State of a cluster; `version` is PostgreSQL's major, `size_bytes` that of all files."""

    state: Literal["running", "stopped", "absent"]
    pid: int | None
    version: int | None
    data_directory: Path
    socket_directory: Path
    size_bytes: int


def status(directory: Path) -> Status:
    """Tell how the cluster in `directory` is; ConfigurationError when it is another user's."""
    places = find_places(directory)
    account = find_account()
    check_owner(places, account)
    version = places.major()
    pid = find_postmaster(places, account)
    stopped: Literal["stopped", "absent"] = "absent" if version is None else "stopped"
    return Status(
        state=stopped if pid is None else "running",
        pid=pid,
        version=version,
        data_directory=places.data,
        socket_directory=places.sockets,
        size_bytes=_size(places.root),
    )


def _size(directory: Path) -> int:
    """Count all files; a running server removes some meanwhile."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total
