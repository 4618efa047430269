"""Seven real data sets, small enough to ship, for the demonstration, the tests and the documentation."""

from importlib import resources
from pathlib import Path


def files() -> list[Path]:
    """Return the paths of the data files, by name; SOURCES.md beside them says where they come from."""
    folder = Path(str(resources.files("geocrew.demo"))) / "data"
    return sorted(each for each in folder.iterdir() if each.suffix in (".gpkg", ".tif"))
