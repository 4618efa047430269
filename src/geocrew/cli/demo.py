"""`geocrew demo`: real jobs on real data, from nothing."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from geocrew.cli import exits
from geocrew.cli.demo_jobs import FIRST, SECOND, DemoJob
from geocrew.cli.output import notice

if TYPE_CHECKING:
    from geocrew.cli.session import Session
    from geocrew.queue.job import Job
    from geocrew.settings import Settings


def demo() -> None:
    """Run real jobs on real data.

    Uses the private database (started where it is not running, and left running) or the one that
    GEOCREW_DATABASE_URL names. Exits with 3 if a job did not complete.
    """
    from geocrew.cli.demo_report import show_next_steps, show_results
    from geocrew.cli.session import find_url, opened, read_settings
    from geocrew.cli.up import migrate_database
    from geocrew.cli.waiting import exit_code, progress, watch

    settings = read_settings()
    _start_database(settings)
    migrate_database(find_url(settings))
    with _workers(settings) as check, opened("demo") as session:
        datasets = _import_files(session, check)
        jobs: list[Job] = []
        for wave in (FIRST, SECOND):
            notice(f"enqueuing {len(wave)} jobs")
            job_ids = _enqueue(session, datasets, wave)
            with progress() as show:
                jobs += watch(session.connection, job_ids, show, check)
            datasets |= _named_results(jobs)
    show_results(jobs)
    show_next_steps(jobs, session.url, private=not settings.database_url)
    raise typer.Exit(exits.FAILED if exit_code(jobs) != exits.OK else exits.OK)


def _start_database(settings: "Settings") -> None:
    if not settings.database_url:
        from geocrew import local
        from geocrew.cli.session import database_directory

        notice("starting the private database")
        local.start(database_directory(settings))


@contextmanager
def _workers(settings: "Settings") -> Iterator[Any]:
    """Run `geocrew up` beside us, its lines in a file; yields what raises when it has died."""
    from geocrew.cli.crew import die_with_parent
    from geocrew.errors import TransientError

    log = settings.data_dir / "demo.log"
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    notice(f"starting a worker for each job type; log: {log}")
    with log.open("wb") as lines:
        crew = subprocess.Popen(
            [sys.executable, "-m", "geocrew.cli.main", "up"],
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 (this process has no threads yet)
        )

    def check() -> None:
        if crew.poll() is not None:
            raise TransientError(f"the workers have stopped: {_last_line(log)} (log: {log})")

    try:
        yield check
    finally:
        crew.send_signal(signal.SIGTERM)
        crew.wait()
        notice("workers stopped")


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    return lines[-1] if lines else "no reason given"


def _import_files(session: "Session", check: Any) -> dict[str, int]:
    """Import the files whose names are no datasets yet; returns all ids by name."""
    from geocrew import demo as package
    from geocrew.cli.row_counter import row_counter
    from geocrew.datasets import catalog
    from geocrew.datasets.importer import import_file

    known = {each.name: each.id for each in reversed(catalog.listed(session.connection))}
    found: dict[str, int] = {}
    for file in package.files():
        check()
        name = file.stem
        if name in known:
            notice(f"dataset {known[name]} {name} is there")
            found[name] = known[name]
            continue
        with row_counter(name) as count:
            dataset = import_file(
                session.connection,
                file,
                name=name,
                raster_dir=session.settings.raster_dir,
                on_progress=count,
            )
        rows = "raster" if dataset.row_count is None else f"{dataset.row_count:,} rows"
        notice(f"dataset {dataset.id} {name}: {rows}")
        found[name] = dataset.id
    return found


def _enqueue(session: "Session", datasets: dict[str, int], wave: Sequence[DemoJob]) -> list[int]:
    from geocrew.submit import submit

    with session.connection.transaction():
        return [
            submit(
                session.connection,
                job.job_type,
                {name: datasets[dataset] for name, dataset in job.datasets.items()} | job.params,
            )
            for job in wave
            if all(dataset in datasets for dataset in job.datasets.values())
        ]


def _named_results(jobs: Sequence["Job"]) -> dict[str, int]:
    """Return the new datasets by name, for jobs that build on them."""
    results = [job.result for job in jobs if job.result is not None]
    return {result["dataset_name"]: result["dataset_id"] for result in results}
