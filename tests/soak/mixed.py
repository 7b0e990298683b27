"""Requests as they come in a day: photographs of all formats and many sizes, in both forms, and some that are none."""

import io
from collections.abc import Sequence
from random import Random

from PIL import Image

from benchmarks.photographs import draw, multipart
from tests.images import encode
from tests.raw_requests import request

SIZES = ((96, 72), (500, 375), (640, 480), (1200, 900), (2400, 1800))
FORMATS = (("JPEG", 6), ("PNG", 2), ("WEBP", 2), ("GIF", 1), ("BMP", 1), ("AVIF", 1), ("TIFF", 1))
"""And how often each comes."""

LARGEST_BUT_JPEG = 500  # pixels across: what a PNG of 2400 x 1800 costs would be all that is measured
HOST = b"Host: catdog.test"
FORM = b"Content-Type: multipart/form-data; boundary=catdog-benchmark"


def mixed_requests(count: int, seed: int = 4) -> Sequence[bytes]:
    """Draw so many requests for `/predict`: nine of ten hold a photograph, the others are refused with 4xx.

    Args:
        count: How many.
        seed: The same gives the same.
    """
    chance = Random(seed)  # noqa: S311  # no secret
    sources = [Image.open(io.BytesIO(data)) for data in draw(8)]
    names = [name for name, often in FORMATS for _ in range(often)]
    made = []
    for _ in range(count):
        name = chance.choice(names)
        width, height = chance.choice(SIZES)
        if name != "JPEG":
            width, height = min(width, LARGEST_BUT_JPEG), min(height, LARGEST_BUT_JPEG * 3 // 4)
        options = {"progressive": chance.random() < 0.2, "quality": chance.randint(60, 95)} if name == "JPEG" else {}
        data = encode(chance.choice(sources).resize((width, height)), name, **options)
        made.append(_spoilt(data, chance) if chance.random() < 0.1 else _sent(data, chance))
    return made


def _sent(data: bytes, chance: Random) -> bytes:
    if chance.random() < 0.5:
        return request(multipart(data, "file"), [HOST, FORM])
    return request(data, [HOST, b"Content-Type: image/jpeg"])


def _spoilt(data: bytes, chance: Random) -> bytes:
    """Cut it, or send something else, or in the wrong field, or nothing."""
    bad = chance.choice([data[: len(data) // 3], chance.randbytes(20_000), b"no photograph", b""])
    if chance.random() < 0.2:
        return request(multipart(data, "photo"), [HOST, FORM])
    return _sent(bad, chance)
