"""Which job types somebody works on now."""

from geocrew.db import Connection
from geocrew.queue import observe
from geocrew.settings import Settings


def served_types(connection: Connection, settings: Settings) -> set[str]:
    """Return the job types, aliases among them, of the workers that were heard of lately."""
    patience = patience_seconds(settings)
    return {
        job_type
        for worker in observe.workers(connection)
        if worker.silent_seconds < patience
        for job_type in worker.job_types
    }


def patience_seconds(settings: Settings) -> float:
    """Workers speak every `sweep_seconds`, a fifth more or less; who missed four turns is gone."""
    return max(15.0, 4 * settings.sweep_seconds)
