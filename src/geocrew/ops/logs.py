"""The service log: JSON lines, or plain ones for a person at a terminal."""

import logging
import sys

import structlog


def configure() -> None:
    """Send all events to standard output; tracebacks stay here and never reach a job's user."""
    terminal = sys.stdout.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if terminal else "iso", utc=not terminal),
            *(
                [structlog.dev.ConsoleRenderer()]
                if terminal
                else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
    )
