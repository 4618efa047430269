"""Lines of the service log: no password in any, one file that turns over, fields for the journal."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import structlog

from geocrew.errors import ConfigurationError
from geocrew.ops import journal, logs

CANARY = "c4n4ry-p4ss"


@pytest.fixture(autouse=True)
def _restore_structlog() -> Any:
    yield
    structlog.reset_defaults()
    logs._sinks.sinks = []


def _events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        f"cannot reach postgresql://crew:{CANARY}@db/gis?sslmode=require",
        f"host=db password={CANARY} user=crew",
        f"host=db password='{CANARY}' user=crew",
        f"PGPASSWORD={CANARY}",
        f"postgres://:{CANARY}@db",
    ],
)
def test_passwords_are_hidden(text: str) -> None:
    hidden = logs.redact(text)
    assert CANARY not in hidden
    assert "***" in hidden
    assert "db" in hidden or "PGPASSWORD" in hidden


def test_other_texts_stay() -> None:
    text = 'value_field "population" at https://example.org/a:b is 3 @ 4'
    assert logs.redact(text) == text


def test_traceback_has_frames_but_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    def fail(url: str) -> None:
        raise RuntimeError(f"no answer from {url}")

    try:
        fail(f"postgresql://crew:{CANARY}@db/gis")
    except RuntimeError:
        structlog.get_logger().exception("job.attempt_failed", job_id=7, detail=[f"password={CANARY}"])
    text = capsys.readouterr().out
    assert CANARY not in text
    (event,) = _events(text)
    assert (event["event"], event["level"], event["priority"], event["job_id"]) == (
        "job.attempt_failed",
        "error",
        3,
        7,
    )
    assert event["exception"][0]["exc_type"] == "RuntimeError"
    assert event["exception"][0]["frames"][-1]["name"] == "fail"


def test_file_holds_the_same_and_turns_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_FILE_BYTES", 2000)
    logs.configure()
    logs.keep_file(tmp_path / "logs", "hotspot")
    for number in range(100):
        structlog.get_logger().info("step", number=number)
    printed = _events(capsys.readouterr().out)
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert names == ["worker_hotspot.log", *(f"worker_hotspot.log.{n}" for n in range(1, 5))]
    kept = [
        event for name in reversed(names) for event in _events((tmp_path / "logs" / name).read_text())
    ]
    assert kept == printed[-len(kept) :]
    assert all(path.stat().st_size <= 2000 for path in (tmp_path / "logs").iterdir())


def test_child_process_does_not_turn_files_over(tmp_path: Path) -> None:
    logs.configure()
    logs.keep_file(tmp_path, "hotspot")
    pid = os.fork()
    if pid == 0:
        for _ in range(20_000):
            structlog.get_logger().info("from the child", padding="x" * 500)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["worker_hotspot.log"]
    assert (tmp_path / "worker_hotspot.log").stat().st_size > logs._FILE_BYTES


def test_names_that_are_no_names(tmp_path: Path) -> None:
    for name in ("../x", "", "a b", "x" * 65):
        with pytest.raises(ConfigurationError, match="cannot name a log file"):
            logs.keep_file(tmp_path, name)


def test_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"GEOCREW_LOG_DIR .*Not a directory"):
        logs.keep_file(tmp_path / "file" / "logs", "hotspot")


def test_journal_gets_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = tmp_path / "journal"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon, (tmp_path / "out").open("w") as out:
        daemon.bind(str(address))
        status = os.fstat(out.fileno())
        monkeypatch.setattr(journal, "_SOCKET", address)
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        logs.configure()
        structlog.get_logger().warning("job.rescued", job_id=42, job_type="clip", attempt=2, note="a\nb")
        fields = dict(line.split(b"=", 1) for line in daemon.recv(65536).splitlines() if b"=" in line)
    assert fields[b"JOB_ID"] == b"42"
    assert fields[b"JOB_TYPE"] == b"clip"
    assert fields[b"ATTEMPT"] == b"2"
    assert fields[b"EVENT"] == b"job.rescued"
    assert fields[b"PRIORITY"] == b"4"
    assert json.loads(fields[b"MESSAGE"])["note"] == "a\nb"
    assert (tmp_path / "out").read_text() == ""


def test_standard_output_serves_while_the_journal_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tmp_path / "journal"
    with (tmp_path / "out").open("w") as out:
        address.write_text("")  # there, but nobody listens
        status = os.fstat(out.fileno())
        monkeypatch.setattr(journal, "_SOCKET", address)
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        logs.configure()
        structlog.get_logger().error("job.failed", job_id=1)
    text = (tmp_path / "out").read_text()
    assert text.startswith('<3>{"')
    assert json.loads(text[3:])["job_id"] == 1


def test_value_of_two_lines_is_framed_by_its_length() -> None:
    datagram = journal.encode({"event": "a\nb"}, "{}", 6)
    assert b"EVENT\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\n" in datagram
