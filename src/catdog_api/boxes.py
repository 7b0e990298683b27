"""What AVIF and HEIC have in common: the boxes around the images, which anyone may have written.

Both are a tree of boxes (ISO/IEC 14496-12 and 23008-12) that say of each image, which they call an item, how large it
is and where its bytes are. Decoders believe the boxes.
"""

import struct
from collections.abc import Iterator
from typing import Final

from catdog_api import errors

# Of all that a file lists: boxes, items, where their bytes are, properties, references, and pieces of what is coded. A
# grid of 192 tiles, 48 megapixels, has 2,300. libavif looks for each item among all others: 240 kB of references took
# it 2 s, and 6 bytes, that say 65,535 times where nothing is, 2 MB.
_MAX_PARTS: Final = 8192

_IN_IDAT: Final = 1  # the way of saying where an item is that starts from the box `idat`, and not from the file
_ONCE: Final = frozenset({b"iinf", b"iloc", b"iprp", b"iref", b"pitm"})  # of two, a decoder might take the other


class Meter:
    """Counts the parts of one file; lives as long as the look at it."""

    def __init__(self) -> None:
        self._left = _MAX_PARTS

    def spend(self, parts: int) -> None:
        """Count so many more; raises TruncatedImageError for far too many."""
        self._left -= parts
        if self._left < 0:
            raise errors.TruncatedImageError("The image is damaged: it has far too many parts.")


class Box:
    """What is in a box, from its start; raises ValueError where it ends early.

    Args:
        data: The whole file.
        start: Where the box's content is in it.
        stop: Where that ends.
        meter: Counts what is found.
        named_at: Where the box's name is; of the file itself nowhere.
    """

    def __init__(self, data: bytes, start: int, stop: int, meter: Meter, named_at: int = 0) -> None:
        self.data, self.start, self.stop, self.meter, self.named_at = data, start, stop, meter, named_at
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

    def anew(self) -> "Box":
        """Return the same, to be read from its start: of a property there may be many readers."""
        return Box(self.data, self.start, self.stop, self.meter)

    def pieces(self) -> Iterator[bytes]:
        """Yield what follows in pieces, behind each one's length in four bytes."""
        while self._at < self.stop:
            self.meter.spend(1)
            yield self.take(self.number(4))

    def boxes(self) -> Iterator[tuple[bytes, "Box"]]:
        """Yield the name and the inside of each box that follows."""
        while self._at < self.stop:
            self.meter.spend(1)
            start, size, name = self._at, self.number(4), self.take(4)
            named_at = start + 4
            if size == 1:
                size = self.number(8)
            stop = start + size if size else self.stop
            if not self._at <= stop <= self.stop:
                raise ValueError("A box is larger than what it is in, or smaller than its head.")
            yield name, Box(self.data, self._at, stop, self.meter, named_at)
            self._at = stop


def read_meta(meta: Box) -> dict[bytes, Box]:
    """Return the boxes that are in the box `meta`; raises ValueError for two of a kind that matters."""
    meta.version()
    boxes: dict[bytes, Box] = {}
    for name, box in meta.boxes():
        if name in _ONCE and name in boxes:
            raise ValueError("It is said twice what images there are.")
        boxes[name] = box
    return boxes


def kinds(iinf: Box) -> Iterator[tuple[int, bytes, int]]:
    """Yield each item's number and type, and where in the file the lowest of its flags are, a byte."""
    iinf.take(4 if iinf.version() else 2)  # how many there are
    for _, entry in iinf.boxes():
        item = entry.number(2 if entry.version() == 2 else 4)  # noqa: PLR2004  # 3 is that with longer numbers
        entry.take(2)
        yield item, entry.take(4), entry.start + 3


def properties(iprp: Box) -> dict[int, list[tuple[bytes, Box]]]:
    """Return what is said of each item: the names and insides of boxes, in their order."""
    known: list[tuple[bytes, Box]] = []
    told: dict[int, list[tuple[bytes, Box]]] = {}
    for name, inner in iprp.boxes():
        if name == b"ipco":
            known.extend(inner.boxes())
            continue
        head = inner.number(4)
        size = 2 if head & 1 else 1
        for _ in inner.times(4):
            item = inner.number(4 if head >> 24 else 2)
            for _ in inner.times(1):
                index = inner.number(size) & (1 << 8 * size - 1) - 1  # the highest bit: that it must be known
                if index:
                    told.setdefault(item, []).append(known[index - 1])
    return told


def announced_size(of_item: list[tuple[bytes, Box]]) -> tuple[int, int]:
    """Return the width and height that an item's properties say, the first that does; raises KeyError for none."""
    width, height = struct.unpack(">4x2I", dict(reversed(of_item))[b"ispe"].anew().take(12))
    return width, height


def contents(iloc: Box, idat: Box | None) -> dict[int, list[memoryview]]:
    """Return the pieces of each item's bytes; raises TruncatedImageError for those beyond the file, or used again."""
    version, sizes = iloc.version(), iloc.number(2)
    number_size = 4 if version == 2 else 2  # noqa: PLR2004  # 2 is that with longer numbers
    found: dict[int, list[memoryview]] = {}
    left = len(iloc.data)
    for _ in iloc.times(number_size):
        item = iloc.number(number_size)
        if item in found:
            raise ValueError("An item is said to be in two places.")
        way = iloc.number(2) & 15 if version else 0
        if way > _IN_IDAT:
            raise ValueError("An item is said to be within another.")
        within = idat if way else Box(iloc.data, 0, len(iloc.data), iloc.meter)
        iloc.take(2)
        base = iloc.number(sizes >> 4 & 15)
        found[item] = []
        for _ in iloc.times(2):
            iloc.take(sizes & 15 if version else 0)
            start = base + iloc.number(sizes >> 12)
            length = iloc.number(sizes >> 8 & 15)
            left -= length
            if not within or left < 0 or within.start + start + length > within.stop:
                raise errors.TruncatedImageError("The image ends early or is damaged.")
            found[item].append(memoryview(iloc.data)[within.start + start :][:length])
    return found


def grid_size(content: bytes) -> tuple[int, int]:
    """Return width and height of what is put together of tiles."""
    width, height = struct.unpack_from(">2I" if content[1] & 1 else ">2H", content, 4)
    return width, height
