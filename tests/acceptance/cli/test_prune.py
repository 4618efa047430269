"""`geocrew prune`: old jobs go, their datasets stay."""

from tests.acceptance.cli.command import Command

from geocrew.db import Connection
from geocrew.queue import produce


def test_prune_counts_and_deletes(geocrew: Command, connection: Connection, places: int) -> None:
    ids = [produce.enqueue(connection, "a", {}) for _ in range(3)]
    for job_id in ids[:2]:
        produce.cancel(connection, job_id)
    connection.execute(
        "UPDATE background_jobs SET finished_at = now() - interval '8 days' WHERE id = %s", ids[:1]
    )
    assert geocrew("prune", "--older-than", "7", "--dry-run").out == (
        "1 jobs that finished more than 7 days ago would be deleted\n"
    )
    done = geocrew("prune", "--older-than", "7", "--json").document
    assert done == {"jobs": 1, "deleted": True, "older_than_days": 7.0}
    left = [row[0] for row in connection.execute("SELECT id FROM background_jobs ORDER BY id")]
    assert left == ids[1:]
    assert connection.execute("SELECT id FROM geocrew.datasets").fetchall() == [(places,)]


def test_prune_wants_an_age(geocrew: Command) -> None:
    refused = geocrew("prune")
    assert refused.code == 2
    assert "geocrew prune --older-than DAYS" in refused.err
