"""TIFF put together of its parts: strips, tiles and tags that cost more than they show."""

import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.images import EMPTY_REFINEMENT, SQUARE, encode, tiff


def tiff_of_jpeg(jpeg: bytes, size: tuple[int, int], **changes: tuple[int, int, int]) -> bytes:
    """Return a grey TIFF of one strip, which is the JPEG.

    Args:
        jpeg: A grey one of the same size.
        size: Width and height.
        changes: As `tests.images.tiff` takes them.
    """
    width, height = size
    tags = {"t256": (4, 1, width), "t257": (4, 1, height), "t259": (4, 1, 7), "t273": (4, 1, 1000)}
    tags |= {"t278": (4, 1, height), "t279": (4, 1, len(jpeg))}
    return tiff(jpeg, order="<", **(tags | changes))


def _tiff_of_refinements() -> bytes:
    jpeg = encode(Image.new("L", SQUARE), "JPEG", progressive=True)
    scans = jpeg[:-2] + EMPTY_REFINEMENT * 88 + b"\xff\xd9"  # libtiff itself stops at 100
    return tiff_of_jpeg(scans, SQUARE) + bytes(250_000)  # one byte to 125 pixels


def _tiff_of_tiles(count: int) -> bytes:
    """Return a TIFF one pixel high, of tiles 50 megapixels high each: 16 bits, four bands, deflated."""
    rows = SQUARE[0] * SQUARE[1] // 16
    tile = zlib.compress(bytes(16 * 8 * rows), 9)
    tags = {"t256": (4, 1, 16 * count), "t257": (4, 1, 1), "t258": (3, 4, 500), "t259": (3, 1, 8), "t262": (3, 1, 2)}
    tags |= {"t277": (3, 1, 4), "t284": (3, 1, 1), "t322": (4, 1, 16), "t323": (4, 1, rows), "t338": (3, 1, 2)}
    tags |= {"t324": (4, count, 600), "t325": (4, count, 700)}
    data = bytearray(tiff(tile * count, "<", **tags))
    struct.pack_into("<4H", data, 500, *[16] * 4)
    struct.pack_into(f"<{count}L", data, 600, *[1000 + number * len(tile) for number in range(count)])
    struct.pack_into(f"<{count}L", data, 700, *[len(tile)] * count)
    return bytes(data)


def tiff_of_shared_bytes(count: int, size: int, order: str = "<", *, big: bool = False) -> bytes:
    """Return a grey TIFF of 16 x 16 pixels, deflated, some of whose tags are the same bytes; nobody knows them.

    Args:
        count: How many of those tags there are.
        size: How many bytes.
        order: "<" or ">".
        big: Whether it is a BigTIFF.
    """
    pixels = zlib.compress(bytes(256))
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 273: 100, 277: 1, 278: 16, 279: len(pixels)}
    number, entry = (16, order + "HHQQ") if big else (4, order + "HHLL")
    entries = [(tag, number, 1, value) for tag, value in tags.items()]
    entries += [(40_000 + tag, 7, size, 100) for tag in range(count)]
    where = 100 + max(size, len(pixels))  # of the directory
    head = struct.pack(order + "3HQ", 43, 8, 0, where) if big else struct.pack(order + "HL", 42, where)
    directory = struct.pack(order + ("Q" if big else "H"), len(entries))
    directory += b"".join(struct.pack(entry, *one) for one in entries)
    start = ({"<": b"II", ">": b"MM"}[order] + head).ljust(100, b"\0")
    return (start + pixels).ljust(where, b"\0") + directory + bytes(8)


TIFF_BOMBS: dict[str, Callable[[], bytes]] = {
    "tiff-deflated": lambda: encode(Image.new("L", SQUARE), "TIFF", compression="tiff_adobe_deflate"),
    "tiff-of-refinements": _tiff_of_refinements,
    "tiff-of-one-tag": lambda: tiff(t282=(5, 2**31, 800)),
    "tiff-of-tiles-that-are-hardly-shown": lambda: _tiff_of_tiles(5),
    "tiff-of-tags-that-share-their-bytes": lambda: tiff_of_shared_bytes(200, 1_000_000),
    "tiff-of-more-that-share-fewer": lambda: tiff_of_shared_bytes(4_000, 60_000, ">"),
    "big-tiff-of-tags-that-share-their-bytes": lambda: tiff_of_shared_bytes(200, 1_000_000, big=True),
}
