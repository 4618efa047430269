"""Zipped shapefiles: checked by their directory, then unpacked under our names with a hard limit."""

import lzma
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from geocrew.datasets.shelter import SHAPEFILE_PARTS
from geocrew.errors import RefusedInput

MAX_ENTRIES = 64
MAX_RATIO = 100
MAX_BYTES = 8 * 1024**3
_ARCHIVES = {".zip", ".shz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".tgz", ".kmz"}
_CHUNK = 1024 * 1024
_DAMAGE = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error, lzma.LZMAError)


def unpack(path: Path, directory: Path, layer: str | None, max_bytes: int = MAX_BYTES) -> Path:
    """Write the shapefile of the archive into `directory` as input.shp and so on; return the .shp.

    `layer` chooses one of several shapefiles. Raises RefusedInput for whatever is no plain zipped
    shapefile.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check(path, members, max_bytes)
            chosen = _choose(path, members, layer)
            for suffix, member in chosen.items():
                _extract(archive, member, directory / f"input{suffix}")
    except _DAMAGE as error:
        raise RefusedInput(f'"{path.name}" is a damaged zip file: {error}') from error
    except OSError as error:
        raise RefusedInput(f'"{path.name}" cannot be unpacked: {error}') from error
    return directory / "input.shp"


def _check(path: Path, members: list[zipfile.ZipInfo], max_bytes: int) -> None:
    if len(members) > MAX_ENTRIES:
        raise RefusedInput(f'"{path.name}" holds {len(members)} entries; at most {MAX_ENTRIES}')
    total = sum(each.file_size for each in members)
    if total > max_bytes:
        raise RefusedInput(f'"{path.name}" unpacks to {total} bytes; at most {max_bytes}')
    # Members that overlap share their compressed bytes, so the file's own size is the measure.
    if total > MAX_RATIO * path.stat().st_size:
        raise RefusedInput(f'"{path.name}" unpacks to more than {MAX_RATIO} times its size')
    names = [each.filename for each in members]
    if len(set(names)) < len(names):
        raise RefusedInput(f'"{path.name}" holds two entries of one name')
    for each in members:
        _check_member(path, each)


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    problem = ""
    if name.is_absolute() or ".." in name.parts or (name.parts[:1] and ":" in name.parts[0]):
        problem = "leads out of the archive"
    elif stat.S_ISLNK(member.external_attr >> 16):
        problem = "is a symbolic link"
    elif member.flag_bits & 1:
        problem = "is encrypted"
    elif name.suffix.lower() in _ARCHIVES:
        problem = "is an archive within the archive"
    if problem:
        raise RefusedInput(f'"{path.name}": the entry {member.filename!r} {problem}')


def _choose(path: Path, members: list[zipfile.ZipInfo], layer: str | None) -> dict[str, zipfile.ZipInfo]:
    """Group the parts by shapefile and return those of the one that is meant, by ending."""
    shapefiles: dict[PurePosixPath, dict[str, zipfile.ZipInfo]] = {}
    for each in members:
        name = PurePosixPath(each.filename)
        if not each.is_dir() and "__MACOSX" not in name.parts:
            shapefiles.setdefault(name.with_suffix(""), {})[name.suffix.lower()] = each
    found = {name: parts for name, parts in shapefiles.items() if ".shp" in parts}
    names = ", ".join(sorted(f'"{name.name}"' for name in found))
    if not found:
        raise RefusedInput(f'"{path.name}" holds no .shp file')
    wanted = [name for name in found if layer in (None, name.name)]
    if len(wanted) != 1:
        why = f'has no single layer "{layer}"' if layer else "holds several layers; name one"
        raise RefusedInput(f'"{path.name}" {why}: {names}')
    return {suffix: each for suffix, each in found[wanted[0]].items() if suffix in SHAPEFILE_PARTS}


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Copy one member, and stop where it holds more than its directory entry said."""
    written = 0
    with archive.open(member) as source, target.open("xb") as out:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > member.file_size:
                raise RefusedInput(f"the entry {member.filename!r} holds more than it says")
            out.write(chunk)
