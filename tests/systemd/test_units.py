"""The unit files: rendered from one template, and the committed ones are what it makes."""

import configparser
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from geocrew import analyses
from geocrew.errors import InvalidParameters
from geocrew.ops.systemd.options import WORKERS, UnitOptions
from geocrew.ops.systemd.render import SLICE, TARGET, read, render, service
from geocrew.settings import Settings

COMMITTED = Path(__file__).parents[2] / "systemd"
SERVICES = [service(each) for each in WORKERS]


def values(text: str, name: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.partition("=")[0] == name]


def value(text: str, name: str) -> str:
    (found,) = values(text, name)
    return found


def test_committed_files_are_those_of_the_template() -> None:
    committed = {path.name: path.read_text() for path in COMMITTED.iterdir()}
    assert committed == render(UnitOptions()), "run: geocrew systemd render"


def test_every_job_type_has_one_worker() -> None:
    served = [job_type for job_types in WORKERS.values() for job_type in job_types]
    assert sorted(served) == sorted(analyses.load())


def test_options_reach_the_units() -> None:
    chosen: dict[str, Any] = {
        "program": "/srv/gis/bin/geocrew",
        "data_directory": "/data/gis",
        "environment_file": "/etc/gis.env",
        "user": "gis",
        "group": "maps",
        "concurrency": 3,
        "memory_mb": 10_240,
        "cpu_percent": 350,
        "total_memory_percent": 60,
    }
    units = render(UnitOptions.chosen(chosen))
    text = units["create_view_worker.service"]
    command = "worker create_view refresh_view --name create_view --concurrency 3"
    assert value(text, "ExecStart") == f"/srv/gis/bin/geocrew {command}"
    assert value(text, "WorkingDirectory") == value(text, "ReadWritePaths") == "/data/gis"
    assert "GEOCREW_DATA_DIR=/data/gis" in values(text, "Environment")
    assert value(text, "EnvironmentFile") == "/etc/gis.env"
    assert (value(text, "User"), value(text, "Group")) == ("gis", "maps")
    assert (value(text, "MemoryMax"), value(text, "MemoryHigh")) == ("10240M", "9216M")
    assert "GEOCREW_JOB_MEMORY_MB=2901" in values(text, "Environment")
    assert value(text, "CPUQuota") == "350%"
    assert (value(units[SLICE], "MemoryMax"), value(units[SLICE], "MemoryHigh")) == ("60%", "54%")
    made = read(text)
    assert made is not None
    assert made.intact
    assert made.options.model_dump() == chosen


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_keeps_its_promises(name: str) -> None:
    text = render(UnitOptions())[name]
    settings = Settings(_env_file=None)
    assert int(value(text, "TimeoutStopSec")) > settings.drain_seconds + settings.lease_seconds
    assert value(text, "Type") == "notify"
    assert value(text, "RestartPreventExitStatus") == "78"
    assert value(text, "PartOf") == TARGET
    assert value(text, "Slice") == SLICE
    assert value(text, "WantedBy") == f"{TARGET} multi-user.target"
    assert not values(text, "MemoryDenyWriteExecute")
    assert "DATABASE_URL" not in "".join(values(text, "Environment"))
    job = next(each for each in values(text, "Environment") if "JOB_MEMORY" in each)
    assert int(job.partition("=")[2]) == settings.job_memory_mb
    assert name in value(render(UnitOptions())[TARGET], "Also").split()


def test_units_are_well_formed() -> None:
    for name, text in render(UnitOptions()).items():
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read_string(text)
        assert parser.has_section("Unit"), name


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"user": "bad user"}, ["--user", "'bad user'", "a-z"]),
        ({"group": "root\nUser=root"}, ["--group"]),
        ({"program": "bin/geocrew"}, ["--program", "'bin/geocrew'", "absolute path"]),
        ({"data_directory": "/srv/a b"}, ["--data-directory", "'/srv/a b'"]),
        ({"environment_file": "/srv/%h"}, ["--environment-file", "'/srv/%h'"]),
        ({"concurrency": 0}, ["--concurrency", "greater than or equal to 1", "0"]),
        ({"memory_mb": 1024, "concurrency": 8}, ["--memory-mb 1024", "8 jobs", "64"]),
        ({"cpu_percent": 0, "total_memory_percent": 101}, ["--cpu-percent", "--total-memory-percent"]),
    ],
)
def test_wrong_options_are_named(given: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InvalidParameters) as caught:
        UnitOptions.chosen(given)
    assert [each for each in named if each not in str(caught.value)] == []


@pytest.mark.parametrize(
    "text",
    [
        "[Service]\nExecStart=/bin/true\n",
        "# Made by x\n# options: {}\n# checksum: 0\n",
        f'# Made by x\n# options: {{"user": 1}}\n# checksum: {"0" * 64}\n',
        f"# Made by x\n# options: []\n# checksum: {'0' * 64}\n",
        f"# Made by x\n# options: {{\n# checksum: {'0' * 64}\n",
    ],
)
def test_what_is_not_ours_is_not_read_as_ours(text: str) -> None:
    assert read(text) is None


@pytest.mark.skipif(which("systemd-analyze") is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize("name", SERVICES)
def test_exposure_is_low(name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager"]
    done = subprocess.run(
        [*command, COMMITTED / name], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
