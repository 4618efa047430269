"""What can go wrong, sorted by who can mend it.

GeocrewError
├── UserError             the caller's mistake: told at once, never retried
│   ├── InvalidParameters   every problem of one request, reported together
│   ├── NotFound            a job, dataset, field or analysis that is not there
│   └── RefusedInput        a file that is not what it says, or holds what we do not take
├── TransientError        may pass by itself: retried by policy
│   └── SourceChanged       rows of the input moved while the job was running
├── StatementTimeout      a statement took longer than the server allows: the next attempt would, too
├── LeaseLost             another attempt owns the job now: write nothing, say nothing
└── ConfigurationError    the operator's mistake: nothing runs until it is mended

The message of each is for the person who reads the job; causes go to the log (`raise … from`).
"""


class GeocrewError(Exception):
    """Base of every error that geocrew raises on purpose."""


class UserError(GeocrewError):
    """The caller's mistake; the message says what to change."""


class InvalidParameters(UserError):
    """One or more parameters are wrong; `problems` holds one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class NotFound(UserError):
    """Something named by the caller does not exist, or is not the caller's to see."""


class RefusedInput(UserError):
    """An input file or table that cannot be taken as it is."""


class TransientError(GeocrewError):
    """The same work may succeed later."""


class SourceChanged(TransientError):
    """The input changed between reading it and publishing the result."""


class StatementTimeout(GeocrewError):
    """A statement took longer than its session's statement_timeout."""


class LeaseLost(GeocrewError):
    """The lease on the job is no longer ours."""


class ConfigurationError(GeocrewError):
    """Settings, database or machine are not fit to run."""
