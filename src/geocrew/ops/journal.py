"""Events with fields of their own in systemd's journal: `journalctl JOB_ID=42`.

Source: systemd's documentation, Native Journal Protocol (JOURNAL_NATIVE_PROTOCOL).
"""

import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_SOCKET = Path("/run/systemd/journal/socket")
# A datagram of the kernel's default size; only tracebacks come near it.
_MOST_BYTES = 64 * 1024
# What is asked for by field; all else is in the message, which is JSON.
_FIELDS = ("job_id", "job_type", "attempt", "event", "worker")


def sink(priorities: Mapping[str, int]) -> Callable[[dict[str, Any]], None] | None:
    """Return what writes events to the journal, or None where standard output does not lead there."""
    if not _is_connected():
        return None

    def write(event: dict[str, Any]) -> None:
        priority = priorities.get(str(event.get("level")), 6)
        line = json.dumps(event, default=str, ensure_ascii=False)
        try:  # a socket for each: nothing is inherited by a forked job
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
                speaker.sendto(encode(event, line[:_MOST_BYTES], priority), str(_SOCKET))
        except OSError:  # journald restarts: systemd holds standard output open meanwhile
            sys.stdout.write(f"<{priority}>{line}\n")
            sys.stdout.flush()

    return write


def encode(event: Mapping[str, Any], message: str, priority: int) -> bytes:
    """Return the datagram of an event."""
    fields = {"MESSAGE": message, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": "geocrew"}
    fields |= {name.upper(): str(event[name]) for name in _FIELDS if name in event}
    return b"".join(_field(name, value) for name, value in fields.items())


def _field(name: str, value: str) -> bytes:
    data = value.encode()
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"


def _is_connected() -> bool:
    """Whether standard output is the stream that systemd has named in JOURNAL_STREAM."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    if not (device.isdigit() and inode.isdigit() and _SOCKET.exists()):
        return False
    found = os.fstat(sys.stdout.fileno())
    return (found.st_dev, found.st_ino) == (int(device), int(inode))
