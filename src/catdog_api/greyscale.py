"""Deep greyscale, 16 or 32 bits a pixel or floats, as the eight bits that the network was trained on."""

from typing import Any

import numpy as np
import numpy.typing as npt


def eight_bits(values: npt.NDArray[Any], transparent: int | None) -> npt.NDArray[np.uint8]:
    """Scale uint16, int32 or float32 (height, width) to 8 bits, the value that stands for transparency to white.

    Integers are taken as 16-bit ones; floats as in [0, 1], [0, 255] or [0, 65535], whichever is the first to hold the
    brightest, and where none does as in [0, brightest].

    Args:
        values: uint16, int32 or float32 (height, width).
        transparent: The value that stands for transparency, if one does.

    Returns:
        uint8 (height, width).
    """
    if values.dtype.kind == "f":
        grey = np.nan_to_num(values, posinf=0, neginf=0)
        np.maximum(grey, 0, out=grey)  # black as well, and 255 times the least number that there is would be none
        brightest = grey.max()
        white = next((top for top in (1.0, 255.0, 65535.0) if brightest <= top), brightest)
        grey = grey * (255 / white)
    else:
        grey = values >> 8
    scaled: npt.NDArray[np.uint8] = grey.clip(0, 255).astype(np.uint8)
    if transparent is not None:
        scaled[values == transparent] = 255
    return scaled
