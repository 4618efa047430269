"""The progress of a job moves while PostgreSQL makes an index for it, though its process only waits."""

from geocrew.db import Connection
from geocrew.queue import observe
from tests.held import holding, make_held
from tests.waiting import wait_for
from tests.worker.processes import Workers, final, play

ROWS = 20_000


def test_progress_moves_with_the_index(connection: Connection, workers: Workers) -> None:
    """The scan of the rows is half of it, and they stand still at a quarter and at three quarters."""
    points = f"SELECT ST_Point(i, 0) AS geom FROM generate_series(1, {ROWS}) AS i"
    connection.execute(f"CREATE TABLE many AS {points}".encode())
    early, late = ROWS // 4, ROWS * 3 // 4
    make_held(connection, early, late)
    # No heartbeat is due for the lease's sake.
    workers.start(GEOCREW_LEASE_SECONDS="600", GEOCREW_SWEEP_SECONDS="300")
    with holding(connection, late):
        with holding(connection, early):
            job_id = play(connection, "index")
            wait_for(
                lambda: observe.get(connection, job_id).progress >= 44, 30, "an eighth of the index"
            )
        wait_for(lambda: observe.get(connection, job_id).progress >= 54, 30, "three eighths of it")
        job = observe.get(connection, job_id)
        assert (job.progress, job.progress_message) == (54, "making an index")
    assert final(connection, job_id).status == "completed"
