"""A look at a shapefile's parts before GDAL opens them: what is cut short would come out as NULL."""

from pathlib import Path

from geocrew.errors import RefusedInput


def inspect(path: Path) -> None:
    """Raise RefusedInput where a part is missing, or shorter than its own header says."""
    index, table = path.with_suffix(".shx"), path.with_suffix(".dbf")
    if not index.exists():
        raise RefusedInput("the shapefile lacks its .shx part; put it beside the .shp")
    for part in (path, index):
        # Bytes 24 to 27 hold the length in 16-bit words, big-endian (ESRI Shapefile, 1998, page 4).
        _check(part, 2 * int.from_bytes(_head(part)[24:28], "big"))
    if table.exists():
        head = _head(table)
        rows, header, row = (head[4:8], head[8:10], head[10:12])
        _check(
            table,
            int.from_bytes(header, "little")
            + int.from_bytes(rows, "little") * int.from_bytes(row, "little"),
        )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(32)


def _check(path: Path, expected: int) -> None:
    size = path.stat().st_size
    if size < expected:
        raise RefusedInput(
            f"the shapefile's {path.suffix} part is cut short: {size} bytes of {expected}"
        )
