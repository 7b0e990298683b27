"""AVIF put together of its parts, honest or not: boxes, items, and the pieces of AV1 within."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from tests.images import encode, quarters

SEQUENCE, FRAME = 1, 6
"""Types of pieces of AV1."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its bytes and what is said of them.

    Attributes:
        content: Its bytes; pieces of AV1 for an image.
        properties: Boxes, each of which is said to be one that must be known.
        kind: "av01" for an image, "grid" for one put together of others.
        within: Whether its bytes are in the box `idat`, and not behind all.
    """

    content: bytes
    properties: Sequence[bytes] = ()
    kind: bytes = b"av01"
    within: bool = False


def box(name: bytes, content: bytes = b"") -> bytes:
    """Return a box."""
    return struct.pack(">I", 8 + len(content)) + name + content


def full_box(name: bytes, content: bytes, version: int = 0) -> bytes:
    """Return a box with a version, and without flags."""
    return box(name, bytes([version, 0, 0, 0]) + content)


def ispe(width: int, height: int) -> bytes:
    """Return the property that announces a size."""
    return full_box(b"ispe", struct.pack(">II", width, height))


def refer(kind: bytes, source: int, *targets: int) -> bytes:
    """Return what says that an item is put together of others (`dimg`), or is their alpha (`auxl`)."""
    return box(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))


def avif(
    *items: Item,
    references: bytes = b"",
    brand: bytes = b"avif",
    before: bytes = b"",
    iloc: bytes = b"",
    pitm: bytes = full_box(b"pitm", b"\0\1"),
) -> bytes:
    """Return a file whose primary image is the first item.

    Args:
        items: They are numbered from 1.
        references: What `refer` returned.
        brand: The major one.
        before: Boxes before `meta`.
        iloc: What stands in the place of what says where the items are.
        pitm: What says which image is the primary one.
    """
    ftyp = box(b"ftyp", brand + bytes(4) + brand + b"mif1miaf") + before
    start = len(ftyp) + len(_meta(items, references, 0, iloc, pitm)) + 8
    return ftyp + _meta(items, references, start, iloc, pitm) + box(b"mdat", b"".join(item.content for item in items))


def _meta(items: Sequence[Item], references: bytes, start: int, iloc: bytes, pitm: bytes) -> bytes:
    places = kinds = inside = associations = b""
    properties = list(dict.fromkeys(one for item in items for one in item.properties))
    for number, item in enumerate(items, 1):
        at = len(inside) if item.within else start
        start += len(item.content)
        inside += item.content if item.within else b""
        places += struct.pack(">HHHHII", number, item.within, 0, 1, at, len(item.content))
        kinds += full_box(b"infe", struct.pack(">HH4s", number, 0, item.kind) + b"\0", 2)
        of_item = [0x8000 + properties.index(one) + 1 for one in item.properties]
        associations += struct.pack(f">HB{len(of_item)}H", number, len(of_item), *of_item)
    ipco = box(b"ipco", b"".join(properties))
    ipma = box(b"ipma", struct.pack(">II", 1, len(items)) + associations)  # the flag 1: numbers of two bytes
    content = [
        full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        pitm,
        iloc or full_box(b"iloc", struct.pack(">HH", 0x4400, len(items)) + places, 1),
        full_box(b"iinf", struct.pack(">H", len(items)) + kinds),
        box(b"iprp", ipco + ipma),
        full_box(b"iref", references) if references else b"",
        box(b"idat", inside) if inside else b"",
    ]
    return full_box(b"meta", b"".join(content))


def image(picture: Image.Image, **options: bool | int | str | list[Image.Image]) -> tuple[bytes, bytes]:
    """Return the AV1 of an image as Pillow writes it, and the property (`av1C`) that must go with it."""
    data = encode(picture, "AVIF", speed=10, **options)
    at = (
        data.index(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2 + 2
    )  # its first item: version, sizes, items, number, place, extents
    start, length = struct.unpack_from(">II", data, at)
    at = data.index(b"av1C") - 4
    return data[start : start + length], data[at : at + int.from_bytes(data[at : at + 4])]


def moving() -> tuple[bytes, bytes]:
    """Return the same of the first frame of an animation, whose headers say more."""
    return image(quarters(), save_all=True, append_images=[quarters().rotate(180)])


def piece(kind: int, content: bytes) -> bytes:
    """Return a piece of AV1."""
    size, length = b"", len(content)
    while length > 0x7F:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([kind << 3 | 2]) + size + bytes([length]) + content


def sequence_and_frame(av1: bytes) -> tuple[str, bytes]:
    """Return the bits of the sequence header, and the content of the frame behind it, of what Pillow wrote."""
    stop = 4 + av1[3]  # a delimiter of two bytes goes before
    at = stop + 1
    while av1[at] & 0x80:
        at += 1
    return "".join(f"{byte:08b}" for byte in av1[4:stop]), av1[at + 1 :]


def from_bits(bits: str) -> bytes:
    """Return the bytes, the last one filled up with zeros."""
    whole = bits + "0" * (-len(bits) % 8)
    return int(whole, 2).to_bytes(len(whole) // 8)


def hidden(frame: bytes) -> bytes:
    """Return a key frame as Pillow writes it for an animation, but not shown.

    Behind that go two bits more; and behind its number, of seven bits, which frames it replaces. What comes later is
    no longer where it was, and decodes to something else.
    """
    bits = "".join(f"{byte:08b}" for byte in frame[:8])
    return from_bits(f"{bits[:3]}001{bits[4:14]}11111111{bits[14:]}") + frame[8:]


def _lying() -> bytes:
    av1, config = image(Image.new("RGB", (8000, 6000)), subsampling="4:4:4")
    return avif(Item(av1, (ispe(64, 64), config)))


def _layered(*properties: bytes) -> bytes:
    """Return hundreds of frames; with `lsel`, of which the layer is wanted that is not there."""
    av1, config = image(Image.new("RGB", LARGE))
    return avif(Item(av1 * (LIMIT // len(av1)), (ispe(*LARGE), config, *properties)))


def _hidden() -> bytes:
    black = Image.new("RGB", LARGE)
    av1, config = image(black, save_all=True, append_images=[black])
    bits, frame = sequence_and_frame(av1)
    one = piece(FRAME, hidden(frame))
    return avif(Item(piece(SEQUENCE, from_bits(bits)) + one * (LIMIT // len(one)), (ispe(*LARGE), config)))


def _of_references() -> bytes:
    """Return a file that speaks of 60,000 items which it has not."""
    av1, config = image(quarters())
    targets = range(2, 60_002)
    references = b"".join(refer(b"dimg", 65_000 + at // 200, *targets[at : at + 200]) for at in range(0, 60_000, 200))
    return avif(Item(av1, (ispe(64, 48), config)), references=references)


def _of_empty_places() -> bytes:
    """Return a file whose items have 65,535 places each, all of no bytes, which takes none to say."""
    places = b"".join(struct.pack(">HHH", item, 0, 0xFFFF) for item in range(1, 301))
    return avif(Item(b""), iloc=full_box(b"iloc", struct.pack(">HH", 0, 300) + places))


LARGE = (4000, 3100)
LIMIT = 1_900_000
"""Bytes."""

AVIF_BOMBS: dict[str, Callable[[], bytes]] = {
    "avif-that-announces-less": _lying,
    "avif-of-layers": lambda: _layered(box(b"lsel", b"\0\1")),
    "avif-of-frames-that-are-not-shown": _hidden,
    "avif-of-references": _of_references,
    "avif-of-empty-places": _of_empty_places,
}
