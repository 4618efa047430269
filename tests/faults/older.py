"""`python -m tests.faults.older PACKAGE URL CONCURRENCY`: a worker of the release before this one.

`PACKAGE` is the directory of that release's package `geocrew`; all else is this environment's.
"""

import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import geocrew
from geocrew.kernels import warm
from geocrew.ops.logs import configure
from geocrew.settings import Settings
from geocrew.worker.serve import serve

if __name__ == "__main__":
    assert Path(geocrew.__file__).is_relative_to(sys.argv[1]), geocrew.__file__
    configure()
    # The test's analysis needs no kernel; compiling all would take longer than the test.
    warm.warm = lambda: None
    from geocrew import analyses

    analyses.MODULES = (*analyses.MODULES, "tests.worker.play")
    serve(sys.argv[2], sys.argv[4:], int(sys.argv[3]), Settings())
