"""Hostile images by the thousand: every accepted format cut, flipped, shuffled and spliced, the same in each run."""

import struct
import zlib
from collections.abc import Callable, Iterator
from random import Random

from tests.images import FILES, MODES, png_chunk

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
PNG_HEAD = 8

ORIGINALS: list[bytes] = [make() for _, make in FILES.values()] + [data for data, _ in MODES.values()]


def cut(data: bytes, chance: Random) -> bytes:
    """Return a beginning."""
    return data[: chance.randrange(len(data))]


def flip_bits(data: bytes, chance: Random) -> bytes:
    """Return the bytes with up to 32 bits turned."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 32)):
        damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def flip_header_bits(data: bytes, chance: Random) -> bytes:
    """Return the bytes with some bits turned where the header is."""
    head = min(len(data), 200)
    return flip_bits(data[:head], chance) + data[head:]


def put_extremes(data: bytes, chance: Random) -> bytes:
    """Return the bytes with numbers replaced by the largest, the smallest, and those beside them."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        form = chance.choice(["<H", ">H", "<L", ">L", "<Q", ">Q"])
        number = chance.choice(EXTREMES) & (256 ** struct.calcsize(form) - 1)
        at = chance.randrange(min(len(data), chance.choice([64, 512, len(data)])))
        damaged[at : at + struct.calcsize(form)] = struct.pack(form, number)
    return bytes(damaged)


def move_a_piece(data: bytes, chance: Random) -> bytes:
    """Return the bytes with a piece of them removed, doubled, turned round or moved elsewhere."""
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    piece = data[start:end]
    rest = data[:start] + data[end:]
    at = chance.randrange(len(rest) + 1)
    piece = chance.choice([b"", 2 * piece, piece[::-1], piece])
    return rest[:at] + piece + rest[at:]


def splice(data: bytes, chance: Random) -> bytes:
    """Return the head of one file and the tail of another."""
    other = chance.choice(ORIGINALS)
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def blank(data: bytes, chance: Random) -> bytes:
    """Return the bytes with a run of them all alike, or random."""
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    run = chance.choice([bytes(end - start), b"\xff" * (end - start), chance.randbytes(end - start)])
    return data[:start] + run + data[end:]


def shuffle_chunks(data: bytes, chance: Random) -> bytes:
    """Return a file of right chunks in a wrong order, some missing, doubled, or with wrong content but right checksums.

    Damage anywhere else in a PNG is found by its checksums, before it can do any harm.
    """
    head, pieces, join = take_apart(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(pieces))
        name, content = pieces[at]
        changed = chance.choice([cut, flip_bits, put_extremes])(content, chance) if content else b"\1"
        pieces[at : at + 1] = chance.choice([[], 2 * [pieces[at]], [(name, changed)], [(name, content + bytes(9))]])
        if not pieces:
            break
        if chance.random() < 0.3:
            chance.shuffle(pieces)
    return head + b"".join(join(*piece) for piece in pieces)


def take_apart(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], Callable[[bytes, bytes], bytes]]:
    """Return a file's head, its chunks as name and content, and what puts a chunk together again."""
    if data.startswith(b"\x89PNG"):
        return data[:PNG_HEAD], list(_chunks(data, PNG_HEAD, ">L4s", pad=4)), png_chunk
    if data.startswith(b"RIFF"):
        return data[:12], list(_chunks(data, 12, "<4sL", even=True)), _riff_chunk
    return data[:2], list(_segments(data)), lambda name, content: name + content


def _chunks(data: bytes, at: int, form: str, *, pad: int = 0, even: bool = False) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= len(data):
        first, second = struct.unpack_from(form, data, at)
        name, length = (second, first) if form.startswith(">") else (first, second)
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + pad + (length % 2 if even else 0)


def _segments(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield pieces that begin as JPEG's segments do; of another format a few dozen of any kind."""
    pieces = data[2:].split(b"\xff") if data.startswith(b"\xff\xd8") else [data[n : n + 24] for n in range(2, 999, 24)]
    yield from (
        (b"\xff" if data.startswith(b"\xff\xd8") and number else b"", piece) for number, piece in enumerate(pieces)
    )


def _riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<L", len(content)) + content + bytes(len(content) % 2)


def junk_in_a_png(data: bytes, chance: Random) -> bytes:
    """Return a PNG with a chunk that is no part of its pixels, its content mad; of another format a spliced one."""
    if not data.startswith(b"\x89PNG"):
        return splice(data, chance)
    name = chance.choice(
        [b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"gAMA", b"tRNS", b"PLTE", b"acTL", b"fcTL", b"pHYs"]
    )
    zipped = zlib.compress(bytes(chance.choice([9, 100_000, 2_000_000])), 9)
    content = chance.choice(
        [b"", b"x\0\0" + zipped, b"x\0\1\0\0\0" + zipped, chance.randbytes(40), bytes(4), b"II*\0" * 9]
    )
    at = chance.choice([PNG_HEAD, 33, len(data) - 12])
    return data[:at] + png_chunk(name, content) + data[at:]


def junk_exif(data: bytes, chance: Random) -> bytes:
    """Return a JPEG whose EXIF is mad; of another format one with extremes."""
    if not data.startswith(b"\xff\xd8"):
        return put_extremes(data, chance)
    order = chance.choice("<>")
    entries = b"".join(
        struct.pack(
            order + "HHLL",
            chance.choice([0x112, 0x8769, 0x8825, 0x927C, 0x201, chance.randrange(65536)]),
            chance.choice([1, 2, 3, 4, 5, 7, 10, 12, 13, 99]),
            chance.choice([0, 1, 9, 2**31, 2**32 - 1]),
            chance.choice([0, 8, 26, 2**31, 2**32 - 1]),
        )
        for _ in range(chance.randint(1, 8))
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8)
    exif = b"Exif\0\0" + head + struct.pack(order + "H", chance.choice([len(entries) // 12, 65535])) + entries
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


MUTATIONS: list[Callable[[bytes, Random], bytes]] = [
    cut,
    flip_bits,
    flip_header_bits,
    put_extremes,
    move_a_piece,
    splice,
    blank,
    shuffle_chunks,
    junk_in_a_png,
    junk_exif,
]


def hostile_images(count: int, seed: int = 4) -> Iterator[tuple[str, bytes]]:
    """Yield so many files, each with the words that say how to make it again."""
    for number in range(count):
        chance = Random(f"{seed} {number}")  # noqa: S311  # the same in each run
        data = ORIGINALS[number % len(ORIGINALS)]
        mutate = MUTATIONS[number // len(ORIGINALS) % len(MUTATIONS)]
        yield (
            f"{mutate.__name__} of original {number % len(ORIGINALS)}, seed {seed}, number {number}",
            mutate(data, chance),
        )
