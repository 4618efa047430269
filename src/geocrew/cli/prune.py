"""`geocrew prune`: delete old jobs."""

from typing import Annotated

import typer

from geocrew.cli.options import AsJson
from geocrew.cli.output import emit, say
from geocrew.errors import UserError


def prune(
    older_than: Annotated[
        float | None,
        typer.Option(
            "--older-than",
            metavar="DAYS",
            min=0.001,
            help="Days since a job's end; GEOCREW_KEEP_DAYS, if not given.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete jobs that finished some time ago, with their attempts and logs.

    The datasets they made stay. With GEOCREW_KEEP_DAYS set, workers do the same all the time.
    """
    from geocrew.cli.session import opened
    from geocrew.queue import retention

    with opened("prune") as session:
        days = older_than or session.settings.keep_days
        if days is None:
            raise UserError("say how old: geocrew prune --older-than DAYS, or set GEOCREW_KEEP_DAYS")
        found = retention.prunable(session.connection, days)
        if not dry_run:
            found = 0
            # Batch by batch, so that no lock is held for longer than one takes.
            while pruned := retention.prune(session.connection, days):
                found += pruned
    if as_json:
        emit({"jobs": found, "deleted": not dry_run, "older_than_days": days})
    else:
        verb = "would be deleted" if dry_run else "deleted"
        say(f"{found} jobs that finished more than {days:g} days ago {verb}")
