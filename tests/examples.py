"""The worked examples of the documentation, read from its pages and run as a worker would run them."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from geocrew import analyses, demo
from geocrew.cli.values import read_values
from geocrew.datasets.importer import import_file
from geocrew.db import Connection, connect
from geocrew.schema.migrate import migrate
from tests.run_analysis import Run, run_analysis

PAGES = Path(__file__).parents[1] / "docs" / "analyses"
# The numbers that `make demo` gives the data in a new database, which the pages use.
DEMO_IDS = {path.stem: number for number, path in enumerate(demo.files(), 1)}


@dataclass(frozen=True)
class Example:
    """What the section of a page says: all of its words, its commands, and its two blocks of JSON."""

    words: str
    commands: list[list[str]]
    params: dict[str, Any]
    result: dict[str, Any]


def read_example(job_type: str) -> Example:
    """Read the page of a job type."""
    page = (PAGES / f"{job_type}.md").read_text("utf-8")
    section = page.split("\n## Example\n")[1].split("\n## ")[0]
    params, result = (json.loads(each) for each in re.findall(r"```json\n(.*?)```", section, re.DOTALL))
    prose = re.sub(r"```.*?```", "", section, flags=re.DOTALL)
    lines = "".join(dedent(each) for each in re.findall(r"(?:^    .*\n)+", prose, re.MULTILINE))
    commands = [
        shlex.split(each) for each in re.split(r"^(?=geocrew |psql )", lines, flags=re.MULTILINE)
    ]
    return Example(" ".join(section.split()), [each for each in commands if each], params, result)


def run_example(
    connection: Connection, example: Example, raster_dir: Path
) -> list[tuple[dict[str, Any], Run]]:
    """Do what the commands say, one after the other; returns the parameters and outcome of each job."""
    done = []
    for words in example.commands:
        if words[:3] == ["psql", "$(geocrew db url)", "-c"]:
            connection.execute(words[3].encode())
            continue
        job_type, given = _job(words)
        params = read_values(analyses.find(job_type), given, connection)
        done.append((params, run_analysis(connection, job_type, params, raster_dir=raster_dir)))
    return done


def _job(words: list[str]) -> tuple[str, list[str]]:
    """Return the job type and the `name=value`s of a command that waits for its job."""
    match words:
        case ["geocrew", "run", job_type, *given, "--wait"]:
            return job_type, given
        case ["geocrew", "datasets", "refresh", dataset, "--wait"]:
            return "refresh_view", [f"dataset_id={dataset}"]
    raise ValueError(f"no example is run by {shlex.join(words)}")


def import_demo(url: str, raster_dir: Path) -> None:
    """Make an empty database what `make demo` makes of it before its first job."""
    with connect(url, "demo data", client_min_messages="warning") as connection:
        migrate(connection)
        found = {
            path.stem: import_file(connection, path, raster_dir=raster_dir).id for path in demo.files()
        }
    assert found == DEMO_IDS, found
