"""What TIFF, the format of a thousand tags, needs besides: a class of its own, and a look at its parts."""

import contextlib
import ctypes
import functools
from math import ceil
from typing import Final

from PIL import _imaging
from PIL.ExifTags import Base
from PIL.ImageOps import exif_transpose
from PIL.TiffImagePlugin import TiffImageFile

from catdog_api import errors
from catdog_api.sniffing import FREE_PIXELS

# Refused are lzma and zstd, whose first bytes may ask for gigabytes and for 128 MiB, however small the image; webp,
# which the libtiff in Pillow's wheels is built without; and the faxes, of which libtiff prints each bad line.
_TIFF_COMPRESSIONS: Final = frozenset({"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "jpeg"})

# How frames begin that take far more time than bytes, as in JPEG files. What is coded has no such bytes, nor has a
# table but by a chance of millions.
_ARITHMETIC: Final = (b"\xff\xc9", b"\xff\xca")


class TiffFile(TiffImageFile):
    """Pillow's TIFF, which turns the pixels upright but does not go on to parse every EXIF directory (seconds)."""

    def load_end(self) -> None:
        """Turn the pixels upright."""
        exif_transpose(self, in_place=True)


@functools.cache
def quieten_libtiff() -> None:
    """Keep libtiff from printing a line to stderr for each bad tag, up to millions; Python cannot catch those."""
    with contextlib.suppress(AttributeError, OSError):  # of a Pillow that is built in another way
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


def check_tiff(photograph: TiffFile, length: int, area: int, max_pixels: int) -> None:
    """Refuse strips or tiles that are huge, missing, cut off or used again and again; raises ImageError."""
    if photograph.info["compression"] not in _TIFF_COMPRESSIONS:
        raise errors.UnsupportedFormatError(f"TIFF with {photograph.info['compression']} compression is not accepted.")
    tags = photograph.tag_v2
    tile_width, tile_height = tags.get(Base.TileWidth, 1), tags.get(Base.TileLength, 1)
    if not (isinstance(tile_width, int) and isinstance(tile_height, int)):  # a text times a number is a long text
        raise errors.TruncatedImageError("The TIFF image is damaged: its tiles have no size.")
    width, height = _stored_size(photograph)
    padded = ceil(width / tile_width) * tile_width * ceil(height / tile_height) * tile_height
    if padded > max(2 * area, min(max_pixels, FREE_PIXELS)):  # each is decoded as a whole, whatever of it is shown
        raise errors.TooManyPixelsError(f"The TIFF image has tiles of {padded:,} pixels, and shows {area:,} of them.")
    strips, strip_sizes = tags.get(Base.StripOffsets, ()), tags.get(Base.StripByteCounts, ())
    tiles, tile_sizes = tags.get(Base.TileOffsets, ()), tags.get(Base.TileByteCounts, ())
    sizes = strip_sizes or tile_sizes
    end = max((start + size for start, size in zip(strips or tiles, sizes, strict=False)), default=0)
    # Each strip or tile covers a part of the image, once, or once for each of its bands.
    extents = [tile.extents or (0, 0, 0, 0) for tile in photograph.tile]
    covered = sum((right - left) * (bottom - top) for left, top, right, bottom in extents)
    covered_rightly = area <= covered <= area * len(photograph.getbands())
    if not covered_rightly or end > length or sum(sizes) > length:
        raise errors.TruncatedImageError("The TIFF image ends early or is damaged.")


def _stored_size(photograph: TiffFile) -> tuple[int, int]:
    """Return width and height as they are stored: its `size` is that of the upright image."""
    return photograph.tag_v2[Base.ImageWidth], photograph.tag_v2[Base.ImageLength]


def jpegs_within(photograph: TiffFile, data: bytes) -> list[tuple[int, int, int]]:
    """Return where the JPEGs of a TIFF are, one to a strip or tile; none where it is compressed in another way.

    Args:
        photograph: One that `check_tiff` let pass.
        data: The whole file.

    Returns:
        Of each its start and stop in the file, and how many pixels it covers.

    Raises:
        TruncatedImageError: It is not said how long one is, or how high: libtiff would guess, and scans go uncounted.
        UnsupportedFormatError: One is coded by arithmetic.
        ValueError: There are more starts than lengths, or fewer.
    """
    if photograph.info["compression"] != "jpeg":
        return []
    tags, (width, height) = photograph.tag_v2, _stored_size(photograph)
    if Base.TileWidth in tags:
        area = tags[Base.TileWidth] * tags.get(Base.TileLength, height)
        starts, lengths = tags[Base.TileOffsets], tags.get(Base.TileByteCounts, ())
    else:
        area = width * min(tags.get(Base.RowsPerStrip, height), height)
        starts, lengths = tags[Base.StripOffsets], tags.get(Base.StripByteCounts, ())
    if not lengths or min(area, *lengths) < 1:
        raise errors.TruncatedImageError("The TIFF image is damaged: its parts have no size.")
    jpegs = [(start, start + length, area) for start, length in zip(starts, lengths, strict=True)]
    if any(data.find(frame, start, stop) >= 0 for start, stop, _ in jpegs for frame in _ARITHMETIC):
        raise errors.UnsupportedFormatError("TIFF of JPEG that is coded by arithmetic is not accepted.")
    return jpegs
