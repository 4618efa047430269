"""Write the units to where systemd looks for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geocrew.errors import ConfigurationError
from geocrew.ops.systemd.options import UnitOptions
from geocrew.ops.systemd.render import read, render

DIRECTORY = Path("/etc/systemd/system")
# What StateDirectory=geocrew stands for.
STATE = Path("/var/lib/geocrew")
# Where this machine's systemd reads units (systemd.unit(5)); a directory elsewhere is another machine's.
READ = (
    DIRECTORY,
    Path("/run/systemd/system"),
    Path("/usr/local/lib/systemd/system"),
    Path("/usr/lib/systemd/system"),
    Path("/lib/systemd/system"),
)


def install(directory: Path, given: Mapping[str, Any], *, force: bool = False) -> dict[str, str]:
    """Write all units; return what became of each file: `written` or `unchanged`.

    Options that are not given stay as the units in the directory have them. Raises
    ConfigurationError, with nothing written, for files that somebody has changed or that are not
    ours, unless forced; and where this machine's systemd reads the directory, for a private
    database in STATE that it would give to another user.
    """
    options = UnitOptions.chosen(given, find_options(directory))
    wanted = render(options)
    present = {name: text for name in wanted if (text := read_unit(directory / name)) is not None}
    foreign = [name for name, text in present.items() if not is_ours(text)]
    if foreign and not force:
        raise ConfigurationError(
            f"{', '.join(foreign)} in {directory} changed by hand: move the changes to drop-ins"
            " (systemctl edit UNIT), then overwrite with --force"
        )
    if directory in READ:
        _keep_private_database(options.user)
    changed = {name: text for name, text in wanted.items() if present.get(name) != text}
    for name, text in changed.items():
        write_unit(directory / name, text)
    return {name: "written" if name in changed else "unchanged" for name in wanted}


def find_options(directory: Path) -> UnitOptions | None:
    """Return the options with which the units in a directory were made; None where there are none."""
    for name in render(UnitOptions()):
        made = read(read_unit(directory / name) or "")
        if made is not None:
            return made.options
    return None


def read_unit(path: Path) -> str | None:
    """Return a unit's text, None where there is no such file."""
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return None


def is_ours(text: str) -> bool:
    """Say whether geocrew wrote a unit, and nobody has changed it since."""
    made = read(text)
    return made is not None and made.intact


def write_unit(path: Path, text: str) -> None:
    """Replace the file whole: systemd never reads a half of it."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, "utf-8")
    fresh.chmod(0o644)
    fresh.replace(path)


def _keep_private_database(user: str) -> None:
    """Refuse where StateDirectory would change the owner of a private database's files."""
    if (STATE / "postgres").exists() and STATE.owner() != user:
        raise ConfigurationError(
            f"{STATE}/postgres holds a private database, whose files systemd would give to {user}:"
            " stop it and move it to another GEOCREW_DATA_DIR, or remove it"
        )
