"""`geocrew systemd install` and `check` on a directory of the test's own."""

import os
import pwd
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from geocrew.errors import ConfigurationError
from geocrew.ops.finding import Finding
from geocrew.ops.systemd import check
from geocrew.ops.systemd import install as installing
from geocrew.ops.systemd.check import find_problems
from geocrew.ops.systemd.install import find_options, install
from geocrew.ops.systemd.options import UnitOptions
from geocrew.ops.systemd.render import render

ME = pwd.getpwuid(os.getuid()).pw_name
HOTSPOT = "hotspot_worker.service"


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    """Options with which a machine is in order."""
    program = tmp_path / "bin/geocrew"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    settings = tmp_path / "geocrew.env"
    settings.write_text("GEOCREW_DATABASE_URL=postgresql://\n")
    settings.chmod(0o600)
    return {
        "program": str(program),
        "environment_file": str(settings),
        "user": "daemon",
        "group": "daemon",
    }


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for units, on a machine without systemd-analyze."""
    monkeypatch.setattr(check, "which", lambda _program: None)
    directory = tmp_path / "units"
    directory.mkdir()
    return directory


@pytest.fixture
def analyzed(units: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same directory, with systemd-analyze."""
    if which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    monkeypatch.setattr(check, "which", which)
    return units


def problems(directory: Path) -> dict[str, Finding]:
    return {each.name: each for each in find_problems(directory) if each.state == "problem"}


def test_files_are_written_once(units: Path, given: dict[str, Any]) -> None:
    first = install(units, given)
    assert set(first.values()) == {"written"}
    assert {path.name: path.read_text() for path in units.iterdir()} == render(UnitOptions(**given))
    assert {path.stat().st_mode & 0o777 for path in units.iterdir()} == {0o644}
    assert set(install(units, given).values()) == {"unchanged"}


def test_options_stay_until_others_are_given(units: Path, given: dict[str, Any]) -> None:
    install(units, given | {"memory_mb": 9000})
    done = install(units, {"memory_mb": None, "concurrency": 2})
    assert done[HOTSPOT] == "written"
    assert find_options(units) == UnitOptions(**given, memory_mb=9000, concurrency=2)


def test_what_a_hand_has_changed_is_kept(units: Path, given: dict[str, Any]) -> None:
    install(units, given)
    changed = (units / HOTSPOT).read_text().replace("RestartSec=5", "RestartSec=1")
    (units / HOTSPOT).write_text(changed)
    (units / "clip_worker.service").unlink()
    with pytest.raises(ConfigurationError, match=rf"{HOTSPOT} in .* changed by hand.*--force"):
        install(units, given)
    assert (units / HOTSPOT).read_text() == changed
    assert not (units / "clip_worker.service").exists()
    install(units, given, force=True)
    assert (units / HOTSPOT).read_text() == render(UnitOptions(**given))[HOTSPOT]


def test_a_unit_of_somebody_else_is_kept(units: Path, given: dict[str, Any]) -> None:
    (units / HOTSPOT).write_text("[Service]\nExecStart=/bin/true\n")
    with pytest.raises(ConfigurationError, match=HOTSPOT):
        install(units, given)
    assert [path.name for path in units.iterdir()] == [HOTSPOT]


def test_a_private_database_keeps_its_owner(
    units: Path, given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "STATE", tmp_path)
    monkeypatch.setattr(installing, "READ", (units,))
    (tmp_path / "postgres").mkdir()
    with pytest.raises(ConfigurationError, match="private database"):
        install(units, given)
    assert list(units.iterdir()) == []
    install(units, given | {"user": ME})


def test_only_units_that_systemd_reads_concern_a_private_database(
    units: Path, given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "STATE", tmp_path)
    (tmp_path / "postgres").mkdir()
    assert "written" in install(units, given).values()
    monkeypatch.setattr(installing, "READ", (units,))
    with pytest.raises(ConfigurationError, match="private database"):
        install(units, given)


def test_nothing_is_said_where_nothing_is_installed(units: Path) -> None:
    assert find_problems(units) == []


def test_a_machine_in_order(units: Path, given: dict[str, Any]) -> None:
    install(units, given)
    assert problems(units) == {}
    assert [each.name for each in find_problems(units)][:11] == list(render(UnitOptions()))


def test_systemd_finds_them_in_order(analyzed: Path, given: dict[str, Any]) -> None:
    install(analyzed, given)
    found = {each.name: each for each in find_problems(analyzed)}
    assert {each.state for each in found.values()} == {"ok"}
    assert found[HOTSPOT].message == "as rendered, exposure 1.1"


def test_units_are_compared(units: Path, given: dict[str, Any]) -> None:
    install(units, given)
    (units / "clip_worker.service").unlink()
    with (units / HOTSPOT).open("a") as unit:
        unit.write("Nice=5\n")
    other = render(UnitOptions(**given, concurrency=2))["erase_worker.service"]
    (units / "erase_worker.service").write_text(other)
    found = problems(units)
    assert set(found) == {"clip_worker.service", HOTSPOT, "erase_worker.service"}
    assert found["clip_worker.service"].message == f"not in {units}"
    assert found[HOTSPOT].message == "changed by hand"
    assert "--force" in found[HOTSPOT].advice
    assert "this version" in found["erase_worker.service"].message


def test_what_systemd_refuses_is_told(
    analyzed: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(analyzed, given)
    texts = render(UnitOptions(**given))
    lax = texts["clip_worker.service"]
    for line in (
        "NoNewPrivileges=yes\n",
        "ProtectHome=yes\n",
        "ProtectSystem=strict\n",
        "PrivateUsers=yes\n",
    ):
        lax = lax.replace(line, "")
    lax = lax.replace("SystemCallFilter=", "#").replace("CapabilityBoundingSet=\n", "User=root\n")
    texts |= {
        HOTSPOT: texts[HOTSPOT].replace("WatchdogSec=60", "WatchdogSec=soon"),
        "clip_worker.service": lax,
    }
    for name, text in texts.items():
        (analyzed / name).write_text(text)
    monkeypatch.setattr(check, "render", lambda _options: texts)
    monkeypatch.setattr(check, "is_ours", lambda _text: True)
    found = problems(analyzed)
    assert set(found) == {HOTSPOT, "clip_worker.service"}
    assert "soon" in found[HOTSPOT].message
    assert "more than 2.0" in found["clip_worker.service"].message


@pytest.mark.parametrize("hidden", ["/root/venv/bin/geocrew", "/home/anna/venv/bin/geocrew"])
def test_a_program_that_units_cannot_see(
    units: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    install(units, given | {"program": hidden})
    monkeypatch.setattr(os, "access", lambda *_: True)
    found = problems(units)["units' program"]
    assert hidden in found.message
    assert "ProtectHome" in found.message


def test_a_python_that_units_cannot_see(units: Path, given: dict[str, Any], tmp_path: Path) -> None:
    install(units, given)
    (tmp_path / "bin/python").symlink_to("/home/anna/.pyenv/versions/3.11.7/bin/python3.11")
    found = problems(units)["units' program"]
    assert "/home/anna/.pyenv" in found.message


def test_a_program_an_account_and_settings_that_are_not_there(
    units: Path, given: dict[str, Any]
) -> None:
    Path(given["program"]).unlink()
    Path(given["environment_file"]).unlink()
    install(units, given | {"user": "nobody-at-all"})
    found = problems(units)
    assert set(found) == {"units' program", "units' account", "units' settings"}
    assert given["program"] in found["units' program"].message
    assert "nobody-at-all" in found["units' account"].message
    assert "GEOCREW_DATABASE_URL" in found["units' settings"].advice


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_settings_open_to_others(units: Path, given: dict[str, Any], mode: int) -> None:
    install(units, given)
    Path(given["environment_file"]).chmod(mode)
    assert f"mode {mode:o}" in problems(units)["units' settings"].message
