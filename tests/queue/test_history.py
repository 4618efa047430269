"""Whatever callers, workers and rescuers do in any order: no job is lost, none ends twice."""

from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geocrew.db import Connection
from geocrew.errors import LeaseLost, UserError
from geocrew.queue import consume, observe, produce
from geocrew.queue.job import FINAL, Claim
from geocrew.queue.rescue import rescue

KINDS = ["enqueue", "claim", "complete", "fail", "later", "back", "cancel", "lapse", "retry"]
MOVES = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 20),
    ),
    max_size=40,
)


class Model:
    """What we have seen of each job, next to the queue itself."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.jobs: list[int] = []
        self.claims: list[Claim] = []
        self.completed: set[int] = set()

    def do(self, move: str, which: int) -> None:
        if move == "enqueue":
            self.jobs.append(produce.enqueue(self.connection, "play", {}, max_attempts=3))
        elif move == "claim":
            self.claims += consume.claim(self.connection, ["play"], "w", 60, 1)
        elif move == "lapse":
            self.connection.execute(
                "UPDATE background_jobs SET leased_until = 'yesterday' WHERE lease IS NOT NULL"
            )
            rescue(self.connection, crash_limit=3)
        elif move in ("cancel", "retry") and self.jobs:
            act = produce.cancel if move == "cancel" else produce.retry
            self._attempt(lambda: act(self.connection, self.jobs[which % len(self.jobs)]))
        elif self.claims:
            self._end(move, self.claims[which % len(self.claims)])

    def _end(self, move: str, claim: Claim) -> None:
        """Old claims are tried again and again: only the one that holds the lease may succeed."""
        if move == "complete":
            before = observe.get(self.connection, claim.id)
            try:
                consume.complete(self.connection, claim.id, claim.lease, {})
            except LeaseLost:
                return
            assert before.status == "running"
            assert claim.id not in self.completed
            self.completed.add(claim.id)
        elif move == "fail":
            consume.fail(self.connection, claim, "failed", "no")
        elif move == "later":
            consume.retry_later(self.connection, claim, "failed", "no", 0.0)
        elif move == "back":
            consume.hand_back(self.connection, claim)
        elif move == "cancel":
            consume.end_cancelled(self.connection, claim)

    def _attempt(self, act: Any) -> None:
        try:
            act()
        except UserError:
            return

    def check(self) -> None:
        rows = {job.id: job for job in observe.listed(self.connection, limit=10_000)}
        assert sorted(rows) == self.jobs
        assert {job.id for job in rows.values() if job.status == "completed"} == self.completed
        for job in rows.values():
            assert (job.status in FINAL) == (job.finished_at is not None)
            assert job.status != "queued" or job.cancel_requested_at is None
            assert job.attempt <= job.max_attempts + 3  # crashes are not counted against them


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_no_order_of_moves_loses_or_repeats_a_job(
    connection: Connection, moves: list[tuple[str, int]]
) -> None:
    connection.execute("TRUNCATE background_jobs CASCADE")
    model = Model(connection)
    for move, which in moves:
        try:
            model.do(move, which)
        except psycopg.errors.CheckViolation as error:  # the table may refuse, but we should not ask
            raise AssertionError(f"{move} asked for nonsense: {error}") from error
    model.check()
