"""A systemd as PID 1 for tests, in which the rendered units run from this checkout."""

import pwd
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import quote

from numba.core import caching

from geocrew.kernels import compiled, warm
from geocrew.local.account import find_account
from geocrew.local.places import PORT
from geocrew.ops.systemd.options import UnitOptions
from geocrew.ops.systemd.render import render
from tests.waiting import wait_for
from tests.worker.processes import QUICK

CHECKOUT = Path(__file__).parents[2]
# Where the box has the directory of PostgreSQL's socket, and where it has it once a test says so.
SOCKETS, LATER = Path("/srv/postgres"), Path("/srv/later")
_UNITS = Path("etc/systemd/system")
_HIDDEN = ("/home", "/root", "/run", "/tmp", "/var/tmp")  # noqa: S108 (nothing is put there)
# A worker that knows the tests' analysis too, and on request one that does nothing but be there.
_PROGRAM = """\
    #!/opt/geocrew/venv/bin/python
    import os, signal, sys
    if os.environ.get("BOX_IDLE"):
        from geocrew.worker.notify import Notifier
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        Notifier.from_environment().ready()
        signal.pause()
    from geocrew.worker import serve
    from geocrew import analyses
    analyses.MODULES = (*analyses.MODULES, "tests.worker.play")
    sys.argv.append("play")
    from geocrew.cli.main import main
    main()
"""


@dataclass(frozen=True)
class Box:
    """A running systemd; `init` is its PID 1 as this machine counts."""

    init: int

    @property
    def root(self) -> Path:
        """Its files."""
        return Path(f"/proc/{self.init}/root")

    def run(self, *command: str, timeout: float = 90.0) -> "subprocess.CompletedProcess[str]":
        line = ["nsenter", "-t", str(self.init), "-m", "-p", "-u", "-i", "-C", *command]
        return subprocess.run(line, capture_output=True, text=True, timeout=timeout, check=False)

    def systemctl(self, *arguments: str) -> str:
        done = self.run("systemctl", *arguments)
        assert done.returncode == 0, f"systemctl {arguments}: {done.stderr}{self.journal()[-3000:]}"
        return done.stdout

    def begin(self, unit: str, settings: str = "") -> None:
        """Ask for a start, with lines for its [Service] section, and do not wait for it."""
        directory = self.root / _UNITS / f"{unit}.service.d"
        directory.mkdir(exist_ok=True)
        (directory / "test.conf").write_text(f"[Service]\n{dedent(settings)}\n")
        self.systemctl("daemon-reload")
        self.systemctl("start", "--no-block", unit)

    def forget_settings(self) -> None:
        for lines in (self.root / _UNITS).glob("*.service.d/test.conf"):
            lines.unlink()
        self.systemctl("daemon-reload")

    def start(self, unit: str, settings: str = "") -> None:
        self.begin(unit, settings)
        self.wait(unit, "ActiveState", "active")

    def show(self, unit: str, name: str) -> str:
        return self.systemctl("show", "--value", "--property", name, unit).strip()

    def wait(self, unit: str, name: str, *values: str, seconds: float = 240.0) -> str:
        """Wait until a property of the unit begins with one of the values; return it."""

        def look() -> str | None:
            value = self.show(unit, name)
            return value if value.startswith(values) else None

        try:
            return wait_for(look, seconds, f"{unit} to have {name} {values}")
        except AssertionError as error:
            raise AssertionError(
                f"{error}: {self.show(unit, name)}\n{self.journal(unit)[-3000:]}"
            ) from error

    def main_pid(self, unit: str) -> int:
        """The unit's main process as the box counts."""
        return int(self.show(unit, "MainPID"))

    def kill(self, unit: str, signal_name: str) -> None:
        """Send a signal to the main process alone."""
        self.systemctl("kill", "--kill-whom=main", f"--signal={signal_name}", unit)

    def among_files(self, unit: str, *command: str, root: bool = False) -> int:
        """Run a command among the files as the unit sees them, as its user or as root; its exit code."""
        user = pwd.getpwnam(find_account().name)
        into = ["nsenter", "-t", str(self.main_pid(unit)), "-m"]
        drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        return self.run(*into, *([] if root else drop), *command).returncode

    def journal(self, unit: str | None = None) -> str:
        chosen = [f"--unit={unit}.service"] if unit else ["--lines=60"]
        return self.run("journalctl", "--no-pager", "--output=short", *chosen).stdout


def build_files(directory: Path, database: str) -> list[str]:
    """Write what the box has over this machine; return what else to mount there, SOURCE:TARGET.

    What lies where the units cannot see it (ProtectHome, PrivateTmp) is shown to them in /opt.
    """
    python, packages, checkout = mounted = [
        (Path(sys.base_prefix), Path("/opt/geocrew/python")),
        (Path(sysconfig.get_path("purelib")), Path("/opt/geocrew/packages")),
        (CHECKOUT, Path("/opt/geocrew/checkout")),
    ]
    units = directory / _UNITS
    units.mkdir(parents=True)
    for name, text in render(UnitOptions()).items():
        (units / name).write_text(text)
    sources = [_seen(*packages), _seen(*checkout) / "src", _seen(*checkout)]
    _write_venv(directory / "opt/geocrew/venv", _seen(*python), sources)
    _write_account(directory / "etc")
    # A Python that was moved does not find its own shared library.
    settings = QUICK | {"LD_LIBRARY_PATH": f"{_seen(*python)}/lib"}
    _write_settings(directory / "etc/geocrew/geocrew.env", database, SOCKETS, settings)
    _write_settings(directory / "etc/geocrew/later.env", database, LATER, settings)
    _copy_machine_code(directory / "var/cache/geocrew/numba", _seen(*checkout))
    return [f"{path}:{_seen(path, elsewhere)}" for path, elsewhere in mounted]


def _seen(path: Path, elsewhere: Path) -> Path:
    return elsewhere if any(path.is_relative_to(each) for each in _HIDDEN) else path


def _write_venv(venv: Path, python: Path, sources: list[Path]) -> None:
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = venv / "lib" / name / "site-packages"
    packages.mkdir(parents=True)
    (packages / "box.pth").write_text("".join(f"{each}\n" for each in sources))
    (venv / "pyvenv.cfg").write_text(f"home = {python}/bin\ninclude-system-site-packages = false\n")
    (venv / "bin").mkdir()
    (venv / "bin/python").symlink_to(python / "bin" / name)
    program = venv / "bin/geocrew"
    program.write_text(dedent(_PROGRAM))
    program.chmod(0o755)


def _write_account(etc: Path) -> None:
    """Let geocrew be another name of the user that runs PostgreSQL: its socket is closed to others."""
    server = pwd.getpwnam(find_account().name)
    for name, line in (
        ("passwd", f"geocrew:x:{server.pw_uid}:{server.pw_gid}::/var/lib/geocrew:/usr/sbin/nologin\n"),
        ("group", f"geocrew:x:{server.pw_gid}:\n"),
    ):
        lines = Path("/etc", name).read_text().splitlines(keepends=True)
        others = [each for each in lines if not each.startswith("geocrew:")]
        (etc / name).write_text("".join([*others, line]))


def _write_settings(path: Path, database: str, sockets: Path, more: dict[str, str]) -> None:
    path.parent.mkdir(exist_ok=True)
    url = f"postgresql://geocrew@/{database}?host={quote(str(sockets), safe='')}&port={PORT}"
    settings = more | {"GEOCREW_DATABASE_URL": url}
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    path.chmod(0o600)


def _copy_machine_code(cache: Path, checkout: Path) -> None:
    """Bring what is compiled already: a minute of CPU that is not what the tests are about.

    numba keeps it under a name made from the directory of the source, which the units may see elsewhere.
    """
    warm.warm()
    if compiled.CACHE is None:
        return
    name: Any = caching._CacheLocator.get_suitable_cache_subpath
    source = Path(compiled.__file__)
    here, there = name(str(source)), name(str(checkout / source.relative_to(CHECKOUT)))
    copied = cache / compiled.CACHE.name
    shutil.copytree(compiled.CACHE, copied)
    if there != here:
        (copied / here).rename(copied / there)
