"""How long a job waits for its next attempt."""

import random

from geocrew.settings import Settings


def wait_seconds(attempt: int, settings: Settings) -> float:
    """Return the wait after the attempt with number `attempt` (from 1): doubling, with jitter.

    Half to one and a half times the nominal wait, so that jobs that failed together come back apart.
    """
    nominal = min(settings.retry_base_seconds * 2.0 ** (attempt - 1), settings.retry_max_seconds)
    return nominal * random.uniform(0.5, 1.5)  # noqa: S311 (spreads load, guards nothing)
