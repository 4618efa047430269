"""What is found, said and installed on machines that this one is not."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from geocrew import local
from geocrew.errors import ConfigurationError
from geocrew.local import programs

SCRIPTS = Path(__file__).parents[2] / "scripts"
OFFERED = """postgresql-13-postgis-3 - Geographic objects support for PostgreSQL 13
postgresql-16-postgis-3 - Geographic objects support for PostgreSQL 16
postgresql-15-postgis-3 - Geographic objects support for PostgreSQL 15
"""


class Machine:
    """A PATH of its own: apt and sudo only write down what they are asked."""

    def __init__(self, directory: Path) -> None:
        self.programs = directory / "bin"
        self.programs.mkdir()
        self.asked = directory / "asked"
        self.asked.touch()
        for tool in ("bash", "dirname", "sed", "sort", "awk", "tail", "env"):
            found = shutil.which(tool)
            assert found is not None, tool
            (self.programs / tool).symlink_to(found)

    def add(self, name: str, does: str = "") -> None:
        program = self.programs / name
        program.write_text(f'#!/bin/bash\necho "{name} $*" >>{self.asked}\n{does}\n')
        program.chmod(0o755)

    def be(self, uid: int) -> None:
        program = self.programs / "id"
        program.write_text(f"#!/bin/bash\necho {uid}\n")
        program.chmod(0o755)

    def run(self, has_postgis: str) -> subprocess.CompletedProcess[str]:
        """Run the script's `main` with `has_postgis` as the shell's answer to that question."""
        script = SCRIPTS / "install-postgis"
        return subprocess.run(
            ["bash", "-c", f"source '{script}'; has_postgis() {{ {has_postgis}; }}; main"],
            env={"PATH": str(self.programs)},
            capture_output=True,
            text=True,
            check=False,
        )

    def wrote(self) -> list[str]:
        return self.asked.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Debian whose apt offers three PostGIS; PostGIS is there once apt-get was told to install."""
    machine = Machine(tmp_path)
    machine.add("apt-get", does='[[ "$*" != *" install "* ]] || : >"$0.installed"')
    machine.add("apt-cache", does=f"printf '%s' '{OFFERED}'")
    for tool in ("tee", "mkdir", "rm"):
        machine.add(tool)
    return machine


INSTALLED_BY_APT = '[[ -e "$(command -v apt-get).installed" ]]'


@pytest.mark.parametrize("uid", [0, 1000])
def test_postgis_is_installed_without_a_cluster_of_its_own(machine: Machine, uid: int) -> None:
    machine.be(uid)
    machine.add("sudo", does='exec "$@"')
    done = machine.run(INSTALLED_BY_APT)
    assert done.returncode == 0, done.stderr
    assert "takes a minute" in done.stdout
    wrote = machine.wrote()
    assert any(line.startswith("sudo ") for line in wrote) == (uid != 0)
    steps = [line for line in wrote if not line.startswith(("sudo ", "apt-cache "))]
    ours = "/etc/postgresql-common/createcluster.d/geocrew.conf"
    assert [step.split()[0] for step in steps] == ["apt-get", "mkdir", "tee", "apt-get", "rm"]
    assert steps[0].endswith(" update")
    assert steps[2] == f"tee {ours}"
    assert steps[3].endswith(
        " --no-install-recommends install"
        " postgresql-15 postgresql-15-postgis-3 postgresql-15-postgis-3-scripts"
    )
    assert steps[4] == f"rm -f {ours}"


def test_nothing_is_done_where_postgis_is(machine: Machine) -> None:
    done = machine.run("return 0")
    assert (done.returncode, done.stdout, machine.wrote()) == (0, "", [])


def test_this_machine_is_seen_to_have_postgis() -> None:
    script = f"source '{SCRIPTS / 'install-postgis'}'; has_postgis"
    assert subprocess.run(["bash", "-c", script], env=os.environ, check=False).returncode == 0


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("sudo", "neither root nor sudo; please ask an administrator for: apt-get install"),
        ("apt-get", "no apt-get; please install by other means: postgresql-15 "),
    ],
)
def test_where_we_cannot_install_we_say_what_is_wanted(
    machine: Machine, missing: str, said: str
) -> None:
    machine.be(1000)
    (machine.programs / missing).unlink(missing_ok=True)
    done = machine.run("return 1")
    assert done.returncode == 1
    assert said in done.stderr
    assert machine.wrote() == []


def test_a_failed_install_shows_its_words_and_leaves_no_setting_behind(machine: Machine) -> None:
    machine.be(0)
    machine.add("apt-get", does='echo "E: disk full"; [[ "$*" != *" install "* ]]')
    done = machine.run("return 1")
    assert done.returncode == 1
    assert "E: disk full" in done.stderr
    assert "could not install: postgresql-15 " in done.stderr
    assert machine.wrote()[-1].startswith("rm -f ")


def test_a_machine_without_postgis_is_told_the_command(
    cluster_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "VERSIONS", Path("/nowhere"))
    with pytest.raises(ConfigurationError, match=r"apt-get install .*postgresql-15-postgis-3"):
        local.start(cluster_directory)
    assert not cluster_directory.exists()


def test_the_newest_postgresql_that_has_postgis_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, has_postgis in (("14.9", True), ("15.3", True), ("16.1", True), ("17.0", False)):
        binaries = tmp_path / version.split(".", maxsplit=1)[0] / "bin"
        extensions = binaries.parent / "share" / "extension"
        for directory in (binaries, extensions):
            directory.mkdir(parents=True)
        for program in ("initdb", "pg_ctl"):
            (binaries / program).touch()
        if has_postgis:
            (extensions / "postgis.control").touch()
        answer = f"{binaries}\\n{extensions.parent}\\nPostgreSQL {version}\\n"
        pg_config = binaries / "pg_config"
        pg_config.write_text(f"#!/bin/sh\nprintf '{answer}'\n")
        pg_config.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "VERSIONS", tmp_path)
    assert programs.find_programs() == programs.Programs(16, tmp_path / "16" / "bin")
    assert programs.find_programs(15) == programs.Programs(15, tmp_path / "15" / "bin")
    with pytest.raises(ConfigurationError, match=r"made by PostgreSQL 14, .* postgresql-14-postgis-3"):
        programs.find_programs(14)
