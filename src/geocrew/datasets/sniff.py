"""What a file is, by its first bytes, and whether that is what its name promises."""

import re
import stat
from enum import Enum
from pathlib import Path

from geocrew.errors import RefusedInput

_HEAD = 4096
_GEOPACKAGE_IDS = (b"GPKG", b"GP10", b"GP11")


class Format(Enum):
    """An accepted format: its title and the endings that promise it."""

    GEOPACKAGE = ("GeoPackage", (".gpkg",))
    GEOJSON = ("GeoJSON", (".geojson", ".json"))
    FLATGEOBUF = ("FlatGeobuf", (".fgb",))
    SHAPEFILE = ("Shapefile", (".shp",))
    ZIP = ("zipped Shapefile", (".zip",))
    CSV = ("CSV", (".csv", ".tsv", ".txt"))
    GEOPARQUET = ("GeoParquet", (".parquet", ".geoparquet"))
    GEOTIFF = ("GeoTIFF", (".tif", ".tiff"))

    @property
    def title(self) -> str:
        """The name for people."""
        return str(self.value[0])


def recognise(path: Path) -> Format:
    """Return the format that both name and content agree on; raises RefusedInput where they do not."""
    promised = _promised(path)
    head = _head(path)
    found = _content(head)
    if found is None and promised is Format.CSV and b"\0" not in head:
        return promised
    if found is not promised:
        held = found.title if found else _foreign(head)
        raise RefusedInput(f'"{path.name}" is named as a {promised.title} but holds {held}')
    return promised


def accepted() -> str:
    """List the accepted formats and endings for a message."""
    return ", ".join(f"{each.title} ({' '.join(each.value[1])})" for each in Format)


def json_kind(path: Path) -> str:
    """Name JSON that is no GeoJSON, as well as its first bytes tell."""
    text = _text(_head(path))
    if re.match(rb'\{\s*"(arcs|objects)"', text) or re.search(rb'"type"\s*:\s*"Topology"', text):
        return "TopoJSON"
    if b"esriGeometry" in text:
        return "Esri JSON"
    several = re.search(rb"\}\s*\{", text)
    return "several JSON texts, one after another" if several else "JSON that is no GeoJSON"


def _promised(path: Path) -> Format:
    suffix = path.suffix.lower()
    for each in Format:
        if suffix in each.value[1]:
            return each
    raise RefusedInput(f'"{path.name}" has no known ending; accepted: {accepted()}')


def _head(path: Path) -> bytes:
    """Return the first bytes of a regular file; a pipe or device would never end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise RefusedInput(f'"{path}" is not a regular file')
        with path.open("rb") as file:
            return file.read(_HEAD)
    except FileNotFoundError as error:
        raise RefusedInput(f'"{path}" does not exist') from error
    except (OSError, ValueError) as error:
        raise RefusedInput(f'"{path}" cannot be read: {error}') from error


def _content(head: bytes) -> Format | None:
    if head.startswith(b"SQLite format 3\0") and head[68:72] in _GEOPACKAGE_IDS:
        return Format.GEOPACKAGE
    signatures = {
        b"fgb\x03fgb": Format.FLATGEOBUF,
        b"\x00\x00\x27\x0a": Format.SHAPEFILE,
        b"PK\x03\x04": Format.ZIP,
        b"PAR1": Format.GEOPARQUET,
        b"II*\0": Format.GEOTIFF,
        b"MM\0*": Format.GEOTIFF,
        b"II+\0": Format.GEOTIFF,
        b"MM\0+": Format.GEOTIFF,
    }
    for signature, found in signatures.items():
        if head.startswith(signature):
            return found
    return Format.GEOJSON if _text(head).startswith(b"{") else None


def _foreign(head: bytes) -> str:
    """Name what is none of ours, as well as it can be told."""
    text = _text(head)
    if not head:
        return "nothing"
    if head.startswith(b"SQLite format 3\0"):
        return "an SQLite database that is no GeoPackage"
    if text.startswith(b"<"):
        return "XML"
    return "binary data" if b"\0" in head else "text"


def _text(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()
