"""WebP put together of its parts: bits without loss, tables for each few pixels, films and alpha."""

import struct
from collections.abc import Mapping
from itertools import chain

Bits = list[int]

TABLES = 65_536
"""Of one image, at most."""

_IN_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8)


def number(value: int, count: int) -> Bits:
    """Return a number of so many bits, the lowest first."""
    return [value >> place & 1 for place in range(count)]


def only(symbol: int) -> Bits:
    """Return a code of one symbol, which takes no bits."""
    return [1, 0, 1, *number(symbol, 8)]


def code(lengths: Mapping[int, int], said: list[tuple[int, Bits]], most: Bits) -> Bits:
    """Return a code as the lengths of its symbols.

    Args:
        lengths: Bits of each symbol in which those lengths are said; there is none above 8 but 16, 17 and 18.
        said: Those symbols, and what comes behind each.
        most: How many of them there are, or that all are said.
    """
    head = [0, *number(len(_IN_ORDER) - 4, 4), *chain(*(number(lengths.get(symbol, 0), 3) for symbol in _IN_ORDER))]
    return head + most + list(chain(*(written(lengths, symbol) + behind for symbol, behind in said)))


def written(lengths: Mapping[int, int], symbol: int) -> Bits:
    """Return a symbol as a code of those lengths writes it (RFC 9649, 6.2.1): the first bit is the highest."""
    value = 0
    for other, length in sorted(lengths.items(), key=lambda one: (one[1], one[0])):
        if other == symbol:
            return number(value >> 8 - length, length)[::-1]
        value += 1 << 8 - length
    raise KeyError(symbol)


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk."""
    return name + struct.pack("<L", len(content)) + content + bytes(len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    """Return a file."""
    return b"RIFF" + struct.pack("<L", 4 + sum(map(len, chunks))) + b"WEBP" + b"".join(chunks)


def without_loss(width: int, height: int, bits: Bits) -> bytes:
    """Return a chunk of an image without loss, of what is done to it and what its pixels are."""
    return chunk(b"VP8L", b"\x2f" + packed(number(width - 1, 14) + number(height - 1, 14) + [0] * 4 + bits))


def packed(bits: Bits) -> bytes:
    """Return bits as bytes."""
    return bytes(sum(bit << place for place, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


def canvas(width: int, height: int, flags: int) -> bytes:
    """Return the chunk that says how large all of it is, and what there is: 2 a film, 16 alpha."""
    return chunk(
        b"VP8X", struct.pack("<L", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )


def film(width: int, height: int, image: bytes) -> bytes:
    """Return a film of a frame without an image, and one with it."""
    frame = bytes(6) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + bytes(4)
    frames = chunk(b"ANMF", frame), chunk(b"ANMF", frame + image)
    return riff(canvas(width, height, 2), chunk(b"ANIM", bytes(6)), *frames)


def of_tables(count: int) -> Bits:
    """Return black pixels that are to be read by so many tables, a set for each 4 x 4 of them: 256 sets in a row."""
    eight: tuple[int, Bits] = (8, [])
    eights = code({0: 1, 8: 1}, [eight] * 256 + [(0, [])] * 24, [0])
    rest = code({0: 1, 8: 1}, [eight] * 256, [0])
    tiles = chain(*(number(tile % 256, 8)[::-1] + number(tile // 256, 8)[::-1] for tile in range(count)))
    return [0, 0, 1, 0, 0, 0, 0, *eights, *rest, *only(0) * 3, *tiles, *[1, 0, 0, 0] * 5 * count, *[0] * 64]


def webp_of_tables() -> bytes:
    """Return a megapixel with as many tables as there may be: 5.6 kB each."""
    return riff(without_loss(1024, 1024, of_tables(TABLES)))
