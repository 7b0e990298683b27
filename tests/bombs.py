"""Small files made to cost much, honest photographs to compare them with, and a process that measures both."""

import io
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tests.avif_parts import AVIF_BOMBS
from tests.heic_parts import HEIC_BOMBS, large_heic
from tests.images import EMPTY_REFINEMENT, SQUARE, encode, heic, patched, png, png_chunk, quarters
from tests.tiff_parts import TIFF_BOMBS, tiff_of_jpeg
from tests.webp_parts import webp_of_tables

EMPTY_SCAN = b"\xff\xda\0\x08\1\1\0\0\x3f\0"
LIMIT = 2_000_000
"""Bytes: no more than the photograph that they are compared with has."""


def honest(name: str, **options: bool | int) -> bytes:
    """Return a photograph of 12 megapixels: soft shapes and grain, so that it has a photograph's bytes."""
    chance = np.random.default_rng(0)
    shapes = Image.fromarray(chance.integers(0, 255, (30, 40, 3), np.uint8)).resize((4000, 3000))
    grain = np.tile(chance.integers(0, 12, (300, 400, 1), np.uint8), (10, 10, 1))
    return encode(Image.fromarray(np.asarray(shapes) // 2 + grain + 50), name, **options)


def _until_full(piece: bytes, head: bytes, tail: bytes) -> bytes:
    return head + piece * ((LIMIT - len(head) - len(tail)) // len(piece)) + tail


def _png_with(piece: bytes) -> bytes:
    data = png(8, 0, bytes(2), (1, 1))
    return _until_full(piece, data[:33], data[33:])


def _gif_with(piece: bytes) -> bytes:
    data = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\2\2\x44\x01\0;"
    return _until_full(piece, data[:13], data[13:])


def _jpeg_with_scans(mode: str, scan: bytes, size: tuple[int, int], *, progressive: bool) -> bytes:
    data = encode(Image.new(mode, size), "JPEG", progressive=progressive)
    at = len(data) - 2 if progressive else data.index(b"\xff\xda")  # of a plain one they are in the place of its own
    return data[:at] + scan * 100_000 + b"\xff\xd9"


def _interlaced() -> bytes:
    data = png(16, 6, bytes(9), SQUARE)
    return data[:8] + png_chunk(b"IHDR", struct.pack(">IIBBBBB", *SQUARE, 16, 6, 0, 0, 1)) + data[33:]


def _hollow_webp(width: int = 16383, height: int = 3000) -> bytes:
    data = encode(Image.new("RGB", (8, 8)), "WEBP", lossless=True)
    return patched(data, 21, struct.pack("<L", (width - 1) | (height - 1) << 14))


def _jpeg_of_a_line(scans: int) -> bytes:
    jpeg = encode(Image.new("L", (1, 1000)), "JPEG", progressive=True)
    return jpeg[:-2] + EMPTY_REFINEMENT * scans + jpeg[-2:]


def arithmetic_jpeg() -> bytes:
    """Return 12.4 megapixels of one grey: a coefficient far behind the others in each block, refined again and again.

    An encoder that knows what comes next needs no bytes for it, and a decoder asks for each coefficient all the same.
    """
    first = (
        "4bc60000000000016874004eea00000000b56a5d800000000dfda10000000002b96f30929de6099a37e73a6eb7ba79e87dcd314d973832e8"
        "bea0"
    )
    scans = [b"\0\0\0\x4b\xc6", b"\1\x3f\1" + bytes.fromhex(first)] + [b"\1\x3f\x10\x4b\xc6"] * 18
    head = b"\xff\xd8\xff\xdb\0C\0" + b"d" * 64 + b"\xff\xca\0\x0b\x08" + struct.pack(">HH", 3100, 4000)
    return head + b"\1\1\x11\0" + b"".join(b"\xff\xda\0\x08\1\1\0" + scan for scan in scans) + b"\xff\xd9"


def _exif_of(fractions: int) -> bytes:
    """Return EXIF whose orientation, and whose resolution, are so many fractions, the same for both."""
    entries = b"".join(struct.pack("<HHLL", tag, 5, fractions, 50) for tag in (0x112, 0x11A))
    head = b"II*\0" + struct.pack("<LH", 8, 3) + entries + struct.pack("<HHLL", 0x128, 3, 1, 2) + bytes(4)
    return head + struct.pack("<2L", 1, 3) * fractions


def _jpeg_with_exif(exif: bytes) -> bytes:
    """Return a JPEG with it in as many segments as it takes, which Pillow joins."""
    jpeg = encode(quarters(), "JPEG")
    pieces = [b"Exif\0\0" + exif[at : at + 65_000] for at in range(0, len(exif), 65_000)]
    return jpeg[:2] + b"".join(b"\xff\xe1" + struct.pack(">H", len(piece) + 2) + piece for piece in pieces) + jpeg[2:]


def _zipped_exif(exif: bytes) -> bytes:
    text = zlib.compress(b"\n\n\n" + exif.hex().encode(), 9)
    return png_chunk(b"zTXt", b"Raw profile type exif\0\0" + text)


def just_free() -> dict[str, tuple[bytes, bytes]]:
    """Return bombs of 12.4 megapixels, for which any bytes are enough, each with a photograph of a quarter.

    Returns:
        By kind: the bomb, and the photograph, in the same format, bands and depth.
    """
    width, height = 4000, 3100
    photograph = Image.open(io.BytesIO(honest("JPEG", quality=88))).resize((width // 2, height // 2))
    floats = Image.fromarray(np.asarray(photograph.convert("L")).astype(np.float32))
    sixteen = np.asarray(photograph.convert("RGBA")).astype(">u2") * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in sixteen)
    deflated = {"name": "TIFF", "compression": "tiff_adobe_deflate"}
    return {
        "webp": (_hollow_webp(width, height), encode(photograph, "WEBP", method=0)),
        "avif": (encode(Image.new("RGB", (width, height)), "AVIF", speed=10), encode(photograph, "AVIF", speed=10)),
        "heic": (large_heic(), heic(photograph)),
        "float tiff": (encode(Image.new("F", (width, height)), **deflated), encode(floats, **deflated)),
        "16-bit png": (
            png(16, 6, bytes(1 + 8 * width) * height, (width, height)),
            png(16, 6, rows, (width // 2, height // 2)),
        ),
        "gif": (encode(Image.new("L", (width, height)), "GIF"), encode(photograph.quantize(64), "GIF")),
    }


_ROW = bytes(1 + 3 * 7000)
_ZIPPED = zlib.compress(bytes(50_000_000), 9)

BOMBS: dict[str, Callable[[], bytes]] = {
    "png-of-10-gigapixels": lambda: png(8, 2, bytes(1000), (100_000, 100_000)),
    "png-just-below-the-limit": lambda: png(8, 2, _ROW * 7000, SQUARE),
    "png-of-one-bit": lambda: png(1, 0, bytes(876) * 7000, SQUARE),
    "png-of-16-bits-interlaced": _interlaced,
    "png-of-16-bits-and-alpha": lambda: png(16, 6, bytes(1 + 8 * 7000) * 7000, SQUARE),
    "png-profile": lambda: png(8, 0, bytes(2), (1, 1), png_chunk(b"iCCP", b"x\0\0" + _ZIPPED)),
    "png-text": lambda: png(8, 0, bytes(2), (1, 1), png_chunk(b"zTXt", b"x\0\0" + _ZIPPED)),
    "png-pixels-behind-its-pixels": lambda: png(8, 0, bytes(50_000_000), (1, 1)),
    "png-of-empty-chunks": lambda: _png_with(png_chunk(b"abCd")),
    "png-of-empty-pixels": lambda: _png_with(png_chunk(b"IDAT")),
    "png-of-texts": lambda: _png_with(png_chunk(b"tEXt", b"a\0b")),
    "gif-of-65535-square": lambda: b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\0;",
    "gif-just-below-the-limit": lambda: b"GIF89a\x58\x1b\x58\x1b\0\0\0,\0\0\0\0\x58\x1b\x58\x1b\0\2\2\x44\x01\0;",
    "gif-of-comments": lambda: _gif_with(b"\x21\xfe\1x\0"),
    "gif-of-extensions": lambda: _gif_with(b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0"),
    "gif-of-rubbish": lambda: _gif_with(b"\0"),
    "webp-of-34-bytes": _hollow_webp,
    "webp-of-tables": webp_of_tables,
    "avif-just-below-the-limit": lambda: encode(Image.new("L", SQUARE), "AVIF", speed=10),
    **AVIF_BOMBS,
    **HEIC_BOMBS,
    "bmp-of-2-gigapixels": lambda: patched(encode(quarters(), "BMP"), 18, struct.pack("<LL", 46_000, 46_000)),
    **TIFF_BOMBS,
    "jpeg-of-65535-square": lambda: patched(j := encode(quarters(), "JPEG"), j.index(b"\xff\xc0") + 5, b"\xff" * 4),
    "jpeg-of-scans": lambda: _jpeg_with_scans("RGB", EMPTY_SCAN, (5000, 4000), progressive=False),
    "jpeg-of-refinements": lambda: _jpeg_with_scans("L", EMPTY_REFINEMENT, (5000, 4000), progressive=True),
    "jpeg-of-more-refinements-of-less": lambda: _jpeg_with_scans("L", EMPTY_REFINEMENT, (800, 600), progressive=True),
    "jpeg-of-scans-of-a-line": lambda: _jpeg_of_a_line(180_000),
    "jpeg-of-arithmetic": arithmetic_jpeg,
    "tiff-of-arithmetic": lambda: tiff_of_jpeg(arithmetic_jpeg(), (4000, 3100)),
    "jpeg-of-fractions": lambda: _jpeg_with_exif(_exif_of(60_000)),
    "png-of-fractions": lambda: png(8, 0, bytes(2), (1, 1), png_chunk(b"eXIf", _exif_of(60_000))),
    "png-of-zipped-fractions": lambda: png(8, 0, bytes(2), (1, 1), _zipped_exif(_exif_of(65_000))),
    "webp-of-fractions": lambda: encode(quarters(), "WEBP", exif=_exif_of(60_000)),
    "jpeg-of-comments": lambda: encode(quarters(), "JPEG")[:2] + b"\xff\xfe\0\2" * 400_000,
}

MEASURE = """
import os, sys, time, json
from pathlib import Path
import pillow_heif
from catdog_api.decoding import decode
from catdog_api.errors import ImageError

def pages(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

def cost(path):
    before = pages("VmRSS")
    started = time.process_time()
    try:
        outcome = decode(Path(path).read_bytes(), 128, max_pixels=50_000_000).format
    except ImageError as error:
        outcome = type(error).__name__
    return {"seconds": time.process_time() - started, "kilobytes": pages("VmHWM") - before, "outcome": outcome}

for path in sys.argv[1:2] * 2 + sys.argv[1:]:  # twice for nothing: what is loaded and allocated once
    reader, writer = os.pipe()
    if not os.fork():
        os.write(writer, json.dumps(cost(path)).encode())
        os._exit(0)
    os.close(writer)
    print(os.read(reader, 1000).decode() or '{"seconds": 1e9, "kilobytes": 0, "outcome": "died"}', flush=True)
    os.wait()
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one file took: CPU seconds, and the most memory beyond what was held before."""

    seconds: float
    kilobytes: int
    outcome: str


def costs(files: dict[str, bytes], folder: Path) -> dict[str, Cost]:
    """Decode each file in a process of its own, and return what it took.

    Args:
        files: By name.
        folder: In which they are put.
    """
    for name, data in files.items():
        (folder / name).write_bytes(data)
    paths = [str(folder / name) for name in files]
    command = [sys.executable, "-W", "error", "-c", MEASURE, *paths]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, env=environment)  # noqa: S603
    assert not done.stderr, done.stderr
    lines = [Cost(**json.loads(line)) for line in done.stdout.splitlines()]
    return dict(zip(files, lines[2:], strict=True))
