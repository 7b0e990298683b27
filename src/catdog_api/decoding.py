"""Owns the way from hostile bytes to one image array; PIL is for it, its set-up, tiff.py and drawing.py alone.

The first bytes name the format, and only that format's own Pillow class is given the file. `PIL.Image.open` would load
plugins in whichever thread comes first; and its obscure ones (EPS starts ghostscript) must never see an upload.
Colour profiles are not applied: the training images' were not. Of an animation the first frame is taken.
"""

import importlib
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
import PIL.Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ExifTags import Base
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from catdog_api import errors
from catdog_api.avif import only_still
from catdog_api.greyscale import eight_bits
from catdog_api.heic import only_primary
from catdog_api.pillow_setup import set_up_pillow
from catdog_api.sniffing import MeteredFile, check_full, check_size, has_costly_scans, is_long_jpeg, is_long_tiff, sniff
from catdog_api.tensors import Image, View
from catdog_api.tiff import TiffFile, check_tiff, jpegs_within, quieten_libtiff
from catdog_api.webp import check_webp

WIDEST: Final = 1.7  # width over height, or the inverse, up to which squashing was as good as padding on test
GROUND: Final = (124, 116, 104)  # what the square has beside one that is wider: as beside a tilted one in training
DRAFT_SCALE: Final = 2  # a JPEG may be decoded at 1/2, 1/4 or 1/8 while its shorter side is this many squares
HALF_SCALE: Final = 1.2  # enough at 1/2, which keeps 16 of a block's 64 frequencies, where 1/8 keeps one
_ADVICE: Final = "send JPEG, PNG, WebP, GIF, BMP, AVIF or TIFF"
_TURNS: Final = {  # by EXIF orientation: what stands the photograph upright
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
_UPRIGHT: Final = 1
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})  # the orientations whose width is the upright photograph's height
# A phone's MPO is a JPEG with more of them behind it: JpegImageFile takes the first.
_OPENERS: Final[dict[str, type[ImageFile]]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "AVIF": AvifImageFile,
    "TIFF": TiffFile,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """One photograph; lives as long as its request, belongs to no thread.

    Attributes:
        image: uint8 (size, size, 3), RGB in [0, 255]: the whole photograph, squashed to the square; or in its own shape
            in the middle of it, where it is much wider than high or the other way round.
        shown: uint8 (rows, columns, 3), the part of `image` that is the photograph: a view of it.
        width: The photograph's own in pixels, as one looks at it (after EXIF orientation); height likewise.
        format: "JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "TIFF" or "HEIF"; "RGB" of what came as bare pixels.
    """

    image: Image
    shown: View
    width: int
    height: int
    format: str


def decode(data: bytes, size: int, *, max_pixels: int) -> Decoded:
    """Decode one photograph; safe in any thread, bounded in time and memory by `max_pixels` and `len(data)`.

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
    name = sniff(data)
    set_up_pillow()
    try:
        with _open(name, data, max_pixels) as photograph:
            return _read(photograph, name, data, size, max_pixels)
    except errors.ImageError:
        raise
    except (PIL.Image.DecompressionBombError, MemoryError) as error:
        raise errors.TooManyPixelsError(f"The {name} image needs more memory than one image is given.") from error
    except Exception as error:
        # On hostile bytes Pillow raises OSError, SyntaxError, ValueError, struct.error, zlib.error, EOFError, KeyError,
        # IndexError, TypeError, OverflowError, AssertionError, SystemError: whichever it is, the bytes are at fault.
        raise errors.TruncatedImageError(f"The {name} image ends early or is damaged.") from error


def from_pixels(pixels: View, size: int, *, max_pixels: int) -> Decoded:
    """Bring bare pixels to the square as `decode` brings those of a file; pure, safe in any thread.

    Args:
        pixels: uint8 (rows, columns, 3), RGB in [0, 255], upright; at least one of each.
        size: Side of the square in pixels, at least 1.
        max_pixels: Most pixels (width x height) to take.

    Raises:
        TooManyPixelsError: There are more than `max_pixels`.
    """
    height, width, _ = pixels.shape
    check_size(width, height, max_pixels)
    return Decoded(*_squared(PIL.Image.fromarray(pixels), size, _UPRIGHT), width, height, "RGB")


def _open(name: str, data: bytes, max_pixels: int) -> ImageFile:
    """Open a file of the format, its pixels not yet loaded; raises ImageError, and whatever Pillow does."""
    if (name == "JPEG" and is_long_jpeg(data)) or (name == "TIFF" and is_long_tiff(data)):
        raise errors.TruncatedImageError(f"The {name} image is damaged: its header has far too many parts.")
    if name == "HEIF":
        return _open_heif(data, max_pixels)
    if name not in _OPENERS:
        raise errors.UnsupportedFormatError(f"{name} images are not accepted; {_ADVICE}.")
    if name == "TIFF":
        quieten_libtiff()
    if name == "AVIF":
        data = only_still(data, max_pixels)
    if name == "WEBP":
        check_webp(data)
    return _OPENERS[name](MeteredFile(data))


def _open_heif(data: bytes, max_pixels: int) -> ImageFile:
    """Open it with pillow-heif's class, which need not be registered with Pillow; raises as `only_primary`, too."""
    try:
        pillow_heif = importlib.import_module("pillow_heif")
    except ImportError as error:
        need = "HEIF images (HEIC) need the optional extra 'heic', which is not installed"
        raise errors.UnsupportedFormatError(f"{need}; {_ADVICE}.") from error
    pillow_heif.options.DECODE_THREADS = 1  # as of AVIF
    photograph: ImageFile = pillow_heif.HeifImageFile(MeteredFile(only_primary(data, max_pixels)))
    return photograph


def _read(photograph: ImageFile, name: str, data: bytes, size: int, max_pixels: int) -> Decoded:
    """Check the opened header, then load the pixels; raises ImageError, and whatever Pillow does."""
    width, height = photograph.size
    check_size(width, height, max_pixels)
    check_full(data, width, height)
    _check_work(photograph, data, width * height, max_pixels)
    if name == "JPEG":
        # The DCT does that for less than decoding the whole, and leaves the resize some pixels to average.
        scale = HALF_SCALE if min(width, height) < 2 * DRAFT_SCALE * size else DRAFT_SCALE
        photograph.draft(None, (ceil(scale * size), ceil(scale * size)))
    photograph.load()
    turn = _orientation(photograph)
    square = _squared(_eight_bits(photograph), size, turn)
    if turn in _SIDEWAYS:
        width, height = height, width
    return Decoded(*square, width, height, name)


def _squared(pixels: PIL.Image.Image, size: int, turn: int) -> tuple[Image, View]:
    """Bring pixels to the square, upright and on white; return it, and the part of it that they take."""
    longer, shorter = max(pixels.size), min(pixels.size)
    squashed = longer <= WIDEST * shorter
    shape = (size, size) if squashed else tuple(max(1, round(size * side / longer)) for side in pixels.size)
    # reducing_gap bounds the filter's table as well, which for 50,000,000 x 1 pixels would be 800 MB.
    small = pixels.resize(shape, PIL.Image.Resampling.BILINEAR, reducing_gap=2.0)  # type: ignore[arg-type]  # two sides
    if turn in _TURNS:  # turning what is small gives what turning the photograph would, for less
        small = small.transpose(_TURNS[turn])
    photograph = _on_white(small)
    if squashed:
        return photograph, photograph
    square: Image = np.full((size, size, 3), GROUND, np.uint8)
    rows, columns, _ = photograph.shape
    top, left = (size - rows) // 2, (size - columns) // 2
    shown = square[top : top + rows, left : left + columns]
    shown[...] = photograph
    return square, shown


def _check_work(photograph: ImageFile, data: bytes, area: int, max_pixels: int) -> None:
    """Refuse an image that costs far more than its pixels; raises ImageError."""
    jpegs: list[tuple[int, int, int]] = []
    if isinstance(photograph, TiffFile):
        check_tiff(photograph, len(data), area, max_pixels)
        jpegs = jpegs_within(photograph, data)
    elif isinstance(photograph, JpegImageFile):
        jpegs = [(0, len(data), area)]
    elif photograph.tile and photograph.tile[0].codec_name == "bmp_rle":
        # Pillow decodes it in Python, a byte at a time; it was for drawings in 16 colours.
        raise errors.UnsupportedFormatError("Run-length encoded BMP images are not accepted; send PNG instead.")
    if has_costly_scans(data, jpegs, max_pixels):
        raise errors.TruncatedImageError(
            f"The {photograph.format} image is damaged: it has far too many scans for its size."
        )


def _eight_bits(photograph: ImageFile) -> PIL.Image.Image:
    """Return it as 8-bit L or RGB, or if transparent as RGBa: colours already multiplied by alpha."""
    if photograph.mode in {"I", "F"} or photograph.mode.startswith("I;16"):
        return PIL.Image.fromarray(eight_bits(np.asarray(photograph), photograph.info.get("transparency")))
    if photograph.has_transparency_data:
        straight = photograph if photograph.mode == "RGBA" else photograph.convert("RGBA")
        return straight.convert("RGBa")
    return photograph if photograph.mode in {"L", "RGB"} else photograph.convert("RGB")


def _on_white(square: PIL.Image.Image) -> Image:
    """Return its colours as an array, of RGBa with white behind them."""
    if square.mode != "RGBa":
        return np.array(square.convert("RGB"))
    pixels: Image = np.array(square)
    colours, alpha = pixels[..., :3], pixels[..., 3:]  # colours are times alpha already
    # White shines through by 255 - alpha; by less where rounding, in the resize, left a colour above its alpha.
    on_white: Image = colours + (255 - np.maximum(colours, alpha))
    return on_white


def _orientation(photograph: ImageFile) -> int:
    """Return the EXIF orientation, 1 where none can be read."""
    try:
        return int(photograph.getexif().get(Base.Orientation, _UPRIGHT))
    except Exception:  # noqa: BLE001 - broken EXIF, on which Pillow raises as it likes, does not break the pixels
        return _UPRIGHT
