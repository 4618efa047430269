"""What a worker says to its service manager, heard through real sockets."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from geocrew.worker.notify import Notifier, Running, describe


class Manager:
    """The end of the socket that systemd would hold."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1))
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    name = f"{tmp_path}/notify" if request.param == "file" else f"@geocrew-test-{os.getpid()}"
    made = Manager(name)
    yield made
    made.socket.close()


def test_each_thing_is_said_once(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    for _ in range(3):
        notifier.status("waiting for the database")
        notifier.extend(30)
    for _ in range(3):
        notifier.ready()
        notifier.status("idle")
    for _ in range(3):
        notifier.stopping()
        notifier.status("draining")
    assert manager.heard() == [
        "STATUS=waiting for the database",
        "EXTEND_TIMEOUT_USEC=30000000",
        "READY=1",
        "STATUS=idle",
        "STOPPING=1",
        "STATUS=draining",
    ]


def test_more_time_is_asked_for_when_half_is_over(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier, now = Notifier(manager.address), 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for now in (1000.0, 1014.0, 1016.0, 1030.0, 1032.0):
        notifier.extend(30)
        assert len(manager.heard()) == (now in {1000.0, 1016.0, 1032.0})


def test_a_status_cannot_carry_a_second_message(manager: Manager) -> None:
    Notifier(manager.address).status("no\nWATCHDOG=1\r\n" + "x" * 9000)
    (message,) = manager.heard()
    assert message.startswith("STATUS=no WATCHDOG=1 xxx")
    assert len(message) < 400


def test_the_watchdog_hears_twice_in_its_time(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "6000000"}
    notifier, now = Notifier.from_environment(environment), 1000.0
    assert notifier.watchdog_seconds == 3
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for now in (1000.0, 1002.9, 1003.0, 1005.0, 1006.0):
        notifier.watchdog()
        assert manager.heard() == (["WATCHDOG=1"] if now in {1000.0, 1003.0, 1006.0} else [])
    assert notifier.watchdog_due == 1009.0


@pytest.mark.parametrize(
    ("ours", "usec", "seconds"),
    [(True, "500000", 0.25), (False, "500000", None), (True, "0", None), (True, "", None)],
)
def test_a_watchdog_of_another_process_is_not_ours(ours: bool, usec: str, seconds: float | None) -> None:
    pid = os.getpid() if ours else os.getppid()
    environment = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": usec, "WATCHDOG_PID": str(pid)}
    assert Notifier.from_environment(environment).watchdog_seconds == seconds


def test_children_inherit_nothing_to_speak_with(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.setenv("WATCHDOG_USEC", "6000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    before = len(list(Path("/proc/self/fd").iterdir()))
    notifier = Notifier.from_environment()
    notifier.ready()
    assert manager.heard() == ["READY=1"]
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & os.environ.keys()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("address", ["", "@", "vsock:2:1234", "relative"])
def test_without_an_address_nothing_happens(address: str) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    notifier.ready()
    notifier.status("idle")
    notifier.watchdog()
    assert notifier.watchdog_seconds is None
    assert notifier.watchdog_due == float("inf")


def test_what_was_not_heard_is_said_again(tmp_path: Path) -> None:
    notifier = Notifier(f"{tmp_path}/notify", 1.0)
    notifier.ready()
    notifier.status("idle")
    notifier.watchdog()
    manager = Manager(f"{tmp_path}/notify")
    notifier.ready()
    notifier.status("idle")
    notifier.watchdog()
    assert manager.heard() == ["READY=1", "STATUS=idle", "WATCHDOG=1"]
    manager.socket.close()


def test_a_manager_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    manager = Manager(f"{tmp_path}/notify")
    notifier = Notifier(manager.address)
    begun = time.monotonic()
    for number in range(1000):
        notifier.status(f"{number}")
        if time.monotonic() - begun > 0.9:  # the queue is full
            break
    assert time.monotonic() - begun < 10
    manager.socket.close()


DISSOLVE = Running(8123, "dissolve", 42, 930.0)
CLIP = Running(9, "clip", 0, 1000.0)


@pytest.mark.parametrize(
    ("children", "waiting", "draining", "text"),
    [
        ([], None, False, "idle"),
        ([DISSOLVE], None, False, "job=8123 dissolve 42% 00:01:10"),
        ([DISSOLVE, CLIP], None, False, "job=9 clip 0% 00:00:00; job=8123 dissolve 42% 00:01:10"),
        ([], "the database: refused", False, "waiting for the database: refused"),
        (
            [CLIP],
            "the database: refused",
            False,
            "waiting for the database: refused; job=9 clip 0% 00:00:00",
        ),
        ([CLIP], None, True, "draining, 1 job left; job=9 clip 0% 00:00:00"),
        ([], None, True, "draining, 0 jobs left"),
        ([CLIP._replace(started=1000.0 - 100 * 3600)], None, False, "job=9 clip 0% 100:00:00"),
    ],
)
def test_status(children: list[Running], waiting: str | None, draining: bool, text: str) -> None:
    assert describe(children, waiting, draining, 1000.0) == text


def test_many_jobs_are_counted() -> None:
    many = [Running(number, "clip", 1, 990.0) for number in range(256)]
    assert describe(many, None, True, 1000.0).startswith("draining, 256 jobs left; job=0 ")
    assert describe(many, None, False, 1000.0).endswith("; job=3 clip 1% 00:00:10; and 252 more")
