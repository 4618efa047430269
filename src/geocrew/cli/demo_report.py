"""What the demonstration shows at its end."""

from collections.abc import Sequence
from typing import Any

from geocrew.cli.address import parts_of, split_password
from geocrew.cli.output import say, seconds, table
from geocrew.queue.job import Job

_HOT_TO_COLD = ("99% hot", "95% hot", "90% hot", "not significant", "90% cold", "95% cold", "99% cold")


def show_results(jobs: Sequence[Job]) -> None:
    """Print a table of the jobs and what they found."""
    say("")
    rows = []
    for job in jobs:
        result = job.result or {}
        dataset = f"{result['dataset_id']} {result['dataset_name']}" if result else ""
        found = _found(result) if result else job.error_message
        rows.append(
            (
                job.id,
                job.job_type,
                job.status,
                seconds(job.seconds),
                dataset,
                result.get("row_count"),
                found,
            )
        )
    columns = ["job", "type", "status", "seconds", "dataset", "rows", "found"]
    table(columns, rows, numbers=["job", "seconds", "rows"])


def show_next_steps(jobs: Sequence[Job], url: str, *, private: bool) -> None:
    """Print how to look further, and what goes on running."""
    address, password = split_password(url)
    results = [job.result for job in jobs if job.result]
    say("")
    say("look further:")
    say(f"  geocrew jobs show {jobs[0].id}")
    say("  geocrew datasets list")
    if results:
        dataset_id, table_name = results[0]["dataset_id"], results[0]["table_name"]
        say(f"  geocrew datasets export {dataset_id} hotspots.gpkg")
        counted = f"SELECT hotspot_class, count(*) FROM {table_name} GROUP BY 1 ORDER BY 2 DESC"  # noqa: S608 (for the reader, not run)
        say("  geocrew db shell")
        say(f"    {counted};")
    shown = address if password is None else "$GEOCREW_DATABASE_URL"
    say(f'  psql "{shown}"')
    parts = ", ".join(f"{name} {value}" for name, value in parts_of(url).items())
    say(f"  QGIS, new PostgreSQL connection: {parts}")
    if private:
        say("")
        say("the database goes on running; stop it: geocrew db stop")
        say("workers for more jobs: geocrew up")


def _found(result: dict[str, Any]) -> str:
    """Say in a few words what the result holds, whatever its job type."""
    for counts, names in (("classes", _HOT_TO_COLD), ("patterns", None)):
        found = result.get(counts)
        if isinstance(found, dict):
            known = [name for name in names or found if found.get(name)]
            return ", ".join(f"{name}: {found[name]}" for name in known)
    return ", ".join(f"{name[2:]}: {result[name]}" for name in result if _tells(name, result[name]))


def _tells(name: str, value: Any) -> bool:
    """Whether a count of a result is news: what was found or left out, not what was done as always."""
    return name.startswith("n_") and name != "n_rows" and isinstance(value, int) and value > 0
