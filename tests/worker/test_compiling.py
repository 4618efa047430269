"""Kernels compiled by a process of their own, once for all that start together."""

import os
import select
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geocrew.kernels import compiled
from geocrew.worker import compiling
from geocrew.worker.compiling import compile_apart


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, and a file that gets a letter from each process that compiles."""
    monkeypatch.setattr(compiled, "CACHE", tmp_path)
    count = tmp_path / "ran"
    count.write_text("")
    compile_for(monkeypatch, f"open({str(count)!r}, 'a').write('x')")
    return count


def compile_for(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(compiling, "_PROGRAM", ("-c", program))


def test_workers_that_start_at_once_have_it_done_once(ran: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(compile_apart) for _ in range(4)]:
            each.result()
    assert ran.read_text() == "x"
    compile_apart()
    assert ran.read_text() == "x"


def test_what_fails_is_tried_again_by_the_next(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_for(monkeypatch, f"open({str(ran)!r}, 'a').write('x'); raise SystemExit(3)")
    compile_apart()
    compile_apart()
    assert ran.read_text() == "xx"


def test_nothing_is_done_where_nothing_can_be_kept(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "CACHE", None)
    compile_apart()
    assert ran.read_text() == ""


def test_the_process_makes_what_a_worker_loads() -> None:
    """As `compile_apart` starts it; what is on disk already it only reads."""
    subprocess.run([sys.executable, *compiling._PROGRAM], check=True, stdin=subprocess.DEVNULL)
    assert compiled.CACHE is not None
    kept = {path.name.split(".")[0] for path in compiled.CACHE.rglob("*.nbi")}
    assert {"validity", "ring_overlay", "ewkb", "within"} <= kept


def test_it_ends_with_the_worker_that_started_it(tmp_path: Path) -> None:
    """A worker is killed while it compiles: nobody waits for the code any more."""
    read, write = os.pipe()
    inner = (
        "import os, signal; from geocrew.worker.parent import die_with;"
        f" die_with(os.getppid(), signal.SIGKILL); os.write({write}, b'x'); signal.pause()"
    )
    program = (
        "import signal, subprocess, sys;"
        f" subprocess.Popen([sys.executable, '-c', {inner!r}], pass_fds=[{write}]); signal.pause()"
    )
    outer = subprocess.Popen([sys.executable, "-c", program], pass_fds=[write], cwd=tmp_path)
    os.close(write)
    assert os.read(read, 1) == b"x"
    outer.kill()
    outer.wait()
    assert select.select([read], [], [], 20)[0]
    assert os.read(read, 1) == b""  # the last holder of the other end is gone
    os.close(read)
