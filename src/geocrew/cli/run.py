"""`geocrew run`: check parameters, enqueue, and wait where asked to."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from geocrew.cli import exits
from geocrew.cli.job_page import result_pairs
from geocrew.cli.options import AsJson
from geocrew.cli.output import emit, notice, pairs, say

if TYPE_CHECKING:
    from geocrew.queue.job import Job

_TEN_YEARS = 3.2e8


def run(
    job_type: Annotated[str, typer.Argument(help="See: geocrew analyses list.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=VALUE",
            help="Parameters, see: geocrew analyses show JOB_TYPE. Numbers, lists and objects are JSON,"
            " @FILE reads it; a dataset goes by id or name.",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Show progress and the result.")] = False,
    as_json: AsJson = False,
    priority: Annotated[int, typer.Option(min=-(2**31), max=2**31 - 1, help="Higher runs sooner.")] = 0,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=_TEN_YEARS, metavar="SECONDS", help="Stop an attempt after this long."
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="A key used before finds its job instead of making another."),
    ] = None,
    output_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the new dataset.")
    ] = None,
) -> None:
    """Run an analysis: enqueue a job.

    Prints the number of the job. Exit codes with --wait: 0 completed, 3 failed, 4 cancelled; Ctrl-C
    leaves the job running.
    """
    from geocrew import analyses
    from geocrew.cli.session import opened
    from geocrew.cli.values import read_values
    from geocrew.cli.waiting import exit_code, look, warn_of_missing_workers
    from geocrew.cli.waiting import wait as wait_for
    from geocrew.submit import submit

    if idempotency_key is not None and not 1 <= len(idempotency_key) <= 255:
        raise typer.BadParameter("a key has 1 to 255 characters", param_hint="--idempotency-key")
    analysis = analyses.find(job_type)
    given = [*(values or []), *([] if output_name is None else [f"output_name={output_name}"])]
    with opened("run") as session:
        connection = session.connection
        job_id = submit(
            connection,
            job_type,
            read_values(analysis, given, connection),
            priority=priority,
            timeout=None if timeout is None else timedelta(seconds=timeout),
            idempotency_key=idempotency_key,
        )
        if wait:
            notice(f"job {job_id}")
            jobs = wait_for(connection, session.settings, [job_id])
        else:
            jobs = look(connection, [job_id])
            warn_of_missing_workers(connection, session.settings, jobs)
    if as_json:
        emit(jobs[0])
    elif wait:
        show_result(jobs[0])
    else:
        say(str(job_id))
    raise typer.Exit(exit_code(jobs) if wait else exits.OK)


def show_result(job: "Job") -> None:
    """Print what a job that is over has to show."""
    if job.status == "completed":
        pairs(result_pairs(job.result or {}))
    elif job.status == "failed":
        notice(f"job {job.id} failed: {job.error_message}")
    else:
        notice(f"job {job.id} was cancelled")
