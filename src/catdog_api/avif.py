"""What AVIF needs besides: a look at its parts, before libavif sees them.

An AVIF is a tree of boxes (ISO/IEC 14496-12 and 23008-12) that say of each image how large it is and where its bytes
are, which are AV1. libavif believes the boxes and decodes what the AV1 has: 3 kB that announced 64 x 64 pixels took
590 MB, and 2 MB of frames that were never shown more than two minutes.
"""

import struct
from collections.abc import Iterator
from typing import Final

from catdog_api import errors
from catdog_api.av1 import Meter, coded_size
from catdog_api.sniffing import FREE_PIXELS, check_full, check_size

_MAX_OF_ALL: Final = 2.5  # pixels of all images for one of the picture: colour, alpha, and half of one for what else
_LAYERS: Final = frozenset({b"a1lx", b"a1op", b"lsel"})  # properties that choose among an image's layers
_IN_IDAT: Final = 1  # the way of saying where an item is that starts from the box `idat`, and not from the file


class _Box:
    """What is in a box, from its start; raises ValueError where it ends early."""

    def __init__(self, data: bytes, start: int, stop: int, meter: Meter) -> None:
        self.data, self.start, self.stop, self.meter = data, start, stop, meter
        self._at = start

    def take(self, size: int) -> bytes:
        """Read so many bytes."""
        self._at += size
        if self._at > self.stop:
            raise ValueError("A box ends early.")
        return self.data[self._at - size : self._at]

    def number(self, size: int) -> int:
        """Read a number of so many bytes: of none it is 0."""
        return int.from_bytes(self.take(size))

    def version(self) -> int:
        """Read the version, and the flags behind it."""
        return self.number(4) >> 24

    def times(self, size: int) -> range:
        """Read, in so many bytes, how many of something follow, and count them."""
        count = self.number(size)
        self.meter.spend(count)
        return range(count)

    def boxes(self) -> Iterator[tuple[bytes, "_Box"]]:
        """Yield the name and the inside of each box that follows."""
        while self._at < self.stop:
            self.meter.spend(1)
            start, size, name = self._at, self.number(4), self.take(4)
            if size == 1:
                size = self.number(8)
            stop = start + size if size else self.stop
            if not self._at <= stop <= self.stop:
                raise ValueError("A box is larger than what it is in, or smaller than its head.")
            yield name, _Box(self.data, self._at, stop, self.meter)
            self._at = stop


def only_still(data: bytes, max_pixels: int) -> bytes:
    """Return the file without its tracks, so that of an animation the still image is decoded: its first frame.

    Args:
        data: A file that `sniff` calls "AVIF".
        max_pixels: Most pixels (width x height) to decode.

    Raises:
        TooManyPixelsError: An image has more, or too few bytes for them, or all have far more than the picture.
        TruncatedImageError: It ends early, has far too many parts, or an image is not what it announces.
        UnsupportedFormatError: It has layers, or tracks and no still image.
        ValueError: Its parts are not what they should be; likewise KeyError, IndexError, struct.error.
    """
    brands, tracks = b"", []
    for name, box in _Box(data, 0, len(data), Meter()).boxes():
        if name == b"meta":
            _check_images(box, max_pixels)
            break
        if name == b"ftyp":
            brands = data[: box.stop]
        elif name == b"moov":
            tracks.append(box.start)
    else:
        if tracks:
            raise errors.UnsupportedFormatError("AVIF sequences without a still image are not accepted.")
        raise errors.TruncatedImageError("The AVIF image ends early.")
    if not tracks and b"avis" not in brands:
        return data
    still = bytearray(data)
    still[: len(brands)] = brands.replace(b"avis", b"avif")
    for start in tracks:
        still[start - 4 : start] = b"free"  # whatever the brand, libavif would take apart those that come first
    return bytes(still)


def _check_images(meta: _Box, max_pixels: int) -> None:
    """Refuse images that are not what they announce, or far more than the picture; raises as `only_still`."""
    meta.version()
    boxes = dict(meta.boxes())
    if b"pitm" not in boxes:
        raise errors.UnsupportedFormatError("AVIF files without a primary image are not accepted.")
    if b"iref" in boxes:  # libavif goes by the counts in it, not by its boxes; each number has two bytes or four
        meta.meter.spend((boxes[b"iref"].stop - boxes[b"iref"].start) // 2)
    sizes = _announced_sizes(boxes[b"iprp"])
    contents = _contents(boxes[b"iloc"], boxes.get(b"idat"))
    shown = coded = 0
    for item, kind in _kinds(boxes[b"iinf"]):
        if kind not in {b"av01", b"grid"}:
            continue
        width, height = sizes[item]
        check_size(width, height, max_pixels)
        content = b"".join(contents[item])
        size = _grid_size(content) if kind == b"grid" else coded_size(content, meta.meter)
        check_size(*size, max_pixels)
        if size != (width, height):
            told = f"an image announces {width} x {height} pixels, and has {size[0]} x {size[1]}"
            raise errors.TruncatedImageError(f"The AVIF image is damaged: {told}.")
        check_full(meta.data, width, height)
        shown = max(shown, width * height)
        coded += width * height if kind == b"av01" else 0
    if coded > max(_MAX_OF_ALL * shown, min(max_pixels, FREE_PIXELS)):
        raise errors.TooManyPixelsError(f"The AVIF file has images of {coded:,} pixels, and shows {shown:,} of them.")


def _kinds(box: _Box) -> Iterator[tuple[int, bytes]]:
    """Yield each item's number and type."""
    box.take(4 if box.version() else 2)  # how many there are
    for _, entry in box.boxes():
        item = entry.number(2 if entry.version() == 2 else 4)  # noqa: PLR2004  # 3 is that with longer numbers
        entry.take(2)
        yield item, entry.take(4)


def _announced_sizes(box: _Box) -> dict[int, tuple[int, int]]:
    """Return each item's width and height: the first of its properties that says so; raises UnsupportedFormatError."""
    properties: list[tuple[int, int] | None] = []
    sizes: dict[int, tuple[int, int]] = {}
    for name, inner in box.boxes():
        if name == b"ipco":
            for kind, told in inner.boxes():
                if kind in _LAYERS:
                    raise errors.UnsupportedFormatError("AVIF images of several layers are not accepted.")
                properties.append(struct.unpack(">4x2I", told.take(12)) if kind == b"ispe" else None)
            continue
        head = inner.number(4)
        size = 2 if head & 1 else 1
        for _ in inner.times(4):
            item = inner.number(4 if head >> 24 else 2)
            for _ in inner.times(1):
                index = inner.number(size) & (1 << 8 * size - 1) - 1  # the highest bit: that it must be known
                announced = properties[index - 1] if index else None
                if announced:
                    sizes.setdefault(item, announced)
    return sizes


def _contents(box: _Box, idat: _Box | None) -> dict[int, list[memoryview]]:
    """Return the pieces of each item's bytes; raises TruncatedImageError for those beyond the file, or used again.

    Of items within items (`construction_method` 2) nothing is said here: libavif refuses them.
    """
    version, sizes = box.version(), box.number(2)
    number_size = 4 if version == 2 else 2  # noqa: PLR2004  # 2 is that with longer numbers
    contents: dict[int, list[memoryview]] = {}
    left = len(box.data)
    for _ in box.times(number_size):
        item = box.number(number_size)
        if item in contents:
            raise ValueError("An item is said to be in two places.")
        within = idat if version and box.number(2) & 15 == _IN_IDAT else _Box(box.data, 0, len(box.data), box.meter)
        box.take(2)
        base = box.number(sizes >> 4 & 15)
        contents[item] = []
        for _ in box.times(2):
            box.take(sizes & 15 if version else 0)
            start = base + box.number(sizes >> 12)
            length = box.number(sizes >> 8 & 15)
            left -= length
            if not within or left < 0 or within.start + start + length > within.stop:
                raise errors.TruncatedImageError("The AVIF image ends early or is damaged.")
            contents[item].append(memoryview(box.data)[within.start + start :][:length])
    return contents


def _grid_size(data: bytes) -> tuple[int, int]:
    """Return width and height of what is put together of tiles."""
    width, height = struct.unpack_from(">2I" if data[1] & 1 else ">2H", data, 4)
    return width, height
