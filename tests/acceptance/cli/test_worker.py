"""`geocrew worker` as a service manager sees it."""

import signal
from pathlib import Path

from tests.acceptance.cli.command import Command
from tests.waiting import wait_for


def test_sigterm_ends_it_with_0_at_any_time(geocrew: Command) -> None:
    starting = geocrew.start("worker")
    status = Path(f"/proc/{starting.process.pid}/status")

    def listens() -> bool:
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) & 1 << (signal.SIGTERM - 1))

    wait_for(listens, 30, "a handler for SIGTERM")
    assert starting.end() == 0
    assert geocrew.worker("outlier_analysis").end() == 0


def test_it_takes_the_types_that_are_named(geocrew: Command) -> None:
    unknown = geocrew("worker", "outliers")
    assert unknown.code == 2
    assert 'unknown job_type "outliers"; did you mean "outlier_analysis"?' in unknown.err
    geocrew.worker("outlier_analysis")
    found = {each["name"]: each["state"] for each in geocrew("doctor", "--json").document["checks"]}
    assert found["worker for outlier_analysis"] == "ok"
    assert found["worker for hotspot_analysis"] == "warning"
