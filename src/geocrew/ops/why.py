"""Why a job is not running yet, or not over yet, in plain sentences; the weightiest cause first."""

from collections.abc import Iterator
from dataclasses import dataclass

from geocrew.db import Connection
from geocrew.ops.circumstances import Circumstances, count_ahead, is_locked, read_circumstances
from geocrew.ops.endings import explain_end
from geocrew.ops.wording import duration
from geocrew.ops.workers import BusyWorker, survey
from geocrew.settings import Settings


@dataclass(frozen=True)
class Cause:
    """One reason: a word for programs, a sentence for people."""

    name: str
    message: str


def explain(connection: Connection, settings: Settings, job_id: int) -> list[Cause]:
    """Return the causes of a job's state, at least one; raises NotFound."""
    job = read_circumstances(connection, job_id)
    if job.status == "queued":
        return list(_explain_waiting(connection, settings, job))
    if job.status == "running":
        return list(_explain_running(connection, settings, job))
    return [Cause(job.status, explain_end(job))]


def _explain_waiting(connection: Connection, settings: Settings, job: Circumstances) -> Iterator[Cause]:
    """Yield what keeps a queued job from being claimed; each that is mended uncovers the next."""
    takers = [each for each in survey(connection, settings) if job.job_type in each.job_types]
    alive = [each for each in takers if each.alive]
    causes = [*_explain_database(job), *_explain_takers(job, takers)]
    if job.due_seconds > 0:
        causes.append(_explain_schedule(job))
    if not causes:
        causes += _explain_queue(connection, job, [each for each in alive if each.state == "working"])
    if not causes and is_locked(connection, job.id):
        message = "another session's transaction holds its row, so workers pass over it: end that one"
        causes.append(Cause("locked", message))
    if not causes:
        message = f"nothing stands in its way: it starts within {duration(settings.poll_seconds)}"
        causes.append(Cause("next", message))
    yield from causes


def _explain_database(job: Circumstances) -> Iterator[Cause]:
    if job.read_only:
        message = "the database is read-only: workers take jobs again when it can be written to"
        yield Cause("read_only", message)
    if not job.known:
        message = (
            f'no worker of this database has ever known the job type "{job.job_type}";'
            " a running one ends such a job as failed after ten seconds"
        )
        yield Cause("unknown_type", message)


def _explain_takers(job: Circumstances, takers: list[BusyWorker]) -> Iterator[Cause]:
    """Say where no worker of the type is there, or none of them claims."""
    alive = [each for each in takers if each.alive]
    if not alive and job.known:
        last = min(takers, key=lambda each: each.silent_seconds, default=None)
        heard = f" (the last one, {last.name}, {duration(last.silent_seconds)} ago)" if last else ""
        message = f"no live worker takes {job.job_type}{heard}; start one: geocrew worker {job.job_type}"
        yield Cause("no_worker", message)
    elif alive and all(each.state == "draining" for each in alive):
        yield Cause("draining", f"{_workers(alive)} of its type will stop and take no more jobs")
    elif alive and all(each.state != "working" for each in alive):
        reasons = "; ".join(
            sorted({each.reason or "an error" for each in alive if each.state == "waiting"})
        )
        message = f"{_workers(alive)} of its type must wait and will try again: {reasons}"
        yield Cause("workers_wait", message)


def _explain_schedule(job: Circumstances) -> Cause:
    due = f"due in {duration(job.due_seconds)} ({job.run_at.astimezone():%Y-%m-%d %H:%M:%S})"
    if job.attempt == 0 or job.error_message is None:
        return Cause("scheduled", f"it is {due}")
    message = f"attempt {job.attempt} ended so: {job.error_message}; the next one is {due}"
    return Cause("retry_wait", message)


def _explain_queue(
    connection: Connection, job: Circumstances, workers: list[BusyWorker]
) -> Iterator[Cause]:
    """Say who is ahead, and what holds the places of all workers of the type."""
    running = [each for worker in workers for each in worker.jobs]
    places = sum(worker.concurrency for worker in workers)
    if len(running) >= places:
        shown = ", ".join(f"job {each.id} ({each.job_type}, {each.progress} %)" for each in running[:5])
        more = " …" if len(running) > 5 else ""
        message = f"all {places} places of {_workers(workers)} of its type are taken: {shown}{more}"
        yield Cause("busy", message)
    kinds = {
        frozenset(worker.job_types) for worker in workers
    }  # each takes what comes first among its own
    ahead = min(count_ahead(connection, job.id, each) for each in kinds)
    if ahead:
        yield Cause("ahead", f"due jobs of higher priority or age that come before it: {ahead}")


def _explain_running(connection: Connection, settings: Settings, job: Circumstances) -> Iterator[Cause]:
    workers = survey(connection, settings)
    lease = job.lease_seconds or 0.0
    if lease < 0:
        alive = any(each.alive for each in workers)
        rest = (
            "any live worker takes the job over" if alive else "no live worker is there to take it over"
        )
        message = f"its worker {job.worker} is gone: the lease lapsed {duration(-lease)} ago; {rest}"
        yield Cause("lapsed", message)
    elif job.cancelling_seconds is not None:
        yield Cause("cancelling", _explain_cancelling(settings, job, job.cancelling_seconds))
    yield Cause("running", _explain_run(job, workers, lease))


def _explain_run(job: Circumstances, workers: list[BusyWorker], lease: float) -> str:
    heard = next((each.silent_seconds for each in workers if each.name == job.worker), None)
    told = "is not on the list" if heard is None else f"was heard of {duration(heard)} ago"
    step = f" ({job.progress_message})" if job.progress_message else ""
    until = f", the lease lapses in {duration(lease)} unless renewed" if lease >= 0 else ""
    return (
        f"attempt {job.attempt} has run for {duration(job.running_seconds or 0.0)},"
        f" {job.progress} %{step}; its worker {job.worker} {told}{until}"
    )


def _explain_cancelling(settings: Settings, job: Circumstances, seconds: float) -> str:
    asked = f"its cancellation was asked for {duration(seconds)} ago and is not over"
    if job.backend is None:
        return f"{asked}: its worker has yet to hear of it or to end its process"
    return (
        f"{asked}: its session in PostgreSQL (process {job.backend}) has not ended; after"
        f" {duration(settings.abandon_seconds)} inside one call the worker gives that session up"
    )


def _workers(workers: list[BusyWorker]) -> str:
    return "the only live worker" if len(workers) == 1 else f"all {len(workers)} live workers"
