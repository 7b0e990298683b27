"""What HEIC needs besides: a look at its parts, before libheif sees them.

libheif 1.23 compares what is coded with what is announced, and has limits of its own. But of two announcements it shows
the second and decodes by the first; a slice it decodes to the end of the picture, however many there are; a picture it
turns as often as it is told, and of what is said of many it makes a copy for each: 2 MB took minutes and gigabytes.
"""

from typing import Final, NamedTuple

from catdog_api import errors
from catdog_api.boxes import Box, Meter, announced_size, contents, grid_size, kinds, properties, read_meta
from catdog_api.sniffing import FREE_PIXELS, PIXELS_A_BYTE, check_full, check_size

_FREELY_SAID: Final = 1_000_000  # bytes, of what all tiles may have in common: for 200 of them a profile of 5 kB
_MAX_OF_ALL: Final = 2.5  # pixels to decode for one of the picture: of its tiles, of the whole, and half of one more
_KEPT: Final = frozenset({b"mdat", b"meta"})  # of all boxes that a file is made of
_ONE_OF_EACH: Final = frozenset({b"auxC", b"clap", b"hvcC", b"imir", b"irot", b"ispe"})  # properties
_ALPHA: Final = frozenset(
    {b"urn:mpeg:avc:2015:auxid:1", b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"}
)
_LONGEST_NAME: Final = 64  # bytes, and more than any of those has
_CONFIG_BYTES: Final = 23  # of `hvcC`, before its pieces; the last says how many kinds of them there are
_FOUR_BYTES: Final = 3  # have the lengths of pieces, as the one before the last says it: one less
_NO_SLICE: Final = 0x40  # in a piece's first byte: it is no part of a picture
_HIDDEN: Final = 1  # an item's flag: it is no picture of its own

_Properties = list[tuple[bytes, Box]]


class _Items(NamedTuple):
    """What a file says of its items, by their numbers.

    Attributes:
        kinds: Their types.
        properties: Names and insides of boxes.
        places: The pieces of their bytes.
        parts: The others that each is decoded with, as often as it is: its tiles, and its alpha.
    """

    kinds: dict[int, bytes]
    properties: dict[int, _Properties]
    places: dict[int, list[memoryview]]
    parts: dict[int, list[int]]


def only_primary(data: bytes, max_pixels: int) -> bytes:
    """Return the file with one picture and without its tracks, so that libheif opens the primary image alone.

    Args:
        data: A file that `sniff` calls "HEIF".
        max_pixels: Most pixels (width x height) to decode.

    Raises:
        TooManyPixelsError: An image has more, or too few bytes for them, or far more are decoded than are shown.
        TruncatedImageError: It ends early, has far too many parts, or is not what it announces.
        UnsupportedFormatError: It has tracks and no still image, or one that is not HEVC.
        ValueError: Its parts are not what they should be; likewise KeyError, IndexError, struct.error.
    """
    boxes = list(Box(data, 0, len(data), Meter()).boxes())
    metas = [box for name, box in boxes if name == b"meta"]
    if not metas and b"moov" in dict(boxes):
        raise errors.UnsupportedFormatError("HEIF sequences without a still image are not accepted.")
    (meta,) = metas
    others = _check_images(meta, max_pixels)
    still = bytearray(data)
    for flags_at in others:
        still[flags_at] |= _HIDDEN
    for name, box in boxes:
        if name == b"ftyp":  # where tracks are announced, libheif asks for them
            still[box.start : box.stop] = data[box.start : box.stop].replace(b"msf1", b"mif1")
        elif name not in _KEPT:
            still[box.named_at : box.named_at + 4] = b"free"
    return bytes(still)


def _check_images(meta: Box, max_pixels: int) -> list[int]:
    """Refuse what costs far more than its picture; return where the flags of all other items are.

    Raises as `only_primary`.
    """
    boxes = read_meta(meta)
    if b"pitm" not in boxes:
        raise errors.UnsupportedFormatError("HEIF files without a primary image are not accepted.")
    primary = boxes[b"pitm"].number(4 if boxes[b"pitm"].version() else 2)
    entries = list(kinds(boxes[b"iinf"]))
    types = {item: kind for item, kind, _ in entries}
    if len(types) < len(entries):
        raise ValueError("An item is there twice.")
    items = _Items(types, properties(boxes[b"iprp"]), contents(boxes[b"iloc"], boxes.get(b"idat")), {})
    said = sum(box.stop - box.start for of_item in items.properties.values() for _, box in of_item)
    if b"iref" in boxes:
        said += _put_together(items, boxes[b"iref"])
    if said > len(meta.data) + _FREELY_SAID:
        raise errors.TruncatedImageError("The HEIF image is damaged: it is described again and again.")
    decoded = _decoded(primary, items, meta, max_pixels)
    paid_for = max(_MAX_OF_ALL * FREE_PIXELS, PIXELS_A_BYTE * len(meta.data))
    if decoded > min(_MAX_OF_ALL * max_pixels, paid_for):
        raise errors.TooManyPixelsError(f"The HEIF file has {decoded:,} pixels to decode, far more than it shows.")
    return [flags_at for item, _, flags_at in entries if item != primary]


def _put_together(items: _Items, iref: Box) -> int:
    """Fill in the parts of items; return how many bytes describe others, for each of them."""
    size = 4 if iref.version() else 2
    said = 0
    for name, box in iref.boxes():
        item = box.number(size)
        others = [box.number(size) for _ in box.times(2)]
        if name == b"dimg":
            items.parts.setdefault(item, []).extend(others)
        elif name == b"auxl" and _is_alpha(items.properties.get(item, [])):
            for other in others:
                items.parts.setdefault(other, []).append(item)
        elif name == b"cdsc":
            said += len(others) * sum(map(len, items.places.get(item, ())))
    return said


def _is_alpha(of_item: _Properties) -> bool:
    ends = [(box, min(box.stop, box.start + _LONGEST_NAME)) for name, box in of_item if name == b"auxC"]
    return any(box.data[box.start + 4 : end].partition(b"\0")[0] in _ALPHA for box, end in ends)


def _decoded(primary: int, items: _Items, meta: Box, max_pixels: int) -> int:
    """Return how many pixels are decoded for an item: its own and its parts', as often as each is one."""
    pixels: dict[int, int] = {}
    total, waiting = 0, [primary]
    while waiting:
        item = waiting.pop()
        if item not in pixels:
            pixels[item] = _pixels(item, items, meta, max_pixels)
        total += pixels[item]
        parts = items.parts.get(item, [])
        meta.meter.spend(len(parts))
        waiting += parts
    return total


def _pixels(item: int, items: _Items, meta: Box, max_pixels: int) -> int:
    """Return how many are decoded for an item alone, all of them for each slice; raises as `only_primary`."""
    kind, of_item = items.kinds[item], items.properties[item]
    if kind not in {b"hvc1", b"grid"}:
        raise errors.UnsupportedFormatError("HEIF images of another kind than HEVC are not accepted.")
    once = [name for name, _ in of_item if name in _ONE_OF_EACH]
    if len(set(once)) < len(once):
        raise errors.TruncatedImageError("The HEIF image is damaged: it says twice what it is like.")
    width, height = announced_size(of_item)
    check_size(width, height, max_pixels)
    check_full(meta.data, width, height)
    content = b"".join(items.places[item])
    if kind == b"hvc1":  # whose coded size libheif compares with this one
        return width * height * _slices(dict(of_item)[b"hvcC"].anew(), content)
    if grid_size(content) != (width, height):
        raise errors.TruncatedImageError("The HEIF image is damaged: it is not as large as it announces.")
    return width * height


def _slices(config: Box, content: bytes) -> int:
    """Count the slices of a picture; raises ValueError for pieces whose length is not told in four bytes."""
    *_, lengths, kinds_of_pieces = config.take(_CONFIG_BYTES)
    if lengths & _FOUR_BYTES != _FOUR_BYTES:
        raise ValueError("The lengths of pieces have another size.")
    slices = sum(not piece[0] & _NO_SLICE for piece in Box(content, 0, len(content), config.meter).pieces())
    for _ in range(kinds_of_pieces):  # what the decoder is given first, and is without slices as a rule
        config.take(1)
        slices += sum(not config.take(config.number(2))[0] & _NO_SLICE for _ in config.times(2))
    return slices
