"""The blocks of tiled GeoTIFFs in the order of a Cloud-Optimized one, copied as they are.

GDAL's COG driver decodes and encodes every block once more, and those of overviews twice. Layout:
https://gdal.org/en/stable/drivers/raster/cog.html (header ghost area, tile data leader and trailer) and
TIFF 6.0.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_WIDTH, _HEIGHT, _KIND, _OFFSETS, _SIZES = 256, 257, 254, 324, 325
_IS_REDUCED, _IS_MASK = 1, 4
_TYPE_BYTES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), 1)) | {16: 8, 17: 8, 18: 8}
_LONG = 4
_UNSIGNED = {3: "H", 4: "I", 16: "Q"}
_LEADER = 4
_GHOST = (
    "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_GHOST_MASK = "MASK_INTERLEAVED_WITH_IMAGERY=YES\n"


@dataclass(frozen=True)
class _Flavour:
    """How a TIFF file keeps counts and places: in 4 bytes, or as BigTIFF in 8."""

    magic: bytes
    count: struct.Struct
    entry: struct.Struct
    offset: struct.Struct
    offset_type: int


_CLASSIC = _Flavour(b"II*\0", struct.Struct("<H"), struct.Struct("<HHI4s"), struct.Struct("<I"), _LONG)
_BIG = _Flavour(
    b"II+\0\x08\0\0\0", struct.Struct("<Q"), struct.Struct("<HHQ8s"), struct.Struct("<Q"), 16
)


@dataclass(frozen=True)
class _Value:
    """The value of one tag: its type, how many, and their bytes."""

    type: int
    count: int
    raw: bytes

    def numbers(self) -> tuple[int, ...]:
        return struct.unpack(f"<{self.count}{_UNSIGNED[self.type]}", self.raw)


_Image = dict[int, _Value]


@dataclass(frozen=True)
class _Level:
    """One resolution: its file, its image, and the mask of that where there is one."""

    file: BinaryIO
    images: list[_Image]

    @property
    def shape(self) -> tuple[int, ...]:
        return _shape(self.images[0])

    def blocks(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield image, block, place and size in the order of the data: a block, its mask, the next."""
        places = [image[_OFFSETS].numbers() for image in self.images]
        sizes = [image[_SIZES].numbers() for image in self.images]
        for block in range(len(places[0])):
            for image in range(len(self.images)):
                yield image, block, places[image][block], sizes[image][block]


def arrange(sources: Sequence[Path], target: Path) -> None:
    """Write the blocks of `sources` as a COG: directories, then blocks, the smallest overview's first.

    Each source is a little-endian tiled GeoTIFF of one resolution or more, its bands (and its mask, if
    any) in the same blocks, which no other process changes; the first has the cells, and what describes
    them. Raises ValueError for any other file, and where a block of cells is missing.
    """
    with ExitStack() as stack:
        flavour, levels = _read([stack.enter_context(path.open("rb")) for path in sources])
        written = stack.enter_context(target.open("wb"))
        ghost = _ghost(len(levels[0].images) > 1)
        place = _even(len(flavour.magic) + flavour.offset.size + len(ghost))
        written.write(flavour.magic + flavour.offset.pack(place) + ghost)
        images = [image for level in levels for image in level.images]
        moved = _place_blocks(flavour, levels, place + sum(_measure(flavour, each) for each in images))
        for number, image in enumerate(moved, 1):
            written.write(bytes(place - written.tell()))
            raw = _directory(flavour, image, place, last=number == len(moved))
            place += written.write(raw)
        for level in reversed(levels):
            _copy_blocks(written, level)


def _ghost(masked: bool) -> bytes:
    text = _GHOST + (_GHOST_MASK if masked else "")
    return f"GDAL_STRUCTURAL_METADATA_SIZE={len(text):06d} bytes\n{text}".encode("ascii")


def _even(place: int) -> int:
    return place + place % 2


def _read(files: Sequence[BinaryIO]) -> tuple[_Flavour, list[_Level]]:
    """Return the resolutions, the largest first, and the flavour that suits all."""
    flavours, levels = set(), []
    for file in files:
        flavour, found = _read_file(file)
        flavours.add(flavour)
        levels += found
    levels.sort(key=lambda level: level.shape, reverse=True)
    for level in levels[1:]:
        for image in level.images:
            image[_KIND] = _pack(_LONG, [_IS_REDUCED | (_IS_MASK if _is_mask(image) else 0)])
    return (_BIG if _BIG in flavours else _CLASSIC), levels


def _read_file(file: BinaryIO) -> tuple[_Flavour, list[_Level]]:
    head = file.read(16)
    flavour = next((each for each in (_CLASSIC, _BIG) if head.startswith(each.magic)), None)
    if flavour is None:
        raise ValueError("not a little-endian TIFF file")
    (place,) = flavour.offset.unpack_from(head, len(flavour.magic))
    levels: dict[tuple[int, ...], list[_Image]] = {}
    while place:
        image, place = _read_image(file, flavour, place)
        if _OFFSETS not in image:
            raise ValueError("not a tiled TIFF file")
        levels.setdefault(_shape(image), []).append(image)
    for images in levels.values():
        images.sort(key=_is_mask)
        if len({image[_OFFSETS].count for image in images}) > 1:
            raise ValueError("the mask has other blocks than the image")
    return flavour, [_Level(file, images) for images in levels.values()]


def _shape(image: _Image) -> tuple[int, ...]:
    return (*image[_WIDTH].numbers(), *image[_HEIGHT].numbers())


def _is_mask(image: _Image) -> bool:
    return _KIND in image and bool(image[_KIND].numbers()[0] & _IS_MASK)


def _read_image(file: BinaryIO, flavour: _Flavour, place: int) -> tuple[_Image, int]:
    """Return the tags of the directory at a place, and where the next one is, 0 for none."""
    descriptor = file.fileno()
    (count,) = flavour.count.unpack(os.pread(descriptor, flavour.count.size, place))
    place += flavour.count.size
    raw = os.pread(descriptor, count * flavour.entry.size + flavour.offset.size, place)
    image = {}
    for number in range(count):
        tag, kind, many, value = flavour.entry.unpack_from(raw, number * flavour.entry.size)
        length = many * _TYPE_BYTES[kind]
        if length > len(value):
            value = os.pread(descriptor, length, flavour.offset.unpack(value)[0])
        image[tag] = _Value(kind, many, value[:length])
    return image, flavour.offset.unpack_from(raw, count * flavour.entry.size)[0]


def _place_blocks(flavour: _Flavour, levels: list[_Level], place: int) -> list[_Image]:
    """Return the images, the largest first, with their blocks from `place` on, the smallest's first."""
    moved: list[_Image] = []
    for level in reversed(levels):
        counts = [image[_OFFSETS].count for image in level.images]
        places, sizes = [[0] * n for n in counts], [[0] * n for n in counts]
        for image, block, _, size in level.blocks():
            if size:
                places[image][block], sizes[image][block] = place + _LEADER, size
                place += size + 2 * _LEADER
            elif not _is_mask(level.images[image]):  # GDAL leaves out blocks of a mask that are void
                raise ValueError("a block is missing")
        moved[:0] = [
            image | {_OFFSETS: _pack(flavour.offset_type, at), _SIZES: _pack(_LONG, of)}
            for image, at, of in zip(level.images, places, sizes, strict=True)
        ]
    return moved


def _pack(kind: int, numbers: list[int]) -> _Value:
    raw = struct.pack(f"<{len(numbers)}{_UNSIGNED[kind]}", *numbers)
    return _Value(kind, len(numbers), raw)


def _measure(flavour: _Flavour, image: _Image) -> int:
    """Return the bytes of a directory with what its entries point to, once its blocks are placed."""
    widths = {_OFFSETS: flavour.offset.size, _SIZES: 4}
    lengths = [value.count * widths.get(tag, _TYPE_BYTES[value.type]) for tag, value in image.items()]
    beside = sum(_even(each) for each in lengths if each > flavour.offset.size)
    own = flavour.count.size + len(image) * flavour.entry.size + flavour.offset.size
    return _even(own) + beside


def _directory(flavour: _Flavour, image: _Image, place: int, last: bool) -> bytes:
    own = flavour.count.size + len(image) * flavour.entry.size + flavour.offset.size
    entries, beside = [flavour.count.pack(len(image))], bytearray(own % 2)
    for tag, value in sorted(image.items()):
        field = value.raw
        if len(field) > flavour.offset.size:
            field = flavour.offset.pack(place + own + len(beside))
            beside += value.raw + bytes(len(value.raw) % 2)
        entries.append(flavour.entry.pack(tag, value.type, value.count, field))
    following = 0 if last else place + own + len(beside)
    return b"".join(entries) + flavour.offset.pack(following) + bytes(beside)


def _copy_blocks(written: BinaryIO, level: _Level) -> None:
    for _, _, place, size in level.blocks():
        if not size:
            continue
        block = os.pread(level.file.fileno(), size, place)
        if len(block) != size:
            raise ValueError("a file ends before its last block")
        written.write(struct.pack("<I", size) + block + block[-_LEADER:])
