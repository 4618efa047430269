"""Whom the server runs as: ourselves, or `postgres` when we are root, whom PostgreSQL refuses."""

import os
import pwd
import subprocess
from dataclasses import dataclass

from geocrew.errors import ConfigurationError
from geocrew.local.programs import INSTALL

SERVER_USER = "postgres"
# Nothing of the caller's environment: PGDATA, PGPORT or PGOPTIONS meant for another server would
# lead this one astray.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Account:
    """A user whom commands run as; `switch` when that is not the user who runs this process."""

    name: str
    uid: int
    gid: int
    switch: bool

    def run(
        self,
        *command: str,
        keep_open: int | None = None,
        own_session: bool = False,
        text: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as this user, from `/`, with files closed to others.

        `keep_open` is a file descriptor that the command and its children hold too; `own_session`
        keeps the terminal's signals away; `text` is the standard input.
        """
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_ENVIRONMENT,
            umask=0o077,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
            pass_fds=() if keep_open is None else (keep_open,),
            start_new_session=own_session,
        )


def find_account() -> Account:
    """Return the user of the server; ConfigurationError when root finds no `postgres`."""
    uid = os.geteuid()
    if uid != 0:
        return Account(_name(uid), uid, os.getegid(), switch=False)
    try:
        entry = pwd.getpwnam(SERVER_USER)
    except KeyError as error:
        raise ConfigurationError(
            f'PostgreSQL does not run as root, and there is no user "{SERVER_USER}": {INSTALL}'
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)


def _name(uid: int) -> str:
    """Containers run as users without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
