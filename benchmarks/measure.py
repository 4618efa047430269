"""Cost of one call, measured in a process of its own, and the machine it ran on."""

import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions, version
from pathlib import Path
from time import perf_counter, process_time


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU and of wall clock of the call, and the peak memory of its process in MB."""

    cpu: float
    wall: float
    peak_mb: float
    base_mb: float


@dataclass(frozen=True)
class Machine:
    """What the figures depend on besides the code."""

    cpu: str
    cores: int
    python: str
    packages: dict[str, str]


def measure(call: Callable[[], object]) -> Cost:
    """Run a call once; imports and compiling must be done before."""
    base = peak_mb()
    wall, cpu = perf_counter(), process_time()
    call()
    return Cost(process_time() - cpu, perf_counter() - wall, peak_mb(), base)


@contextmanager
def sampled(look: Callable[[], object]) -> Iterator[None]:
    """Call `look` up to 50 times a second, in a thread of its own, while the block runs.

    No more than a tenth of the time goes by looking. Adding up the pages of a server and its clients
    takes 20 ms, in which each of them waits with every new page: at 50 times a second a job took twice
    as long.
    """
    over = threading.Event()

    def sample() -> None:
        pause = 0.02
        while not over.wait(pause):
            began = perf_counter()
            look()
            pause = max(0.02, 9 * (perf_counter() - began))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield
    finally:
        over.set()
        sampler.join()


def peak_mb() -> float:
    """Peak resident memory of this program so far; getrusage would count the parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def run_apart(module: str, *arguments: str) -> Cost:
    """Run `module` in a fresh interpreter; it prints a Cost as JSON in its last line."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def describe_machine(*packages: str) -> Machine:
    """Name the processor, the cores that may be used, and the versions of packages that are there."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    here = {each.name for each in distributions()}
    versions = {package: version(package) for package in packages if package in here}
    return Machine(names[0], cores, platform.python_version(), versions)
