"""`geocrew jobs`: look at jobs, cancel them, send them round again."""

from typing import Annotated

import typer

from geocrew.cli.options import AsJson, JobId
from geocrew.cli.output import emit, moment, notice, say, seconds, table
from geocrew.queue.job import FINAL, Job, LogLine, Status

app = typer.Typer(help="Look at jobs, cancel them, retry them.", no_args_is_help=True)


@app.command("list")
def list_jobs(
    status: Annotated[Status | None, typer.Option(help="Only jobs of this status.")] = None,
    job_type: Annotated[str | None, typer.Option("--type", help="Only jobs of this type.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 20,
    before: Annotated[
        int | None, typer.Option(metavar="ID", min=1, help="Only jobs older than this one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    from geocrew.cli.session import opened
    from geocrew.queue import observe

    with opened("jobs") as session:
        jobs = observe.listed(
            session.connection, status=status, job_type=job_type, before=before, limit=limit
        )
    if as_json:
        emit(jobs)
        return
    table(
        ["id", "job type", "status", "%", "created", "seconds", "outcome"],
        [
            (
                job.id,
                job.job_type,
                job.status,
                job.progress,
                moment(job.created_at),
                seconds(job.seconds),
                _outcome(job),
            )
            for job in jobs
        ],
        numbers=["id", "%", "seconds"],
    )
    if len(jobs) == limit:
        notice(f"older ones: geocrew jobs list --before {jobs[-1].id}")


@app.command()
def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show all that is known of a job."""
    from geocrew.cli.job_page import LOG_TAIL, show_page
    from geocrew.cli.session import opened
    from geocrew.queue import observe

    with opened("jobs") as session:
        job = observe.get(session.connection, job_id)
        attempts = observe.attempts(session.connection, job_id)
        lines = observe.log_lines(session.connection, job_id)[-LOG_TAIL:]
    if as_json:
        emit({**vars(job), "attempts": attempts, "log": lines})
    else:
        show_page(job, attempts, lines)


@app.command()
def why(job_id: JobId, as_json: AsJson = False) -> None:
    """Tell why a job is not running yet, or not over yet."""
    from geocrew.cli.session import opened
    from geocrew.ops.why import explain
    from geocrew.queue import observe

    with opened("jobs") as session:
        status = observe.get(session.connection, job_id).status
        causes = explain(session.connection, session.settings, job_id)
    if as_json:
        emit({"id": job_id, "status": status, "causes": causes})
        return
    for each in causes:
        say(f"job {job_id} is {status}: {each.message}")


@app.command()
def log(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the log of a job."""
    from geocrew.cli.job_page import log_line
    from geocrew.cli.session import opened
    from geocrew.cli.waiting import watch
    from geocrew.queue import observe

    seen: list[LogLine] = []
    with opened("jobs") as session:
        connection = session.connection

        def show_new(_job: Job) -> None:
            for line in observe.log_lines(connection, job_id, seen[-1].id if seen else 0):
                seen.append(line)
                if not as_json:
                    say(log_line(line))

        if follow:
            watch(connection, [job_id], show_new)
        else:
            show_new(observe.get(connection, job_id))
    if as_json:
        emit(seen)


@app.command()
def cancel(
    job_id: JobId,
    wait: Annotated[bool, typer.Option(help="Wait until the job is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cancel a job.

    A queued one ends at once, a running one as soon as its worker hears of it.
    """
    from geocrew.cli.session import opened
    from geocrew.cli.waiting import look, wait_for
    from geocrew.queue import produce

    with opened("jobs") as session:
        produce.cancel(session.connection, job_id)
        ids = [job_id]
        connection = session.connection
        job = (wait_for(connection, session.settings, ids) if wait else look(connection, ids))[0]
    if as_json:
        emit(job)
    elif job.status in FINAL:
        say(f"job {job_id} is {job.status}")
    else:
        say(f"job {job_id} is {job.status} and will be cancelled")


@app.command()
def retry(job_id: JobId, as_json: AsJson = False) -> None:
    """Queue a failed or cancelled job again."""
    from geocrew.cli.session import opened
    from geocrew.cli.waiting import look, warn_of_missing_workers
    from geocrew.queue import produce

    with opened("jobs") as session:
        produce.retry(session.connection, job_id)
        jobs = look(session.connection, [job_id])
        warn_of_missing_workers(session.connection, session.settings, jobs)
    if as_json:
        emit(jobs[0])
    else:
        say(f"job {job_id} is {jobs[0].status}")


@app.command()
def wait(
    job_ids: Annotated[list[int], typer.Argument(metavar="ID...", min=1, max=2**63 - 1)],
    as_json: AsJson = False,
) -> None:
    """Wait until jobs are over.

    Exits with 3 if any failed, else with 4 if any was cancelled.
    """
    from geocrew.cli.session import opened
    from geocrew.cli.waiting import exit_code, wait_for

    with opened("jobs") as session:
        jobs = wait_for(session.connection, session.settings, job_ids)
    if as_json:
        emit(jobs)
    else:
        table(["id", "status", "outcome"], [(job.id, job.status, _outcome(job)) for job in jobs], ["id"])
    raise typer.Exit(exit_code(jobs))


def _outcome(job: Job) -> str | None:
    if job.result is not None and "dataset_id" in job.result:
        return f"dataset {job.result['dataset_id']} {job.result.get('dataset_name', '')}"
    if job.status in ("queued", "running"):
        return job.progress_message
    return job.error_message
