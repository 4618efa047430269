"""`geocrew run`: check parameters, enqueue, and wait where asked to."""

from datetime import timedelta
from typing import Annotated

import typer

from geocrew.cli.options import AsJson

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
    from geocrew.cli.waiting import follow
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
        code = follow(session, job_id, wait=wait, as_json=as_json)
    raise typer.Exit(code)
