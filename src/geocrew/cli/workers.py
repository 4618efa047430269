"""`geocrew workers`: who works, on what."""

from typing import TYPE_CHECKING

from geocrew.cli.options import AsJson
from geocrew.cli.output import emit, notice, say, table

if TYPE_CHECKING:
    from geocrew.ops.workers import BusyWorker

_COLUMNS = ["worker", "state", "takes", "runs", "places", "MiB", "version", "heard of"]


def workers(as_json: AsJson = False) -> None:
    """Show the workers and what they run; those that fell silent apart."""
    from geocrew.cli.session import opened
    from geocrew.ops.workers import survey

    with opened("workers") as session:
        found = survey(session.connection, session.settings)
    live = [each for each in found if each.alive]
    dead = [each for each in found if not each.alive]
    if as_json:
        emit({"live": live, "dead": dead})
        return
    if live:
        table(_COLUMNS, [_row(each) for each in live], numbers=["places", "MiB"])
    else:
        notice("no worker lives; start all: geocrew up, or one: geocrew worker JOB_TYPE")
    if dead:
        say("")
        say("silent: dead, frozen or cut off; their jobs are taken over when the lease lapses")
        table(_COLUMNS, [_row(each) for each in dead], numbers=["places", "MiB"])


def _row(worker: "BusyWorker") -> list[object]:
    from geocrew.ops.wording import duration

    jobs = [
        f"{each.id} {each.job_type} {each.progress} %{', cancelling' if each.cancelling else ''}"
        for each in worker.jobs
    ]
    state = worker.state if worker.alive else "silent"
    return [
        worker.name,
        f"{state}: {worker.reason}" if worker.reason and worker.alive else state,
        ", ".join(worker.job_types),
        "; ".join(jobs) or "nothing",
        worker.concurrency,
        worker.memory_mb,
        worker.version,
        f"{duration(worker.silent_seconds)} ago",
    ]
