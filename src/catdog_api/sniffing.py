"""What the bytes say before any decoder sees them.

The format by its first bytes, and headers and structures made to cost more than their pixels.
"""

import io
import re
import struct
from collections.abc import Iterable
from typing import Final

import numpy as np

from catdog_api import errors

# AVIF and HEIC share a container and the general brand `mif1`; `avif` among the brands tells them apart.
_SIGNATURES: Final = re.compile(
    rb"""(?xs)
    (?P<JPEG>\xff\xd8\xff) | (?P<PNG>\x89PNG\r\n\x1a\n) | (?P<WEBP>RIFF....WEBP) | (?P<GIF>GIF8[79]a)
    | (?P<BMP>BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0) | (?P<TIFF>II[*+]\0|MM\0\*)
    | (?P<AVIF>\0\0..ftyp(.{4}){0,16}?avi[fs]) | (?P<HEIF>\0\0..ftyp(.{4}){0,16}?(he[iv][cmsx]|mif1|msf1))
    | (?P<SVG>(\xef\xbb\xbf)?\s*<([?!].*?<)?svg[\s>]) | (?P<PDF>%PDF-) | (?P<PostScript>%!PS|\xc5\xd0\xd3\xc6)
    | (?P<Photoshop>8BPS) | (?P<icon>\0\0[\1\2]\0[^\0]|icns) | (?P<Netpbm>P[1-7]\s+[\#\w]) | (?P<PCX>\n[\0\2-\5]\x01)
    | (?P<JPEG_2000>\0\0\0\x0cjP\x20\x20\r\n|\xff\x4f\xff\x51) | (?P<JPEG_XL>\0\0\0\x0cJXL\x20\r\n|\xff\x0a)
    | (?P<JPEG_XR>II\xbc) | (?P<DDS>DDS\x20) | (?P<GIMP>gimp\x20xcf) | (?P<OpenEXR>v/1\x01) | (?P<BigTIFF>MM\0\+)
    """
)

DOCUMENTS: Final = frozenset({"PDF", "PostScript"})
"""Formats that are named for a clear refusal, and are not images."""

FIRST_BYTES: Final = 4096  # in which the format is found; an SVG may begin with comments

# What Pillow walks in Python or copies again and again: dozens in a photograph, millions in 10 MiB made for it.
_MAX_JPEG_SEGMENTS: Final = 512  # 255 may be its colour profile; 2,500,000 took 4 s
MAX_TIFF_NUMBERS: Final = 65_536  # in one tag, or tags; 2,500,000 took 8 s and 0.8 GB
_FREE_READS: Final = 4096
_BYTES_A_READ: Final = 1024  # a PNG has four for each chunk, of 8 KiB as a rule; 10 MiB of empty ones took 2.4 s

# What an image has beyond a photograph of 12 megapixels, it must have sent: photographs have a byte for 5 to 30 pixels,
# and for 5 to 50 pixels of a scan; an empty PNG of 8 bytes a pixel has one for 129. 34 bytes of WebP took 750 MB, and
# 10 MiB of empty scans would have taken hours.
FREE_PIXELS: Final = 12_500_000
PIXELS_A_BYTE: Final = 125
_MAX_SCANS: Final = 20  # encoders make 10, and 18 of four colours
_MAX_SCANS_OF_ONE: Final = 128  # however small it is: each has tables to be read; libtiff stops at 100 by itself
_SCANNED_PIXELS_A_BYTE: Final = 1000

_START_OF_SCAN: Final = b"\xda"
_SCAN: Final = b"\xff" + _START_OF_SCAN
_FEW_BYTES: Final = 4096  # among which numpy's calls would take longer
_LONE_MARKERS: Final = bytes([0x00, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)])  # Pillow reads no length after them
TIFF_BYTES: Final = frozenset({1, 2, 7})  # types: bytes, text, anything; one bytes object, however long
_TIFF_PIECES: Final = frozenset({273, 279, 324, 325})  # tags: offsets and byte counts of strips, of tiles
# Bytes of one number, by type; of the types between and beyond libtiff reads none.
_TIFF_SIZES: Final = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8), start=1))


def sniff(data: bytes) -> str:
    """Return the format's name by its first bytes, whether or not that format is accepted.

    Args:
        data: The file's bytes, as hostile as they come; only the first `FIRST_BYTES` are looked at.

    Returns:
        "JPEG", "PNG", "JPEG 2000", "SVG": the name in `_SIGNATURES`, its underscores read as spaces.

    Raises:
        EmptyImageError: There are no bytes.
        NotAnImageError: They begin like no image format.
    """
    if not data:
        raise errors.EmptyImageError("The file is empty.")
    signature = _SIGNATURES.match(data[:FIRST_BYTES])
    if not signature or not signature.lastgroup:
        raise errors.NotAnImageError(f"The {len(data)} bytes received are not an image.")
    return signature.lastgroup.replace("_", " ")


class MeteredFile(io.BytesIO):
    """A file for Pillow, which walks some formats in Python: it may be read in so many pieces. Used in one thread.

    Args:
        data: The file's bytes.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads_left = _FREE_READS + len(data) // _BYTES_A_READ

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on; raises TruncatedImageError for a file of far too many pieces."""
        self._reads_left -= 1
        if self._reads_left < 0:
            raise errors.TruncatedImageError("The image is damaged: it has far too many parts.")
        return super().read(size)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse more pixels than are decoded; raises TooManyPixelsError."""
    if width * height > max_pixels:
        raise errors.TooManyPixelsError(f"The image has {width} x {height} pixels; at most {max_pixels:,} are decoded.")


def check_full(data: bytes, width: int, height: int) -> None:
    """Refuse a large image whose whole file has too few bytes for a photograph; raises TooManyPixelsError."""
    if width * height > max(FREE_PIXELS, PIXELS_A_BYTE * len(data)):
        hollow = f"The image has {width} x {height} pixels in {len(data):,} bytes"
        raise errors.TooManyPixelsError(f"{hollow}, which are too few for a photograph of that size.")


def has_costly_scans(data: bytes, jpegs: Iterable[tuple[int, int, int]], max_pixels: int) -> bool:
    """Tell whether a JPEG goes over its pixels again and again: progressive ones do, but not for so few bytes.

    Args:
        data: The whole file.
        jpegs: Of each JPEG in it where it starts and stops, and its width times height: one for a JPEG file, one for
            each strip of a TIFF. Within a scan, the marker of another cannot occur.
        max_pixels: Most pixels that are decoded.
    """
    scans = [(_count_scans(data, start, stop), area) for start, stop, area in jpegs]
    scanned = sum(count * area for count, area in scans)
    paid_for = max(_MAX_SCANS * FREE_PIXELS, _SCANNED_PIXELS_A_BYTE * len(data))
    most = max((count for count, _ in scans), default=0)
    return scanned > min(_MAX_SCANS * max_pixels, paid_for) or most > _MAX_SCANS_OF_ONE


def _count_scans(data: bytes, start: int, stop: int) -> int:
    """Return how many scans begin between two places of a file."""
    if stop - start < _FEW_BYTES:
        return data.count(_SCAN, start, stop)
    piece = memoryview(data)[start:stop]  # as pairs of bytes, from the first and from the second: a tenth of `count`
    pairs = (piece[first : first + (len(piece) - first) // 2 * 2] for first in (0, 1))
    return sum(int(np.count_nonzero(np.frombuffer(each, "<u2") == int.from_bytes(_SCAN, "little"))) for each in pairs)


def is_long_jpeg(data: bytes) -> bool:
    """Tell whether too many markers go before the first scan, found as Pillow finds them, rubbish between passed.

    Args:
        data: A file that `sniff` calls "JPEG".

    Returns:
        True for 512 markers or more, False where the scan or the end comes sooner.
    """
    at = data.find(b"\xff", 2)
    for _ in range(_MAX_JPEG_SEGMENTS):
        marker = data[at + 1 : at + 2]
        if at < 0 or marker in {_START_OF_SCAN, b""}:
            return False
        if marker == b"\xff":  # padding: the second may begin the marker
            behind = at + 1
        elif marker in _LONE_MARKERS:
            behind = at + 2
        else:  # the length counts its own two bytes
            behind = at + 2 + max(2, int.from_bytes(data[at + 2 : at + 4]))
        at = data.find(b"\xff", behind)
    return True


def is_long_tiff(data: bytes) -> bool:
    """Tell whether the first directory, all that is read, has too many tags, numbers in one, bytes, or one tag twice.

    Of two Pillow takes the last, by which an image is checked, and libtiff the first, by which it is decoded. And
    libtiff copies the bytes of each tag, those that it does not know too: 200 tags of the same megabyte took 192 MB.

    Args:
        data: A file that `sniff` calls "TIFF", a BigTIFF among them.

    Returns:
        True for more than 65,536 tags or numbers, for tags of more bytes than the file has, which share them, and for a
        tag that is there again.

    Raises:
        struct.error: The header or the directory is cut off.
        OverflowError: A BigTIFF's directory is further away than any memory.
    """
    order = "<" if data.startswith(b"II") else ">"
    if data[2:3] == b"+":  # BigTIFF; where the directory is, how many entries it has, and an entry but for its value
        where, how_many, what = "8xQ", "Q", "HHQ8x"
    else:
        where, how_many, what = "4xL", "H", "HHL4x"
    (at,) = struct.unpack_from(order + where, data)
    (count,) = struct.unpack_from(order + how_many, data, at)
    entry = struct.Struct(order + what)
    start = at + struct.calcsize(order + how_many)
    stop = start + min(count, MAX_TIFF_NUMBERS) * entry.size
    entries = list(entry.iter_unpack(memoryview(data)[start:stop]))
    if count > MAX_TIFF_NUMBERS or len({tag for tag, _, _ in entries}) < len(entries):
        return True
    copied = sum(numbers * _TIFF_SIZES.get(kind, 0) for _, kind, numbers in entries)
    return copied > len(data) or any(
        numbers > MAX_TIFF_NUMBERS and (kind not in TIFF_BYTES or tag in _TIFF_PIECES) for tag, kind, numbers in entries
    )
