"""Pictures for people: where the network saw a label, laid over the photograph; beside decoding.py in importing PIL."""

import io
import zlib
from typing import Final

import numpy as np
import PIL.Image

from catdog_api.tensors import ActivationMap, View

VIEW_SIDE: Final = 192  # pixels; at 256 making and drawing the view is the dearer half of all that is not the network
_AMBER, _RED = np.array([255, 196, 0]), np.array([255, 60, 0])
_STRONGEST: Final = 0.65  # opacity
_LEVELS: Final = np.linspace(0, 1, 256)
# By 8-bit evidence: the colour, amber where there is some and red where it is most; and the opacity.
_COLOURS: Final = np.round(_AMBER + (_RED - _AMBER) * _LEVELS[:, None]).astype(np.uint8).tobytes()
_OPACITIES: Final = [round(255 * _STRONGEST * level) for level in _LEVELS]


def overlay(view: View, evidence: ActivationMap) -> bytes:
    """Draw the evidence for one label over a photograph.

    Args:
        view: uint8 (rows, columns, 3), RGB in [0, 255].
        evidence: float32 (h, w); what is above 0 speaks for the label and is drawn, relative to the highest.

    Returns:
        A PNG of the view's size.
    """
    photograph = PIL.Image.fromarray(view)
    positive = np.maximum(evidence, 0)
    levels = np.round(255 * positive / max(float(positive.max()), 1e-6)).astype(np.uint8)
    heat = PIL.Image.fromarray(levels).resize(photograph.size, PIL.Image.Resampling.BICUBIC)
    colours = heat.copy()
    colours.putpalette(_COLOURS)
    blended = PIL.Image.composite(colours.convert("RGB"), photograph, heat.point(_OPACITIES))
    file = io.BytesIO()
    # Runs of equal bytes alone are sought: a photograph's filtered rows have little else to find.
    blended.save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()
