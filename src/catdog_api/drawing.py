"""Pictures for people: where the network saw a label, on the photograph; beside decoding.py in importing PIL."""

import struct
import zlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL.Image import Resampling

from catdog_api.tensors import ActivationMap, View

# How evidence looks, here and in `static/heatmap.js`; shares are of the highest. No fur, soil or leaf is cyan.
_DIMMED: Final = 0.38  # grey, of its brightness: where there is no evidence
_COLOURED_FROM: Final = 0.625  # as the photograph is
_OUTLINED_AT: Final = 0.5
_OUTLINE: Final = np.array([0, 229, 255], np.float32)
_OUTLINE_WIDTH: Final = 0.007  # of the longer side
_RIM: Final = 0.55  # how much darker it is along the outline, which is seen on snow and sky, too
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue (ITU-R BT.601)

_PNG_BEGIN: Final = b"\x89PNG\r\n\x1a\n"
_PNG_RGB: Final = (8, 2, 0, 0, 0)  # bits, colour type, compression, filters, interlacing (PNG, 11.2.1)
_PNG_UP: Final = 2  # the filter that leaves of each row its difference from the row above (PNG, 9.2)


def overlay(shown: View, width: int, height: int, evidence: ActivationMap) -> bytes:
    """Leave a photograph its colour where there is evidence for one label, and draw a line around where it is strong.

    Args:
        shown: uint8 (rows, columns, 3), RGB in [0, 255]: what the network was shown of it.
        width: The photograph's own, pixels: it is brought back to its shape.
        height: Likewise.
        evidence: float32 (h, w); what is above 0 speaks for the label and is drawn, relative to the highest.

    Returns:
        A PNG of the photograph's shape, as large as it or as `shown` on its longer side: the network saw no more.
    """
    shrunk = min(1.0, max(shown.shape[:2]) / max(width, height))
    shape = (max(1, round(width * shrunk)), max(1, round(height * shrunk)))
    positive = np.maximum(evidence, 0)
    share = _resized(positive / max(float(positive.max()), 1e-6), shape, Resampling.BICUBIC)
    # Colours first: NumPy's loops are slow over three values, and fast over a plane.
    photograph = np.ascontiguousarray(_resized(shown, shape, Resampling.BILINEAR).transpose(2, 0, 1), np.float32)
    colour = np.clip(share / _COLOURED_FROM, 0, 1)
    colour *= colour * (3 - 2 * colour)  # smoothstep: no edge but the outline
    grey = np.tensordot(_DIMMED * _GREY, photograph, 1)
    slope = np.sqrt(np.diff(share, axis=0, prepend=share[:1]) ** 2 + np.diff(share, axis=1, prepend=share[:, :1]) ** 2)
    beyond = np.abs(share - _OUTLINED_AT) / np.maximum(slope, 1e-4) - 0.5  # pixels from the outline's middle
    outline = max(1.0, _OUTLINE_WIDTH * max(shape))  # on less than a pixel nobody sees it
    line = np.clip(outline / 2 - beyond, 0, 1)
    light = (1 - line) * (1 - _RIM * np.clip(outline - beyond, 0, 1))
    drawn = light * (grey + colour * (photograph - grey)) + line * _OUTLINE[:, None, None]
    return _png(np.rint(drawn).astype(np.uint8).transpose(1, 2, 0))


def _resized(values: npt.NDArray[Any], shape: tuple[int, int], resampling: Resampling) -> npt.NDArray[Any]:
    return np.asarray(PIL.Image.fromarray(values).resize(shape, resampling))


def _png(pixels: View) -> bytes:
    """Write pixels down, for a third of what it costs with Pillow, which tries five filters on each row."""
    height, width, _ = pixels.shape
    flat = pixels.reshape(height, -1)
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = _PNG_UP
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    # Runs of equal bytes alone are sought: a photograph's differences have little else to find.
    packing = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    header = struct.pack(">2I5B", width, height, *_PNG_RGB)
    content = packing.compress(rows.tobytes()) + packing.flush()
    return _PNG_BEGIN + _chunk(b"IHDR", header) + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
