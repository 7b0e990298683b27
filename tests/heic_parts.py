"""HEIC put together of its parts, honest or not; the boxes and items are AVIF's."""

import functools
import io
import struct
from collections.abc import Callable
from math import ceil
from typing import Any

from PIL import Image

from tests.avif_parts import LARGE, LIMIT, Item, avif, box, from_bits, full_box, ispe, refer
from tests.images import quarters

PLAIN = {"preset": "ultrafast", "x265:wpp": "0"}
"""Blocks in one row after the other, none beside another, so that a slice may begin at any and needs no table."""
BLOCK = 64
"""Pixels: the side of one of those, in a picture that is not small."""


ALPHA = full_box(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
"""The property of an item that is another's alpha."""


def heif(*items: Item, **parts: bytes) -> bytes:
    """Return a file whose primary image is the first item; as `avif` does."""
    return avif(*items, brand=b"heic", **parts)


def image(picture: Image.Image, **options: object) -> tuple[bytes, bytes]:
    """Return the HEVC of an image as pillow-heif writes it, and the property (`hvcC`) that must go with it."""
    from pillow_heif import from_pillow  # noqa: PLC0415 - the optional extra

    return _written(from_pillow(picture), options)


def _black_of_ten_bits(mode: str, size: tuple[int, int]) -> tuple[bytes, bytes]:
    from pillow_heif import from_bytes  # noqa: PLC0415

    black = from_bytes(mode, size, bytes(2 * len(mode.partition(";")[0]) * size[0] * size[1]))
    return _written(black, {"chroma": 444, "enc_params": PLAIN})


def _written(pictures: Any, options: dict[str, Any]) -> tuple[bytes, bytes]:  # noqa: ANN401  # published without types
    file = io.BytesIO()
    pictures.save(file, format="HEIF", **options)
    data = file.getvalue()
    at = data.index(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2
    start, _, within, length = struct.unpack_from(">IHII", data, at)
    at = data.index(b"hvcC") - 4
    return data[start + within :][:length], data[at : at + int.from_bytes(data[at : at + 4])]


def dearest(width: int, height: int) -> bytes:
    """Return what takes most memory for a pixel: ten bits of every colour, and alpha."""
    size = ispe(width, height)
    (colours, config), (alpha, of_alpha) = (_black_of_ten_bits(mode, (width, height)) for mode in ("RGB;16", "L;16"))
    picture = Item(colours, (size, config), b"hvc1")
    return heif(picture, Item(alpha, (size, of_alpha, ALPHA), b"hvc1"), references=refer(b"auxl", 2, 1))


def coded(picture: Image.Image, *properties: bytes, **options: object) -> Item:
    """Return an item of the image, whose sides are whole multiples of 16, with what is told of it behind its size."""
    hevc, config = image(picture, **options)
    return Item(hevc, (ispe(*picture.size), config, *properties), b"hvc1")


def grid(rows: int, columns: int, width: int, height: int, *, within: bool = True) -> Item:
    """Return the item that puts together others, row by row; which, its references say."""
    content = struct.pack(">4B2H", 0, 0, rows - 1, columns - 1, width, height)
    return Item(content, (ispe(width, height),), b"grid", within=within)


def slices(hevc: bytes, count: int, blocks: int) -> bytes:
    """Return more slices of a picture, each of which begins a block later than the last.

    Args:
        hevc: One key frame in one slice, `PLAIN`. Behind the piece's head of two bytes goes the slice's, which ends in
            the last bit that is set of two more: a bit that says that it is the first, two that stay, and then, of a
            later one, the block at which it begins.
        count: How many.
        blocks: How many the picture has.
    """
    piece = hevc[4:]
    head = f"{int.from_bytes(piece[2:4]):016b}".rstrip("0")
    width = (blocks - 1).bit_length()
    later = [from_bits(f"0{head[1:3]}{block:0{width}b}{head[3:]}") for block in range(1, count + 1)]
    pieces = [piece[:2] + bits + piece[4:] for bits in later]
    return b"".join(struct.pack(">I", len(one)) + one for one in pieces)


@functools.cache
def _black() -> tuple[bytes, bytes]:
    return image(Image.new("RGB", LARGE), enc_params=PLAIN)


def _large(*properties: bytes) -> Item:
    hevc, config = _black()
    return Item(hevc, (ispe(*LARGE), config, *properties), b"hvc1")


def large_heic() -> bytes:
    """Return a black picture of 12.4 megapixels."""
    return heif(_large())


def _lying() -> bytes:
    """Return a file that says two sizes: libheif announces the second, and goes by the first when it decodes."""
    return heif(_large(ispe(64, 64)))


def _of_slices() -> bytes:
    hevc, config = _black()
    blocks = ceil(LARGE[0] / BLOCK) * ceil(LARGE[1] / BLOCK)
    more = slices(hevc, LIMIT // (len(hevc) + 2) - 1, blocks)
    return heif(Item(hevc + more, (ispe(*LARGE), config), b"hvc1"))


def _of_one_tile() -> bytes:
    return heif(grid(30, 30, *LARGE), _large(), references=refer(b"dimg", 1, *[2] * 900))


def _of_descriptions() -> bytes:
    exif = Item(b"\0\0\0\0II*\0" + bytes(LIMIT), (), b"Exif")
    return heif(coded(quarters(64, 64)), exif, references=refer(b"cdsc", 2, *[1] * 900))


def _of_profiles() -> bytes:
    """Return hundreds of pictures with one profile, of which libheif gives each its own."""
    return heif(*[coded(quarters(64, 64), box(b"colr", b"prof" + bytes(LIMIT // 2)))] * 300)


HEIC_BOMBS: dict[str, Callable[[], bytes]] = {
    "heic-that-announces-less": _lying,
    "heic-of-slices": _of_slices,
    "heic-of-turns": lambda: heif(_large(*[box(b"irot", b"\1")] * 200)),
    "heic-of-one-tile": _of_one_tile,
    "heic-of-descriptions": _of_descriptions,
    "heic-of-profiles": _of_profiles,
}
