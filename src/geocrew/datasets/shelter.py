"""A private directory where GDAL sees one input under a plain name and nothing beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

# What makes up a shapefile; GDAL would read other companions too.
SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@contextmanager
def sheltered(path: Path, parts: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield a link to `path` and to those of its companions whose endings are in `parts`.

    The name given by the caller never reaches GDAL: it may hold `!`, `://`, `/vsi` or a driver's prefix.
    """
    with TemporaryDirectory(prefix="geocrew-") as directory:
        inner = Path(directory) / f"input{path.suffix.lower()}"
        inner.symlink_to(path.resolve(strict=True))
        for companion in _companions(path, parts):
            inner.with_suffix(companion.suffix.lower()).symlink_to(companion.resolve())
        yield inner


def _companions(path: Path, parts: tuple[str, ...]) -> list[Path]:
    if not parts:
        return []
    found = {
        each.suffix.lower(): each
        for each in sorted(path.resolve().parent.iterdir())
        if each.stem == path.stem and each.is_file()
    }
    return [found[suffix] for suffix in parts if suffix in found and suffix != path.suffix.lower()]
