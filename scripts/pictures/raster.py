"""Cells as a small PNG with a palette, inside an SVG."""

import base64
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio

Cells: TypeAlias = np.ma.MaskedArray[Any, Any]
Extent: TypeAlias = tuple[float, float, float, float]


def read_cells(path: Path) -> tuple[Cells, Extent]:
    """Return the first band, north up, masked where it has no value, and west, south, east, north."""
    with rasterio.open(path) as raster:
        cells = raster.read(1, masked=True).astype(float)
        if raster.transform.e > 0:
            cells = cells[::-1]
        (west, east), (south, north) = (sorted(raster.bounds[each::2]) for each in (0, 1))
    return cells, (west, south, east, north)


def image(classes: Cells, palette: Sequence[str], x: int, y: int, width: int, height: int) -> str:
    """Return an image of classes, each in its colour of the palette; masked cells are transparent."""
    encoded = base64.b64encode(_png(classes.filled(len(palette)), palette)).decode()
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none"'
        f' href="data:image/png;base64,{encoded}"/>'
    )


def _png(indices: np.ndarray[Any, Any], palette: Sequence[str]) -> bytes:
    """Write indices into a palette, the first beyond its end being transparent."""
    height, width = indices.shape
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(indices, dtype=np.uint8))
    colours = b"".join(bytes.fromhex(each.removeprefix("#")) for each in palette) + b"\0\0\0"
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", colours)
        + _chunk(b"tRNS", b"\xff" * len(palette) + b"\0")
        + _chunk(b"IDAT", zlib.compress(rows, 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
