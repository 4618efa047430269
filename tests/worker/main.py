"""`python -m tests.worker.main URL CONCURRENCY`: a real worker that knows the test's analysis too."""

import sys

from geocrew.ops.logs import configure
from geocrew.settings import Settings
from geocrew.worker.serve import serve

if __name__ == "__main__":
    configure()
    from geocrew import analyses  # after serve's module has tamed numpy's threads

    analyses.MODULES = (*analyses.MODULES, "tests.worker.play")
    serve(sys.argv[1], sys.argv[3:], int(sys.argv[2]), Settings())
