"""What a person at a terminal sees; everything else is tested through pipes."""

import fcntl
import os
import pty
import struct
import sys
import termios

import pytest
from tests.acceptance.cli.command import Command

from geocrew import demo

PUMPS = next(each for each in demo.files() if each.name == "soho_pumps.gpkg")


def _on_a_terminal(command: Command, *arguments: str, **settings: str) -> tuple[int, str]:
    pid, terminal = pty.fork()
    if pid == 0:
        line = [sys.executable, "-m", "geocrew.cli.main", *arguments]
        os.execve(sys.executable, line, command.environment | {"TERM": "xterm"} | settings)  # noqa: S606 (no shell is wanted)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    seen = b""
    try:
        while data := os.read(terminal, 65536):
            seen += data
    except OSError:  # what a terminal answers when its last process is gone
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


@pytest.mark.usefixtures("places")
def test_progress_is_drawn_and_names_cannot_draw(geocrew: Command) -> None:
    geocrew.worker("outlier_analysis")
    values = ("dataset_id=places", "value_field=size")
    code, seen = _on_a_terminal(geocrew, "run", "outlier_analysis", *values, "--wait")
    assert code == 0, seen
    assert "━━━━" in seen
    assert "completed" in seen
    assert "\x1b[" in seen
    name = "[red]\x1b[31mpumps"
    code, seen = _on_a_terminal(geocrew, "datasets", "import", str(PUMPS), "--name", name)
    assert code == 0, seen
    code, seen = _on_a_terminal(geocrew, "datasets", "list", NO_COLOR="1")
    assert code == 0, seen
    assert "[red]\\x1b[31mpumps" in seen
    assert "\x1b[3" not in seen
