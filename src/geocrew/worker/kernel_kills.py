"""How often the kernel has ended a process of our control group for lack of memory."""

from pathlib import Path

# Version 2 of control groups tells it in one file, version 1 in another; both as lines "name count".
_FILES = (("", "memory.events"), ("memory", "memory.oom_control"))


def count(process: Path = Path("/proc/self"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the kernel's count for this process's group; 0 where it tells none.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst (memory.events, oom_kill).
    """
    try:
        lines = (process / "cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    paths = dict(line.split(":", 2)[1:] for line in lines)
    for controller, name in _FILES:
        if controller not in paths:
            continue
        # In a container the group's path may be the host's, and the mount be the group itself.
        for mounted in (controller, "unified"):
            for place in (paths[controller].lstrip("/"), ""):
                found = _read(groups / mounted / place / name)
                if found is not None:
                    return found
    return 0


def _read(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii")
    except OSError:
        return None
    counts = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    return int(counts["oom_kill"]) if "oom_kill" in counts else None
