"""What a user installs: a wheel that has everything inside and needs nothing beside it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from geocrew import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the locked build backend and no network."""
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--no-index", "--wheel-dir", directory, ROOT], check=True)
    (built,) = directory.glob("*.whl")
    return built


def test_wheel_has_sql_data_types_and_licence_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "geocrew").rglob("*")
        if path.is_file() and path.suffix in {".py", ".sql", ".gpkg", ".tif", ".md", ".typed"}
    }
    assert {"geocrew/py.typed", "geocrew/schema/0001_queue.sql"} <= sources <= names
    assert any(name.endswith("LICENSE") for name in names)


def test_wheel_runs_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """Unpacked away from the sources, it prints its version and finds its own data."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import geocrew;"
        "from geocrew.demo import files; from geocrew.schema.migrate import migrations;"
        "print(geocrew.__file__.startswith(sys.argv[1]), len(list(files())), len(migrations()) > 2)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["True", "7", "True"]


def test_version() -> None:
    command = [sys.executable, "-m", "geocrew.cli.main", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert __version__ in done.stdout
