"""Images drawn in memory, plain and hostile, for the tests that decode them."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

RED, GREEN, BLUE, WHITE = (200, 30, 40), (20, 180, 60), (30, 50, 210), (255, 255, 255)
QUARTERS = ((RED, GREEN), (BLUE, WHITE))
"""What `quarters` shows: two rows of two colours, no two alike, so that no turn or mirror image goes unseen."""
SQUARE = (7000, 7000)
"""Just below what the service decodes by default, 50 megapixels."""
EMPTY_REFINEMENT = b"\xff\xda\0\x08\1\1\0\1\5\1"
"""A scan of a progressive JPEG that has no bytes, and for which a decoder goes over all of its pixels again."""


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Draw an RGB image of four rectangles, coloured as in `QUARTERS`."""
    return Image.fromarray(np.array(QUARTERS, np.uint8)).resize((width, height), Image.Resampling.NEAREST)


def encode(image: Image.Image, name: str, **options: Any) -> bytes:  # noqa: ANN401 - each format has its own
    """Return the file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def heic(image: Image.Image) -> bytes:
    """Return a HEIC file, as pillow-heif writes it."""
    from pillow_heif import from_pillow  # noqa: PLC0415 - the optional extra

    file = io.BytesIO()
    from_pillow(image).save(file, format="HEIF")
    return file.getvalue()


def patched(data: bytes, at: int, replacement: bytes) -> bytes:
    """Return the bytes with some replaced."""
    return data[:at] + replacement + data[at + len(replacement) :]


def png_chunk(name: bytes, content: bytes = b"") -> bytes:
    """Return one PNG chunk with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(depth: int, colour: int, rows: bytes, size: tuple[int, int], *chunks: bytes) -> bytes:
    """Return a PNG of the bit depth and colour type; `rows` begin with their filter byte."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + b"".join(chunks) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(pixels: bytes = bytes(16), order: str = "<", **changes: tuple[int, int, int]) -> bytes:
    """Return a grey TIFF of 4 x 4 pixels in four strips.

    Args:
        pixels: What stands at byte 1,000; the strips' offsets and byte counts stand at 800 and 900.
        order: "<" or ">".
        changes: Entries changed or added, as `t256=(type, count, value)`.
    """
    entries = {256: (4, 1, 4), 257: (4, 1, 4), 258: (4, 1, 8), 259: (4, 1, 1), 262: (4, 1, 1), 273: (4, 4, 800)}
    entries |= {277: (4, 1, 1), 278: (4, 1, 1), 279: (4, 4, 900)}
    entries |= {int(tag[1:]): entry for tag, entry in changes.items()}
    directory = struct.pack(order + "H", len(entries))
    directory += b"".join(struct.pack(order + "HHLL", tag, *entry) for tag, entry in sorted(entries.items()))
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "L", 8)
    offsets = struct.pack(order + "4L", 1000, 1004, 1008, 1012)
    return (
        ((head + directory + bytes(4)).ljust(800, b"\0") + offsets).ljust(900, b"\0")
        + struct.pack(order + "4L", *[4] * 4)
    ).ljust(1000, b"\0") + pixels


def big_tiff() -> bytes:
    """Return the same image as a BigTIFF of one strip."""
    entries = {256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 273: 500, 277: 1, 278: 4, 279: 16}
    directory = struct.pack("<Q", len(entries))
    directory += b"".join(struct.pack("<HHQQ", tag, 4, 1, value) for tag, value in entries.items())
    return (b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + directory + bytes(8)).ljust(500, b"\0") + bytes([77] * 16)


def deep(values: Sequence[Sequence[float]], dtype: npt.DTypeLike) -> Image.Image:
    """Draw a greyscale image of four rectangles in the mode that the type has."""
    return Image.fromarray(np.kron(np.array(values).astype(dtype), np.ones((24, 32), dtype)))


def palette() -> Image.Image:
    """Draw `quarters` with a palette: 0 red, 1 green, 2 blue, 3 white."""
    image = deep([[0, 1], [2, 3]], np.uint8)
    image.putpalette([*RED, *GREEN, *BLUE, *WHITE])
    return image


def translucent(mode: str = "RGBA") -> Image.Image:
    """Draw `quarters` with the green half transparent, and the blue wholly."""
    image = quarters()
    image.putalpha(deep([[255, 128], [0, 255]], np.uint8))
    return image.convert(mode)


def ycck() -> bytes:
    """Return a red JPEG in YCCK as Adobe writes it: the complement of CMYK, and of its first three colours the YCC."""
    inverse = Image.new("RGB", (1, 1), tuple(255 - value for value in RED)).convert("YCbCr").tobytes()
    image = Image.new("CMYK", (64, 48), (*(255 - value for value in inverse), 0))
    data = encode(image, "JPEG", quality=95)
    return patched(data, data.index(b"Adobe") + 11, b"\2")  # the transform: 2 is YCCK


def premultiplied() -> bytes:
    """Return a TIFF whose colours are already multiplied by alpha, which its ExtraSamples tag says."""
    image = translucent("RGBa")
    data = encode(Image.frombytes("RGBA", image.size, image.tobytes()), "TIFF")
    return patched(data, data.index(struct.pack("<HHL", 338, 3, 1)) + 8, b"\1")


GREYS = [[30, 90], [150, 240]]
LUMA = [[round(0.299 * r + 0.587 * g + 0.114 * b) for r, g, b in row] for row in QUARTERS]  # ITU-R 601
_SIXTEEN = [[value * 257 for value in row] for row in GREYS]
_BLANK_BLUE = ((RED, GREEN), (WHITE, WHITE))
_TRANSLUCENT = ((RED, tuple(round(value * 128 / 255) + 127 for value in GREEN)), (WHITE, WHITE))
_TRANSLUCENT_LUMA = ((LUMA[0][0], round(LUMA[0][1] * 128 / 255) + 127), (255, 255))
_RGB_16 = b"".join(b"\0" + struct.pack(">6H", *(value * 257 for value in row[0] + row[1])) for row in QUARTERS)

MODES: dict[str, tuple[bytes, object]] = {
    "greyscale-png": (encode(deep(GREYS, np.uint8), "PNG"), GREYS),
    "greyscale-jpeg": (encode(deep(GREYS, np.uint8), "JPEG"), GREYS),
    "1-bit-png": (encode(deep([[0, 255], [255, 0]], np.uint8).convert("1"), "PNG"), [[0, 255], [255, 0]]),
    "1-bit-tiff": (encode(deep([[0, 255], [255, 0]], np.uint8).convert("1"), "TIFF"), [[0, 255], [255, 0]]),
    "cmyk-jpeg-inverted-by-adobe": (encode(quarters().convert("CMYK"), "JPEG", quality=95), QUARTERS),
    "cmyk-tiff": (encode(quarters().convert("CMYK"), "TIFF"), QUARTERS),
    "ycck-jpeg": (ycck(), ((RED, RED), (RED, RED))),
    "ycbcr-tiff": (encode(quarters().convert("YCbCr"), "TIFF"), QUARTERS),
    "lab-tiff": (encode(quarters().convert("LAB"), "TIFF"), QUARTERS),
    "16-bit-png": (encode(deep(_SIXTEEN, np.uint16), "PNG"), GREYS),
    "16-bit-tiff": (encode(deep(_SIXTEEN, np.uint16), "TIFF"), GREYS),
    "16-bit-big-endian-tiff": (tiff(struct.pack(">H", 77 * 257) * 16, ">", t258=(4, 1, 16)), [[77, 77], [77, 77]]),
    "16-bit-rgb-png": (png(16, 2, _RGB_16, (2, 2)), QUARTERS),
    "32-bit-tiff": (encode(deep(_SIXTEEN, np.int32), "TIFF"), GREYS),
    "float-tiff-to-1": (encode(deep(np.divide(GREYS, 255).tolist(), np.float32), "TIFF"), GREYS),
    "float-tiff-to-255": (encode(deep(GREYS, np.float32), "TIFF"), GREYS),
    "float-tiff-to-65535": (encode(deep(_SIXTEEN, np.float32), "TIFF"), GREYS),
    "float-tiff-beyond": (encode(deep([[0, 5e5], [-1, 1e6]], np.float32), "TIFF"), [[0, 127], [0, 255]]),
    "float-tiff-not-numbers": (encode(deep([[np.nan, np.inf], [0.5, 1]], np.float32), "TIFF"), [[0, 0], [127, 255]]),
    "float-tiff-all-black": (encode(deep([[0, -3e38], [0, 0]], np.float32), "TIFF"), [[0, 0], [0, 0]]),
    "palette-png": (encode(palette(), "PNG"), QUARTERS),
    "palette-bmp": (encode(palette(), "BMP"), QUARTERS),
    "palette-one-transparent": (encode(palette(), "PNG", transparency=2), _BLANK_BLUE),
    "palette-alphas": (encode(palette(), "PNG", transparency=bytes([255, 128, 0, 255])), _TRANSLUCENT),
    "palette-gif-transparent": (encode(palette(), "GIF", transparency=2), _BLANK_BLUE),
    "rgba-png": (encode(translucent(), "PNG"), _TRANSLUCENT),
    "rgba-webp": (encode(translucent(), "WEBP", lossless=True), _TRANSLUCENT),
    "rgba-avif": (encode(translucent(), "AVIF", quality=95), _TRANSLUCENT),
    "rgba-tiff": (encode(translucent(), "TIFF"), _TRANSLUCENT),
    "premultiplied-tiff": (premultiplied(), _TRANSLUCENT),
    "la-png": (encode(translucent("LA"), "PNG"), _TRANSLUCENT_LUMA),
    "la-tiff": (encode(translucent("LA"), "TIFF"), _TRANSLUCENT_LUMA),
    "rgb-transparent-colour": (encode(quarters(), "PNG", transparency=BLUE), _BLANK_BLUE),
    "grey-transparent-value": (encode(deep(GREYS, np.uint8), "PNG", transparency=30), [[255, 90], [150, 240]]),
    "16-bit-transparent-value": (
        encode(deep(_SIXTEEN, np.uint16), "PNG", transparency=30 * 257),
        [[255, 90], [150, 240]],
    ),
    "big-tiff": (big_tiff(), [[77, 77], [77, 77]]),
}
"""For each mode a file of it, and the four colours or greys that it shows on white."""

FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpeg": ("JPEG", lambda: encode(quarters(), "JPEG", quality=90)),
    "progressive": ("JPEG", lambda: encode(quarters(), "JPEG", quality=90, progressive=True)),
    "restarts": ("JPEG", lambda: encode(quarters(), "JPEG", restart_marker_rows=1)),
    "mpo": ("JPEG", lambda: encode(quarters(), "MPO", save_all=True, append_images=[quarters().rotate(180)])),
    "png": ("PNG", lambda: encode(quarters(), "PNG")),
    "apng": ("PNG", lambda: encode(quarters(), "PNG", save_all=True, append_images=[quarters().rotate(180)])),
    "webp": ("WEBP", lambda: encode(quarters(), "WEBP", quality=90)),
    "webp-lossless": ("WEBP", lambda: encode(quarters(), "WEBP", lossless=True)),
    "webp-animated": (
        "WEBP",
        lambda: encode(quarters(), "WEBP", save_all=True, append_images=[quarters().rotate(180)]),
    ),
    "gif": ("GIF", lambda: encode(quarters(), "GIF")),
    "gif-animated": ("GIF", lambda: encode(quarters(), "GIF", save_all=True, append_images=[quarters().rotate(180)])),
    "bmp": ("BMP", lambda: encode(quarters(16, 12), "BMP")),
    "avif": ("AVIF", lambda: encode(quarters(), "AVIF", quality=90)),
    "avif-animated": (
        "AVIF",
        lambda: encode(quarters(), "AVIF", save_all=True, append_images=[quarters().rotate(180)]),
    ),
    "tiff": ("TIFF", lambda: encode(quarters(16, 12), "TIFF")),
    "tiff-lzw": ("TIFF", lambda: encode(quarters(), "TIFF", compression="tiff_lzw")),
    "tiff-deflate": ("TIFF", lambda: encode(quarters(), "TIFF", compression="tiff_adobe_deflate")),
    "tiff-jpeg": ("TIFF", lambda: encode(quarters(), "TIFF", compression="jpeg")),
    "tiff-pages": (
        "TIFF",
        lambda: encode(
            quarters(), "TIFF", compression="packbits", save_all=True, append_images=[quarters().rotate(180)]
        ),
    ),
    "heic": ("HEIF", lambda: heic(quarters())),
}
"""For each kind of file what `decode` calls its format, and a maker: `quarters`, of an animation the first frame."""
