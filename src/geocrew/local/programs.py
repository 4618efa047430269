"""Where the system keeps a PostgreSQL that also has PostGIS."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geocrew.errors import ConfigurationError

OLDEST = 15
INSTALL = (
    "apt-get install postgresql-15 postgresql-15-postgis-3 postgresql-15-postgis-3-scripts"
    " (or run scripts/install-postgis)"
)
# Debian keeps every major version's programs out of PATH, side by side.
VERSIONS = Path("/usr/lib/postgresql")


@dataclass(frozen=True, order=True)
class Programs:
    """The programs of one installed PostgreSQL."""

    major: int
    directory: Path

    def path(self, name: str) -> str:
        """Return the full path of the program `name`."""
        return str(self.directory / name)


def find_programs(major: int | None = None) -> Programs:
    """Return the newest fit PostgreSQL, or that of the version which made the data.

    Raises ConfigurationError, with the command that installs one, when there is none.
    """
    found = [programs for programs in _installed() if major is None or programs.major == major]
    if found:
        return max(found)
    if major is not None:
        raise ConfigurationError(
            f"the data directory was made by PostgreSQL {major}, and this machine has no"
            f" PostgreSQL {major} with PostGIS: install postgresql-{major}-postgis-3"
        )
    raise ConfigurationError(
        f"no PostgreSQL of version {OLDEST} or newer with PostGIS on this machine: {INSTALL}"
    )


def _installed() -> Iterator[Programs]:
    in_path = shutil.which("pg_config")
    for pg_config in [*([Path(in_path)] if in_path else []), *VERSIONS.glob("*/bin/pg_config")]:
        answer = subprocess.run(
            [pg_config, "--bindir", "--sharedir", "--version"],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode == 0:
            binaries, share, version = answer.stdout.splitlines()
            programs = Programs(_major(version), Path(binaries))
            complete = all(Path(programs.path(name)).exists() for name in ("initdb", "pg_ctl"))
            if programs.major >= OLDEST and complete and _has_postgis(Path(share)):
                yield programs


def _major(version: str) -> int:
    """`PostgreSQL 15.20 (Debian …)` and `PostgreSQL 18beta1` → 15 and 18."""
    digits = version.split()[1].split(".", maxsplit=1)[0]
    return int("".join(character for character in digits[:2] if character.isdigit()))


def _has_postgis(share: Path) -> bool:
    return (share / "extension" / "postgis.control").exists()
