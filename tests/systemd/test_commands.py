"""`geocrew systemd` as an operator types it."""

from pathlib import Path

import pytest

from geocrew.ops.systemd.options import UnitOptions
from geocrew.ops.systemd.render import render
from tests.acceptance.cli.command import Command


@pytest.fixture
def geocrew(tmp_path: Path) -> Command:
    return Command(tmp_path, {})


def test_render_writes_what_it_names(geocrew: Command, tmp_path: Path) -> None:
    answer = geocrew("systemd", "render", "--directory", str(tmp_path / "new/units"), "--user", "gis")
    assert answer.code == 0, answer.err
    written = {Path(line).name: Path(line).read_text() for line in answer.out.splitlines()}
    assert written == render(UnitOptions(user="gis"))


def test_install_says_what_comes_next(geocrew: Command, tmp_path: Path) -> None:
    answer = geocrew("systemd", "install", "--prefix", str(tmp_path), "--memory-mb", "8192")
    assert answer.code == 0, answer.err
    assert f"written    {tmp_path}/hotspot_worker.service" in answer.out
    assert "systemctl daemon-reload" in answer.err
    assert "systemctl enable --now geocrew.target" in answer.err
    assert "MemoryMax=8192M" in (tmp_path / "hotspot_worker.service").read_text()
    (tmp_path / "hotspot_worker.service").write_text("mine")
    refused = geocrew("systemd", "install", "--prefix", str(tmp_path))
    assert refused.code == 78
    assert "hotspot_worker.service" in refused.err
    assert geocrew("systemd", "install", "--prefix", str(tmp_path), "--force").code == 0


def test_wrong_options_end_with_2(geocrew: Command, tmp_path: Path) -> None:
    answer = geocrew("systemd", "install", "--prefix", str(tmp_path), "--user", "a b")
    assert answer.code == 2
    assert "--user" in answer.err
    assert list(tmp_path.glob("*.service")) == []


def test_check_ends_with_1_on_a_problem(geocrew: Command, tmp_path: Path) -> None:
    nothing = geocrew("systemd", "check", "--prefix", str(tmp_path))
    assert nothing.code == 1
    assert str(tmp_path) in nothing.out
    program = tmp_path / "geocrew"
    geocrew(
        "systemd", "install", "--prefix", str(tmp_path), "--program", str(program), "--user", "daemon"
    )
    found = geocrew("systemd", "check", "--prefix", str(tmp_path), "--json")
    assert found.code == 1
    by_name = {each["name"]: each for each in found.document["checks"]}
    assert by_name["hotspot_worker.service"]["state"] == "ok"
    assert str(program) in by_name["units' program"]["message"]
    assert not found.document["healthy"]
