"""Which processes of a cluster are alive; a pid file alone does not tell."""

import os
import signal
import time

from geocrew.errors import TransientError
from geocrew.local.account import Account
from geocrew.local.places import Places

# Every process of a PostgreSQL server works in its data directory. Asked as the server's user,
# because root in a container may not look at others' processes (no CAP_SYS_PTRACE).
_LIST = """
for process in /proc/[0-9]*; do
    read -r name <"$process/comm" && [ "$name" = postgres ] && [ "$process/cwd" -ef "$1" ] &&
        echo "${process#/proc/}"
done 2>/dev/null
true
"""
_PATIENCE = 30.0


def list_processes(places: Places, account: Account) -> frozenset[int]:
    """Return the pids of the server and its backends; zombies do not count."""
    answer = account.run("/bin/sh", "-c", _LIST, "sh", str(places.data))
    return frozenset(int(line) for line in answer.stdout.split())


def find_postmaster(places: Places, account: Account) -> int | None:
    """Return the server's pid, None when it is not running, whatever a left-over pid file says."""
    try:
        written = places.pid_file.read_text("utf-8", "replace").split("\n")[0].strip()
    except FileNotFoundError:
        return None
    alive = written.isdigit() and int(written) in list_processes(places, account)
    return int(written) if alive else None


def clear_remains(places: Places, account: Account) -> None:
    """Kill what a dead server left computing and remove its lock files.

    PostgreSQL refuses to start while an old backend lives, which inside one GEOS call can take half
    a minute, and while any process of the same user has by chance the pid of the dead server.
    """
    deadline = time.monotonic() + _PATIENCE
    while orphans := list_processes(places, account):
        for pid in orphans:
            _kill(pid)
        if time.monotonic() > deadline:
            raise TransientError(f"processes {sorted(orphans)} of the old server do not end")
        time.sleep(0.02)
    for path in places.leftovers:
        path.unlink(missing_ok=True)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
