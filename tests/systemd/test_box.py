"""The box says why it cannot boot."""

import os
import subprocess
from pathlib import Path

from tests.systemd.conftest import REFUSED, SCRIPT


def test_only_root_can_boot(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = subprocess.run(
        ["bash", "-s", tmp_path.anchor],
        input=SCRIPT.read_text(),  # the checkout may be closed to others
        user=65534 if os.geteuid() == 0 else None,
        cwd="/",
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "root" in done.stderr
