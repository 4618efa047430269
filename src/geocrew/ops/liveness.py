"""Which workers live, and which job types somebody works on now."""

from collections.abc import Iterator

from geocrew.db import Connection, statement
from geocrew.queue import observe
from geocrew.queue.job import Worker
from geocrew.settings import Settings

_SQL = "geocrew.ops.sql"


def live_workers(connection: Connection, settings: Settings) -> list[Worker]:
    """Return the workers that were heard of lately."""
    return [each for each in observe.workers(connection) if is_alive(each, settings)]


def served_types(connection: Connection, settings: Settings) -> set[str]:
    """Return the job types, aliases among them, that live workers take."""
    return set(_types(live_workers(connection, settings)))


def known_types(connection: Connection) -> list[str]:
    """Return the job types, aliases among them, that some worker of this database has ever taken."""
    return [row[0] for row in connection.execute(statement(_SQL, "job_types"))]


def is_alive(worker: Worker, settings: Settings) -> bool:
    """Workers speak every `sweep_seconds`, a fifth more or less; who missed four turns is gone."""
    return worker.silent_seconds < max(15.0, 4 * settings.sweep_seconds)


def _types(workers: list[Worker]) -> Iterator[str]:
    for worker in workers:
        yield from worker.job_types
