"""A program: run all worked examples as a worker's child does, and name the kernels compiled for them.

A kernel that is compiled in a job's process costs every first job of an installation seconds.

    python -m tests.compiled_late DATABASE_URL RASTER_DIR
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from numba.core.registry import CPUDispatcher

from geocrew import analyses, kernels
from geocrew.db import connect
from geocrew.kernels.warm import warm
from tests.examples import read_example, run_example


def signatures() -> Iterator[tuple[str, str]]:
    """Name all kernels with the types that they have been compiled for."""
    for found in iter_modules(kernels.__path__):
        module = import_module(f"{kernels.__name__}.{found.name}")
        for name, kernel in vars(module).items():
            if isinstance(kernel, CPUDispatcher):
                yield from ((f"{found.name}.{name}", str(types)) for types in kernel.overloads)


if __name__ == "__main__":
    warm()
    before = set(signatures())
    with connect(sys.argv[1], "examples") as connection:
        for job_type in analyses.load():
            run_example(connection, read_example(job_type), Path(sys.argv[2]))
    for kernel, types in sorted(set(signatures()) - before):
        sys.stdout.write(f"{kernel} {types}\n")
