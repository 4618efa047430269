"""What is wrong with the installed units."""

import grp
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

from geocrew.ops.finding import Finding
from geocrew.ops.systemd.install import DIRECTORY, find_options, is_ours, read_unit
from geocrew.ops.systemd.options import UnitOptions
from geocrew.ops.systemd.render import render

# systemd-analyze counts in tenths: 2.0 of 10.
_WORST_EXPOSURE = 20
_HIDDEN = ("/home", "/root", "/run/user")
_AGAIN = "geocrew systemd install"


def find_problems(directory: Path = DIRECTORY) -> list[Finding]:
    """Return one finding for each unit, and one for each thing that all of them need.

    Nothing where no unit is installed. Without systemd-analyze the units are compared only.
    """
    options = find_options(directory)
    if options is None:
        return []
    findings = [_check_unit(directory / name, text) for name, text in render(options).items()]
    return [*findings, *_check_surroundings(options)]


def _check_unit(path: Path, wanted: str) -> Finding:
    text = read_unit(path)
    if text is None:
        return Finding(path.name, "problem", f"not in {path.parent}", _AGAIN)
    if not is_ours(text):
        advice = f"move the changes to a drop-in (systemctl edit {path.name}), then {_AGAIN} --force"
        return Finding(path.name, "problem", "changed by hand", advice)
    if text != wanted:
        return Finding(path.name, "problem", "not as this version would write it", _AGAIN)
    if which("systemd-analyze") is None:
        return Finding(path.name, "ok", "as rendered; systemd-analyze is not there to verify it")
    return _analyze(path)


def _analyze(path: Path) -> Finding:
    """Let systemd itself read the unit and count what it leaves open."""
    # A value that cannot be read is told and ignored, with exit code 0.
    refused = [
        line for line in _run("verify", "--man=no", str(path))[1].splitlines() if _is_news(line, path)
    ]
    if refused:
        return Finding(path.name, "problem", "; ".join(refused), "correct what systemd-analyze names")
    if path.suffix != ".service":
        return Finding(path.name, "ok", "as rendered")
    code, said = _run("security", "--offline=yes", f"--threshold={_WORST_EXPOSURE}", str(path))
    counted = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    score = counted[1] if counted else "unknown"
    if code:
        message = f"its exposure is {score}, more than {_WORST_EXPOSURE / 10}"
        return Finding(path.name, "problem", message, f"systemd-analyze security {path.name}")
    return Finding(path.name, "ok", f"as rendered, exposure {score}")


def _is_news(line: str, path: Path) -> bool:
    """Say whether a line is about this unit, and not about the program, which has a check of its own."""
    return line.startswith((f"{path.name}:", f"{path}:")) and "is not executable" not in line


def _check_surroundings(options: UnitOptions) -> Iterator[Finding]:
    yield _check_program(Path(options.program))
    yield _check_account(options)
    yield _check_environment(Path(options.environment_file))


def _check_program(program: Path) -> Finding:
    """See that the program and the Python under its venv are outside of what ProtectHome hides."""
    name, python = "units' program", program.with_name("python")
    try:
        startable = os.access(program, os.X_OK)
    except PermissionError:
        startable = False
    if not startable:
        return Finding(name, "problem", f"{program} cannot be started", f"{_AGAIN} --program PATH")
    for path in (program, program.resolve(), python.resolve()):
        if any(path.is_relative_to(each) for each in _HIDDEN):
            message = f"{program} needs {path}, which ProtectHome hides from the units"
            advice = "make the venv from a Python below /usr or /opt, in a directory there"
            return Finding(name, "problem", message, advice)
    return Finding(name, "ok", str(program))


def _check_account(options: UnitOptions) -> Finding:
    name, account = "units' account", f"{options.user}:{options.group}"
    try:
        pwd.getpwnam(options.user)
        grp.getgrnam(options.group)
    except KeyError as error:
        advice = "useradd --system --user-group --no-create-home NAME"
        return Finding(name, "problem", f"{account} is not there ({error.args[0]})", advice)
    return Finding(name, "ok", account)


def _check_environment(path: Path) -> Finding:
    """See that the file with the database's address is there and for root alone to read."""
    name = "units' settings"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        advice = f"write GEOCREW_DATABASE_URL=… to it and chmod 600 {path}"
        return Finding(name, "problem", f"{path}: {error.strerror}", advice)
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        message = f"{path}, which may hold a password, is open to others (mode {mode & 0o777:o})"
        return Finding(name, "problem", message, f"chmod 600 {path}")
    return Finding(name, "ok", str(path))


def _run(*arguments: str) -> tuple[int, str]:
    """Return exit code and output of systemd-analyze."""
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    )
    return done.returncode, done.stdout + done.stderr
