"""The progress of a job moves while PostgreSQL makes an index for it, though its process only waits."""

from geocrew.db import Connection
from geocrew.queue import observe
from tests.held import holding, make_held
from tests.waiting import wait_for
from tests.worker.processes import Workers, final, play

ROWS = 20_000


def test_progress_moves_with_the_index(connection: Connection, workers: Workers) -> None:
    """The scan of the rows is half of it, and they stand still in their middle."""
    points = f"SELECT ST_Point(i, 0) AS geom FROM generate_series(1, {ROWS}) AS i"
    connection.execute(f"CREATE TABLE many AS {points}".encode())
    make_held(connection, ROWS // 2)
    # No heartbeat is due for the lease's sake.
    workers.start(GEOCREW_LEASE_SECONDS="600", GEOCREW_SWEEP_SECONDS="600")
    with holding(connection):
        job_id = play(connection, "index")
        wait_for(lambda: observe.get(connection, job_id).progress >= 49, 30, "a quarter of the index")
        job = observe.get(connection, job_id)
        assert (job.progress, job.progress_message) == (49, "making an index")
    assert final(connection, job_id).status == "completed"
