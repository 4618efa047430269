"""Load before the first fork what every child needs: a fork takes 6 ms, a new interpreter 2.3 s."""

import gc
import os

# Thread pools must not exist in a process that forks, and a job is one core's work.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"


def preload() -> None:
    """Import the analyses, have the kernels compiled, and share all of it with the children."""
    from geocrew import analyses  # noqa: PLC0415 (numpy must come after the variables above)
    from geocrew.datasets import gdal  # noqa: PLC0415 (as above)
    from geocrew.db import load_statements  # noqa: PLC0415 (as above)
    from geocrew.kernels.warm import warm  # noqa: PLC0415 (as above)
    from geocrew.worker.compiling import compile_apart  # noqa: PLC0415 (as above)

    compile_apart()
    analyses.load()
    # A worker that has run out of descriptors can still hand its jobs back.
    load_statements("geocrew.queue.sql", "geocrew.datasets.sql", "geocrew.views.sql")
    gdal.raster()  # 0.11 s of CPU that no raster job pays again
    warm()
    gc.collect()
    gc.freeze()
