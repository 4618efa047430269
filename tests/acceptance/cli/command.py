"""Run the installed command as a user does: in a process of its own, with an environment of its own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.waiting import wait_for

QUICK = {"GEOCREW_LEASE_SECONDS": "2", "GEOCREW_SWEEP_SECONDS": "0.3"}


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@dataclass
class Running:
    """A command that goes on; its output goes to files."""

    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path

    def said(self, text: str, times: int = 1, seconds: float = 60.0) -> str:
        """Wait until both streams together hold `text` so often; return them."""

        def look() -> str:
            found = self.out.read_text() + self.err.read_text()
            if found.count(text) >= times:
                return found
            assert self.process.poll() is None, f"it ended without saying {text!r}: {found}"
            return ""

        return wait_for(look, seconds, f"{text!r}: {self.out.read_text()}{self.err.read_text()}")

    def end(self, number: int = signal.SIGTERM, seconds: float = 60.0) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass
class Command:
    """`geocrew` with an environment; ends what a test left running."""

    directory: Path
    settings: dict[str, str]
    started: list[Running] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GEOCREW_")}
        return kept | QUICK | self.settings

    def __call__(self, *arguments: str, **settings: str) -> Answer:
        done = subprocess.run(
            _line(arguments),
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **settings: str) -> Running:
        out = self.directory / f"{len(self.started)}.out"
        err = self.directory / f"{len(self.started)}.err"
        with out.open("wb") as output, err.open("wb") as errors:
            process = subprocess.Popen(
                _line(arguments),
                env=self.environment | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
        running = Running(process, out, err)
        self.started.append(running)
        return running

    def worker(self, *job_types: str) -> Running:
        """Start a worker and wait until it works."""
        running = self.start("worker", *job_types)
        running.said("worker.ready")
        return running

    def end_all(self) -> None:
        for running in self.started:
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait()


def _line(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "geocrew.cli.main", *arguments]
