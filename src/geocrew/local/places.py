"""Where a private cluster keeps its files, and the address it answers at."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

NAME = "geocrew"
PORT = 5432
_SOCKET = f".s.PGSQL.{PORT}"
_LONGEST_SOCKET = 107  # bytes of sun_path without its closing zero (unix(7))


@dataclass(frozen=True)
class Places:
    """The files of one cluster.

    `root` belongs to whoever started the cluster; `data`, `log` and `sockets` to the server's user
    and are closed to all others.
    """

    root: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "data"

    @property
    def unfinished(self) -> Path:
        """Where initdb works until the data directory is whole."""
        return self.root / "data.new"

    @property
    def pid_file(self) -> Path:
        """PostgreSQL's own lock on the data directory."""
        return self.data / "postmaster.pid"

    @property
    def log(self) -> Path:
        """Directory of the server's log files, one for each weekday."""
        return self.root / "log"

    @property
    def startup_log(self) -> Path:
        """What the server says before it opens its log."""
        return self.log / "startup.log"

    @property
    def configuration(self) -> Path:
        """The server's settings, rewritten by each start."""
        return self.root / "geocrew.conf"

    @property
    def lock(self) -> Path:
        """Held while the cluster is made, started or stopped."""
        return self.root / "lock"

    @property
    def sockets(self) -> Path:
        """Directory of the unix socket: in `root`, or in /tmp where libpq could not address that.

        A socket's path has at most 107 bytes, and libpq reads a comma as the start of another host.
        Neither /run/user nor $XDG_RUNTIME_DIR would do: they vanish when the user logs out.
        """
        inside = self.root / "run"
        if len(bytes(inside / _SOCKET)) <= _LONGEST_SOCKET and "," not in str(inside):
            return inside
        return Path("/tmp") / f"{NAME}-{hashlib.sha256(bytes(self.root)).hexdigest()[:16]}"  # noqa: S108 - verified: made_private() refuses a directory of others

    @property
    def leftovers(self) -> tuple[Path, ...]:
        """Files of a server that died without removing them."""
        return (self.pid_file, self.sockets / _SOCKET, self.sockets / f"{_SOCKET}.lock")

    def major(self) -> int | None:
        """Return the PostgreSQL version that made the data directory, None without one."""
        try:
            return int((self.data / "PG_VERSION").read_text("utf-8"))
        except FileNotFoundError:
            return None


def find_places(directory: Path) -> Places:
    """Two names of one directory are one cluster."""
    return Places(directory.resolve())


def url(directory: Path, database: str = NAME) -> str:
    """Return the libpq URL of a database of the cluster in `directory`, running or not."""
    host = quote(str(find_places(directory).sockets), safe="")
    return f"postgresql://{NAME}@/{quote(database, safe='')}?host={host}&port={PORT}"
