"""Draw the pictures of the documentation: run each page's example on the demo data, draw what comes out.

    .venv/bin/python -m scripts.pictures [JOB_TYPE ...]

Starts a PostGIS of its own and touches no other. The same data give the same bytes.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.pictures.scenes import SCENES
from scripts.pictures.stage import Stage
from tests.examples import PAGES, import_demo, read_example, run_example

from geocrew import local
from geocrew.db import Connection, connect


def main() -> None:
    """Write docs/analyses/pictures/JOB_TYPE.svg for the job types given, or all."""
    chosen = sys.argv[1:] or list(SCENES)
    with _demo() as (connection, rasters):
        stage = Stage.read(connection, rasters)
        for job_type in chosen:
            runs = [run for _, run in run_example(connection, read_example(job_type), rasters)]
            text = SCENES[job_type](stage, runs[-1]).text()
            path = PAGES / "pictures" / f"{job_type}.svg"
            path.write_text(text, "utf-8")
            print(f"{path.name}: {path.stat().st_size // 1000} kB")


@contextmanager
def _demo() -> Iterator[tuple[Connection, Path]]:
    """Start a server with the demo data and yield a session and the directory of rasters."""
    with tempfile.TemporaryDirectory(prefix="geocrew-pictures-") as name:
        home = Path(name)
        home.chmod(0o755)
        url = local.start(home / "cluster", fsync="off")
        try:
            import_demo(url, home / "rasters")
            with connect(url, "pictures", client_min_messages="warning") as connection:
                yield connection, home / "rasters"
        finally:
            local.stop(home / "cluster", "immediate")


if __name__ == "__main__":
    main()
