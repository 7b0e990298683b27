"""Pictures for people: where the network saw a label, on the photograph; beside decoding.py in importing PIL."""

import io
import zlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import PIL.Image

from catdog_api.tensors import ActivationMap, Image

MOST_PIXELS: Final = 192  # of the longer side: at 256, writing the PNG costs half as much as the network

# How evidence looks, here and in `static/heatmap.js`; shares are of the highest. No fur, soil or leaf is cyan.
_DIMMED: Final = 0.38  # grey, of its brightness: where there is no evidence
_COLOURED_FROM: Final = 0.625  # as the photograph is
_OUTLINED_AT: Final = 0.5
OUTLINE: Final = (0, 229, 255)
_OUTLINE_WIDTH: Final = 0.007  # of the longer side
_RIM: Final = 0.55  # how much darker it is along the outline, which is seen on snow and sky, too
_DIM: Final = [round(_DIMMED * level) for level in range(256)]


def overlay(image: Image, width: int, height: int, evidence: ActivationMap) -> bytes:
    """Leave a photograph its colour where there is evidence for one label, and draw a line around where it is strong.

    Args:
        image: uint8 (size, size, 3), RGB in [0, 255]: what the network was shown.
        width: The photograph's own, pixels: it is brought back to its shape.
        height: Likewise.
        evidence: float32 (h, w); what is above 0 speaks for the label and is drawn, relative to the highest.

    Returns:
        A PNG of the photograph's shape, as large as it or `MOST_PIXELS` on its longer side.
    """
    shrunk = min(1.0, MOST_PIXELS / max(width, height))
    shape = (max(1, round(width * shrunk)), max(1, round(height * shrunk)))
    photograph = PIL.Image.fromarray(image).resize(shape, PIL.Image.Resampling.BICUBIC)
    positive = np.maximum(evidence, 0)
    shares = PIL.Image.fromarray(positive / max(float(positive.max()), 1e-6))
    share = np.asarray(shares.resize(photograph.size, PIL.Image.Resampling.BICUBIC))
    colour = np.clip(share / _COLOURED_FROM, 0, 1)
    colour *= colour * (3 - 2 * colour)  # smoothstep: no edge but the outline
    slope = np.hypot(np.diff(share, axis=0, prepend=share[:1]), np.diff(share, axis=1, prepend=share[:, :1]))
    beyond = np.abs(share - _OUTLINED_AT) / np.maximum(slope, 1e-4) - 0.5  # pixels from the outline's middle
    line = _OUTLINE_WIDTH * max(photograph.size)
    drawn = photograph.convert("L").point(_DIM).convert("RGB")
    drawn.paste(photograph, mask=_mask(colour))
    drawn.paste((0, 0, 0), mask=_mask(_RIM * np.clip(line - beyond, 0, 1)))
    drawn.paste(OUTLINE, mask=_mask(np.clip(line / 2 - beyond, 0, 1)))
    file = io.BytesIO()
    # Runs of equal bytes alone are sought: a photograph's filtered rows have little else to find.
    drawn.save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()


def _mask(opacity: npt.NDArray[np.floating[Any]]) -> PIL.Image.Image:
    return PIL.Image.fromarray((255 * opacity).astype(np.uint8))
