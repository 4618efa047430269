"""The entry point `geocrew`."""

from typing import Annotated

import typer

from geocrew import __version__
from geocrew.cli import (
    analyses,
    datasets,
    db,
    demo,
    doctor,
    jobs,
    metrics,
    prune,
    run,
    systemd,
    up,
    worker,
    workers,
)
from geocrew.cli.exits import end_with

app = typer.Typer(
    name="geocrew",
    help="Durable background workers for spatial analysis on PostGIS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.add_typer(jobs.app, name="jobs")
app.add_typer(datasets.app, name="datasets")
app.add_typer(analyses.app, name="analyses")
app.add_typer(db.app, name="db")
app.add_typer(systemd.app, name="systemd")
app.command("worker")(worker.worker)
app.command("workers")(workers.workers)
app.command("up")(up.up)
app.command("demo")(demo.demo)
app.command("metrics")(metrics.metrics)
app.command("prune")(prune.prune)
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"geocrew {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Durable background workers for spatial analysis on PostGIS."""


def main() -> None:
    """Run the command line; every error becomes a message and an exit code (exits.py)."""
    try:
        app(prog_name="geocrew")
    except Exception as error:  # noqa: BLE001 (the last place where an error can become a message)
        end_with(error)


if __name__ == "__main__":
    main()
