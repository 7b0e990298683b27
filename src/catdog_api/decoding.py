"""Owns the way from hostile bytes to one image array; the only importer of PIL.

The first bytes name the format, and only that format's own Pillow class is given the file. `PIL.Image.open` would load
plugins in whichever thread comes first; and its obscure ones (EPS starts ghostscript) must never see an upload.
Colour profiles are not applied: the training images' were not. Of an animation the first frame is taken.
"""

import importlib
import io
import math
import re
import struct
import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.ImageOps import exif_transpose
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from catdog_api import errors
from catdog_api.tensors import Image

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

# What Pillow walks in Python or copies again and again: dozens in a photograph, millions in 10 MiB made for it.
_MOST_JPEG_SEGMENTS: Final = 512  # 255 may be its colour profile; 2,500,000 took 4 s
_MOST_TIFF_NUMBERS: Final = 65_536  # in one tag, or tags; 2,500,000 took 8 s and 0.8 GB
_MOST_SCANS: Final = 50  # of a progressive JPEG; encoders make 10. 75 bytes can cost 27 ms at 49 megapixels
_LONE_MARKERS: Final = bytes([0x00, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)])  # Pillow reads no length after them
_TIFF_PIECES: Final = (273, 279, 324, 325)  # tags: offsets and byte counts of strips, of tiles
# lzma may ask for gigabytes, and of faxes libtiff prints each bad line.
_TIFF_COMPRESSIONS: Final = frozenset({"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "jpeg"})
_ADVICE: Final = "send JPEG, PNG, WebP, GIF, BMP, AVIF or TIFF"
_TURNS: Final = dict(enumerate(map(PIL.Image.Transpose, (0, 3, 1, 5, 4, 6, 2)), start=2))  # by EXIF orientation
# Nobody is there to read Pillow's warnings of odd tags. `warnings.catch_warnings` swaps the process's filters and puts
# them back, which two threads do in the wrong order; a filter that is added once and stays has no such race.
_QUIET_PILLOW: Final = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


class _TiffFile(TiffImageFile):
    """Pillow's TIFF, which turns the pixels upright but does not go on to parse every EXIF directory (seconds)."""

    def load_end(self) -> None:
        exif_transpose(self, in_place=True)


# A phone's MPO is a JPEG with more of them behind it: JpegImageFile takes the first.
_OPENERS: Final[dict[str | None, type[ImageFile]]] = {
    opener.format: opener
    for opener in (JpegImageFile, PngImageFile, WebPImageFile, GifImageFile, BmpImageFile, AvifImageFile, _TiffFile)
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """One photograph; lives as long as its request, belongs to no thread.

    Attributes:
        image: uint8 (size, size, 3), RGB in [0, 255]: the whole photograph squashed to the square, not cropped.
        width: The photograph's own in pixels, as one looks at it (after EXIF orientation); height likewise.
        format: "JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "TIFF" or "HEIF".
    """

    image: Image
    width: int
    height: int
    format: str


def decode(data: bytes, size: int, *, max_pixels: int) -> Decoded:
    """Decode one photograph; pure, safe in any thread, bounded in time and memory by `max_pixels` and `len(data)`.

    Args:
        data: The file's bytes, as hostile as they come.
        size: Side of the square in pixels, at least 1.
        max_pixels: Most pixels (width x height) to decode; beyond it Pillow's own limit stays, 178,956,970.

    Returns:
        The photograph's first frame, upright and on white, with its own size and its format.

    Raises:
        EmptyImageError: There are no bytes.
        NotAnImageError: They begin like no image format.
        UnsupportedFormatError: They are an image of a format that is not accepted.
        TooManyPixelsError: The header announces more than `max_pixels`; no pixel was decoded.
        TruncatedImageError: The image ends early or is damaged.
    """
    name = _sniff(data)
    if _QUIET_PILLOW not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        with _open(name, data) as photograph:
            return _read(photograph, name, data, size, max_pixels)
    except errors.ImageError:
        raise
    except (PIL.Image.DecompressionBombError, MemoryError) as error:
        raise errors.TooManyPixelsError(f"The {name} image needs more memory than one image is given.") from error
    except Exception as error:
        # On hostile bytes Pillow raises OSError, SyntaxError, ValueError, struct.error, zlib.error, EOFError, KeyError,
        # IndexError, TypeError, OverflowError, AssertionError, SystemError: whichever it is, the bytes are at fault.
        raise errors.TruncatedImageError(f"The {name} image ends early or is damaged.") from error


def _sniff(data: bytes) -> str:
    """Return the format's name by its first bytes; raises EmptyImageError, NotAnImageError."""
    if not data:
        raise errors.EmptyImageError("The file is empty.")
    signature = _SIGNATURES.match(data[:4096])  # an SVG may begin with comments
    if not signature or not signature.lastgroup:
        raise errors.NotAnImageError(f"The {len(data)} bytes received are not an image.")
    return signature.lastgroup.replace("_", " ")


def _open(name: str, data: bytes) -> ImageFile:
    """Open a file of the format, its pixels not yet loaded; raises ImageError, and whatever Pillow does."""
    if (name == "JPEG" and _is_long_jpeg(data)) or (name == "TIFF" and _is_long_tiff(data)):
        raise errors.TruncatedImageError(f"The {name} image is damaged: its header has far too many parts.")
    try:  # pillow-heif's class works without being registered with Pillow
        opener = importlib.import_module("pillow_heif").HeifImageFile if name == "HEIF" else _OPENERS[name]
    except (ImportError, KeyError) as error:
        why = "(HEIC) need the optional extra 'heic', which is not installed" if name == "HEIF" else "are not accepted"
        raise errors.UnsupportedFormatError(f"{name} images {why}; {_ADVICE}.") from error
    return opener(io.BytesIO(data))


def _is_long_jpeg(data: bytes) -> bool:
    """Tell whether too many markers go before the first scan, found as Pillow finds them, rubbish between passed."""
    at = data.find(b"\xff", 2)
    for _ in range(_MOST_JPEG_SEGMENTS):
        if at < 0 or (marker := data[at + 1 : at + 2]) in {b"\xda", b""}:
            return False
        length = 0 if marker in _LONE_MARKERS else max(2, int.from_bytes(data[at + 2 : at + 4]))
        at = data.find(b"\xff", at + 1 if marker == b"\xff" else at + 2 + length)
    return True


def _is_long_tiff(data: bytes) -> bool:
    """Tell whether the first directory has too many tags, or a tag too many numbers; raises struct.error."""
    order, big = "<" if data.startswith(b"II") else ">", data[2:3] == b"+"
    (at,) = struct.unpack_from(order + ("8xQ" if big else "4xL"), data)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    entry = struct.Struct(order + ("HHQ8x" if big else "HHL4x"))
    tags = entry.iter_unpack(memoryview(data)[at + (8 if big else 2) :][: min(count, _MOST_TIFF_NUMBERS) * entry.size])
    # Types 1, 2 and 7 stay one bytes object, however long.
    lengths = (length for tag, kind, length in tags if kind not in {1, 2, 7} or tag in _TIFF_PIECES)
    return count > _MOST_TIFF_NUMBERS or any(length > _MOST_TIFF_NUMBERS for length in lengths)


def _read(photograph: ImageFile, name: str, data: bytes, size: int, max_pixels: int) -> Decoded:
    """Check the opened header, then load the pixels; raises ImageError, and whatever Pillow does."""
    width, height = photograph.size
    if width * height > max_pixels:
        raise errors.TooManyPixelsError(f"The image has {width} x {height} pixels; at most {max_pixels:,} are decoded.")
    _check_work(photograph, data, width * height, max_pixels)
    if name == "JPEG":
        # The DCT gives 1/2, 1/4 or 1/8 for less than the whole; twice the target leaves the resize pixels to average.
        photograph.draft(None, (2 * size, 2 * size))
    photograph.load()
    # reducing_gap bounds the filter's table as well, which for 50,000,000 x 1 pixels would be 800 MB.
    square = _eight_bits(photograph).resize((size, size), PIL.Image.Resampling.BILINEAR, reducing_gap=2.0)
    orientation = _orientation(photograph)
    if orientation in _TURNS:  # turning the square gives what turning the photograph would, for less
        square = square.transpose(_TURNS[orientation])
    width, height = (height, width) if orientation in range(5, 9) else (width, height)
    pixels = np.array(square if square.mode == "RGBa" else square.convert("RGB"))
    colours, alpha = pixels[..., :3], pixels[..., 3:]
    if alpha.size:  # colours times alpha, and white for the rest; rounding may leave a colour above its alpha
        colours = colours + (255 - np.maximum(colours, alpha))
    return Decoded(colours, width, height, name)


def _check_work(photograph: ImageFile, data: bytes, area: int, max_pixels: int) -> None:
    """Refuse an image that costs far more than its pixels; raises ImageError."""
    if isinstance(photograph, _TiffFile):
        _check_tiff(photograph, len(data), area, max_pixels)
    elif photograph.tile and photograph.tile[0].codec_name == "bmp_rle":
        # Pillow decodes it in Python, a byte at a time; it was for drawings in 16 colours.
        raise errors.UnsupportedFormatError("Run-length encoded BMP images are not accepted; send PNG instead.")
    elif "progressive" in photograph.info and data.count(b"\xff\xda") * area > _MOST_SCANS * max_pixels:
        raise errors.TruncatedImageError("The JPEG image is damaged: it has far too many scans for its size.")


def _check_tiff(photograph: _TiffFile, length: int, area: int, max_pixels: int) -> None:
    """Refuse strips or tiles that are huge, missing, cut off or used again and again; raises ImageError."""
    if photograph.info["compression"] not in _TIFF_COMPRESSIONS:
        raise errors.UnsupportedFormatError(f"TIFF with {photograph.info['compression']} compression is not accepted.")
    if math.prod(photograph.tag_v2.get(tag, 1) for tag in (322, 323)) > max_pixels:
        raise errors.TooManyPixelsError(f"The TIFF image has tiles of more than {max_pixels:,} pixels.")
    strips, strip_bytes, tiles, tile_bytes = (photograph.tag_v2.get(tag, ()) for tag in _TIFF_PIECES)
    sizes = strip_bytes or tile_bytes
    extents = [tile.extents or (0, 0, 0, 0) for tile in photograph.tile]
    covered = sum((right - left) * (bottom - top) for left, top, right, bottom in extents)
    end = max((start + size for start, size in zip(strips or tiles, sizes, strict=False)), default=0)
    if not area <= covered <= area * len(photograph.getbands()) or max(end, sum(sizes)) > length:
        raise errors.TruncatedImageError("The TIFF image ends early or is damaged.")


def _eight_bits(photograph: ImageFile) -> PIL.Image.Image:
    """Return it as 8-bit L or RGB, or if transparent as RGBa: colours already multiplied by alpha."""
    if photograph.mode in {"I", "F"} or photograph.mode.startswith("I;16"):
        return PIL.Image.fromarray(_grey(np.asarray(photograph), photograph.info.get("transparency")))
    if photograph.has_transparency_data:
        return (photograph if photograph.mode == "RGBA" else photograph.convert("RGBA")).convert("RGBa")
    return photograph if photograph.mode in {"L", "RGB"} else photograph.convert("RGB")


def _grey(values: npt.NDArray[Any], transparent: int | None) -> npt.NDArray[np.uint8]:
    """Scale uint16, int32 or float32 (height, width) to 8 bits, the value that stands for transparency to white.

    Integers are taken as 16-bit ones; floats as in [0, 1], [0, 255] or [0, 65535], whichever is the first to hold the
    brightest, and where none does as in [0, brightest].
    """
    if values.dtype.kind == "f":
        grey = np.nan_to_num(values, posinf=0, neginf=0)
        grey = grey * (255 / min((top for top in (1.0, 255.0, 65535.0) if grey.max() <= top), default=grey.max()))
    else:
        grey = values >> 8
    scaled: npt.NDArray[np.uint8] = grey.clip(0, 255).astype(np.uint8)
    if transparent is not None:
        scaled[values == transparent] = 255
    return scaled


def _orientation(photograph: ImageFile) -> int:
    """Return the EXIF orientation, 1 where none can be read."""
    try:
        return int(photograph.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001 - broken EXIF, on which Pillow raises as it likes, does not break the pixels
        return 1
