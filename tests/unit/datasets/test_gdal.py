"""Which drivers each copy of GDAL registers, asked in fresh interpreters."""

import os
import subprocess
import sys

import pytest

ASK = """
from geocrew.datasets import gdal
{first}
pyogrio, rasterio = gdal.vector(), gdal.raster()
assert set(pyogrio.list_drivers()) == gdal.VECTOR_DRIVERS, pyogrio.list_drivers()
with rasterio.Env() as environment:
    assert set(environment.drivers()) == gdal.RASTER_DRIVERS, environment.drivers()
assert set(pyogrio.list_drivers()) == gdal.VECTOR_DRIVERS
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run it without the restrictions that this process has in its environment by now."""
    free = {name: value for name, value in os.environ.items() if name != "GDAL_SKIP"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=free)


@pytest.mark.parametrize("first", ["", "gdal.raster()"])
def test_the_allowed_drivers_and_no_others(first: str) -> None:
    done = run(ASK.format(first=first))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_pyogrio_loaded_before_is_refused() -> None:
    done = run("import pyogrio; from geocrew.datasets import gdal; gdal.vector()")
    assert done.returncode == 1
    assert "ConfigurationError: pyogrio can open formats that geocrew does not allow: " in done.stderr


def test_rasterio_loaded_before_is_refused() -> None:
    done = run("import rasterio\nwith rasterio.Env(): pass" + ASK.format(first=""))
    assert done.returncode == 1
    assert "ConfigurationError: rasterio can open formats that geocrew does not allow: " in done.stderr
