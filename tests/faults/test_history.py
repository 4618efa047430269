"""Concurrent clients against a seeded nemesis; afterwards the whole history must make sense.

`make faults` runs the long form; FAULTS_SEED, FAULTS_JOBS and FAULTS_EVENTS set it. The history of a run
is in `.faults/`: what clients asked and were told, what the nemesis did, each committed change of state.
"""

from __future__ import annotations  # Cluster is imported by the plugin machinery, not by us

import os
from pathlib import Path
from typing import TYPE_CHECKING

from geocrew.db import Connection, connect
from tests.faults.clients import History, clients
from tests.faults.nemesis import Nemesis
from tests.faults.proxy import proxied
from tests.waiting import wait_for
from tests.worker.processes import Workers, job_sessions, staged

if TYPE_CHECKING:
    from tests.cluster import Cluster

SEED = int(os.environ.get("FAULTS_SEED", "1854"))
JOBS = int(os.environ.get("FAULTS_JOBS", "240"))
EVENTS = int(os.environ.get("FAULTS_EVENTS", "24"))
ALLOWED = {
    ("", "queued"),
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "queued"),
    ("failed", "queued"),
    ("cancelled", "queued"),
}
# Written in the commit that changes the state: what was rolled back leaves no trace.
WITNESS = """
CREATE TABLE public.witness (
    id bigserial PRIMARY KEY, job_id bigint, before text, after text, lease uuid,
    at timestamptz DEFAULT now()
);
CREATE FUNCTION public.bear_witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN  -- the request to cancel a running job leaves it as it is
        IF NEW.status = OLD.status AND NEW.lease IS NOT DISTINCT FROM OLD.lease THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO public.witness (job_id, before, after, lease)
    VALUES (NEW.id, CASE TG_OP WHEN 'INSERT' THEN '' ELSE OLD.status END, NEW.status, NEW.lease);
    RETURN NULL;
END $$;
CREATE TRIGGER bear_witness AFTER INSERT OR UPDATE OF status ON public.background_jobs
    FOR EACH ROW EXECUTE FUNCTION public.bear_witness();
"""


def test_history_makes_sense_whatever_happens(own_cluster: Cluster, own_workers: Workers) -> None:
    history = History(_fresh(Path(".faults") / f"{SEED}.jsonl"))
    with connect(own_cluster.url(), "test") as connection:
        connection.execute(WITNESS)
    with proxied(own_cluster.url()) as proxy:
        nemesis = Nemesis(own_cluster, own_workers, proxy, SEED, history)
        with clients(own_cluster.url(), SEED, 4, JOBS, history):
            nemesis.rage(EVENTS, restarts=True)
        with connect(own_cluster.url(), "test") as connection:
            # Healed workers end some ten jobs a second here; one a second is a worker that hangs.
            wait_for(lambda: _open_jobs(connection) == [], 180 + JOBS, "all jobs to end")
            wait_for(lambda: job_sessions(connection) == 0, 30, "the sessions of jobs to end")
            wait_for(lambda: staged(connection) == [], 30, "the sweep")
            _save_states(connection, history)
            _check(connection, history)


def _fresh(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def _open_jobs(connection: Connection) -> list[int]:
    rows = connection.execute("SELECT id FROM background_jobs WHERE status IN ('queued', 'running')")
    return [row[0] for row in rows]


def _save_states(connection: Connection, history: History) -> None:
    for job_id, before, after, at in connection.execute(
        "SELECT job_id, before, after, at FROM public.witness ORDER BY id"
    ).fetchall():
        history.write("database", "state", job_id=job_id, before=before, after=after, when=str(at))


def _check(connection: Connection, history: History) -> None:
    rows = connection.execute(
        "SELECT job.id, job.status, (job.result ->> 'dataset_id')::int, array_agg(dataset.id)"
        " FILTER (WHERE dataset.id IS NOT NULL), count(to_regclass('public.' || dataset.table_name))"
        " FROM background_jobs AS job LEFT JOIN geocrew.datasets AS dataset ON dataset.job_id = job.id"
        " GROUP BY job.id ORDER BY job.id"
    ).fetchall()
    jobs = {row[0]: row[1:] for row in rows}
    assert history.acknowledged <= jobs.keys(), "an acknowledged job is lost"
    assert len(jobs) == JOBS // 4 * 4, "a job was enqueued twice"
    for job_id, (status, dataset, datasets, tables) in jobs.items():
        expected = ([dataset], 1) if status == "completed" else (None, 0)
        assert (datasets, tables) == expected, f"job {job_id} is {status}"
    _check_moves(connection, jobs.keys())
    locks = connection.execute(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE application_name LIKE 'geocrew job%' OR state LIKE 'idle in transaction%'"
    ).fetchone()
    assert locks == (0,)


def _check_moves(connection: Connection, job_ids: object) -> None:
    """Each move is allowed and begins where the one before has ended; no lease is given twice."""
    rows = connection.execute(
        "SELECT job_id, before, after, lease FROM public.witness ORDER BY job_id, id"
    ).fetchall()
    state: dict[int, str] = {}
    leases = set()
    for job_id, before, after, lease in rows:
        assert (before, after) in ALLOWED, f"job {job_id} went from {before} to {after}"
        assert state.get(job_id, "") == before, f"job {job_id}: two histories"
        assert state.get(job_id) != "completed", f"job {job_id} went on after its end"
        if after == "running":
            assert lease not in leases, f"job {job_id}: a lease was given twice"
            leases.add(lease)
        state[job_id] = after
    assert state.keys() == job_ids
