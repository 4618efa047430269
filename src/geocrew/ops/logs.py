"""The service log: one event, one line, in the journal, on standard output and in a file.

Tracebacks stay here and never reach a job's user; no line holds a password (`redact`).
"""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from geocrew.errors import ConfigurationError
from geocrew.ops import journal

Event = dict[str, Any]
Sink = Callable[[Event], None]

# The manual page syslog(3) names them.
PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
_FILE_BYTES, _FILES = 10 * 1024 * 1024, 5
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}", re.ASCII)
# A password in a URL or in a libpq connection string, whoever wrote it into a message.
_SECRETS = re.compile(
    r"(?<=://)([^\s:/@]*):[^\s/@]+(?=@)|(?i:(password|passwd|pgpassword)\s*=\s*)('[^']*'|[^\s'\"&]+)"
)


class _Sinks:
    """What structlog takes for a logger: hands each event to everyone who wants it."""

    def __init__(self, sinks: list[Sink]) -> None:
        self.sinks = sinks

    def write(self, event: Event) -> None:
        for sink in self.sinks:
            sink(event)

    debug = info = warning = error = critical = exception = write


_sinks = _Sinks([])


def configure() -> None:
    """Send events to the journal if standard output is it; else there, for a person or as JSON."""
    terminal = sys.stdout.isatty()
    _sinks.sinks = [_terminal_sink() if terminal else journal.sink(PRIORITIES) or _print_json]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if terminal else "iso", utc=not terminal),
            # Local variables would tell whatever a frame held: addresses with passwords among it.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
            if not terminal
            else structlog.processors.format_exc_info,
            _redact_event,
            lambda _logger, _method, event: ((event,), {}),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _sinks,
    )


def keep_file(directory: Path, name: str) -> None:
    """Write events to `worker_{name}.log` in a directory too, five files of 10 MiB in turn.

    Raises ConfigurationError for a name that is none, or a directory that cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f'"{name}" cannot name a log file: letters, digits, "_", ".", "+" and "-", at most 64'
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            directory / f"worker_{name}.log", maxBytes=_FILE_BYTES, backupCount=_FILES - 1
        )
    except OSError as error:
        raise ConfigurationError(f"GEOCREW_LOG_DIR {directory}: {error.strerror}") from error
    # A job's process writes into the file it was born with; only the worker turns files over.
    os.register_at_fork(after_in_child=lambda: setattr(handler, "maxBytes", 0))
    _sinks.sinks.append(lambda event: handler.emit(logging.makeLogRecord({"msg": to_json(event)})))


def to_json(event: Mapping[str, Any]) -> str:
    """Return the event as one line, with its syslog priority."""
    priority = PRIORITIES.get(str(event.get("level")), 6)
    return json.dumps({**event, "priority": priority}, default=str, ensure_ascii=False)


def redact(text: str) -> str:
    """Hide passwords in a text."""
    return _SECRETS.sub(lambda found: f"{found[1]}:***" if found[2] is None else f"{found[2]}=***", text)


def _redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Event:
    return {key: _redact_value(value) for key, value in event.items()}


def _redact_value(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redact_value(each) for key, each in value.items()}
    return [_redact_value(each) for each in value] if isinstance(value, list | tuple) else value


def _print_json(event: Event) -> None:
    sys.stdout.write(f"{to_json(event)}\n")
    sys.stdout.flush()


def _terminal_sink() -> Sink:
    renderer = structlog.dev.ConsoleRenderer()

    def show(event: Event) -> None:
        sys.stdout.write(f"{renderer(None, '', dict(event))}\n")
        sys.stdout.flush()

    return show
