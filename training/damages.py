"""What can happen to a photograph on its way to the service: each damage a pure function from photograph to file."""

import io
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import PIL.Image
from PIL.ImageEnhance import Brightness, Color
from PIL.ImageFilter import GaussianBlur
from PIL.ImageOps import fit

Photograph: TypeAlias = PIL.Image.Image
"""An RGB image, upright, of any size."""


@dataclass(frozen=True)
class Damage:
    """One kind of damage. Immutable.

    Attributes:
        name: With the unit of its severities.
        severities: From the lightest to the heaviest, where there is such an order.
        apply: From a photograph and a severity to the file that is sent.
    """

    name: str
    severities: tuple[float, ...]
    apply: Callable[[Photograph, float], bytes]


def png(photograph: Photograph) -> bytes:
    """Return the photograph as a file that loses nothing."""
    file = io.BytesIO()
    photograph.save(file, "PNG", compress_level=1)
    return file.getvalue()


def jpeg(photograph: Photograph, quality: float) -> bytes:
    """Return the photograph as a JPEG of a quality in [1, 95], its colours at half the resolution (4:2:0)."""
    file = io.BytesIO()
    photograph.save(file, "JPEG", quality=int(quality), subsampling="4:2:0")
    return file.getvalue()


def blurred(photograph: Photograph, radius: float) -> bytes:
    """Blur with a Gaussian of this standard deviation, pixels."""
    return png(photograph.filter(GaussianBlur(radius)))


def noisy(photograph: Photograph, deviation: float) -> bytes:
    """Add Gaussian noise of this standard deviation to each value in [0, 255]; the pixels seed it."""
    pixels = np.asarray(photograph, np.float32)
    noise = np.random.default_rng(zlib.crc32(pixels.tobytes())).normal(0, deviation, pixels.shape)
    return png(PIL.Image.fromarray((pixels + noise).round().clip(0, 255).astype(np.uint8)))


def brightened(photograph: Photograph, factor: float) -> bytes:
    """Multiply every value, and cut it off at white: less than 1 is darker."""
    return png(Brightness(photograph).enhance(factor))


def turned(photograph: Photograph, degrees: float) -> bytes:
    """Turn it counter-clockwise by a multiple of 90 degrees, so that nothing is cut off."""
    return png(photograph.rotate(degrees, expand=True))


def faded(photograph: Photograph, colour: float) -> bytes:
    """Keep this share of its colour: 0 is greyscale."""
    return png(Color(photograph).enhance(colour))


def resized(photograph: Photograph, side: float) -> bytes:
    """Send it with a longer side of so many pixels, its shape kept."""
    scale = side / max(photograph.size)
    width, height = (max(1, round(length * scale)) for length in photograph.size)
    return png(photograph.resize((width, height), PIL.Image.Resampling.BICUBIC))


def cropped(photograph: Photograph, share: float) -> bytes:
    """Keep this share of the area, in (0, 1], from its middle and of its shape."""
    width, height = (max(1, round(length * math.sqrt(share))) for length in photograph.size)
    left, top = (photograph.width - width) // 2, (photograph.height - height) // 2
    return png(photograph.crop((left, top, left + width, top + height)))


def strip(photograph: Photograph, shape: float) -> bytes:
    """Cut the largest strip of this width over its height from the middle."""
    return png(cut(photograph, shape))


def cut(photograph: Photograph, shape: float) -> Photograph:
    """Return the largest strip of this width over its height, from the middle of the photograph."""
    width, height = photograph.size
    return fit(photograph, (min(width, round(height * shape)) or 1, min(height, round(width / shape)) or 1))


def small(photograph: Photograph, share: float, around: Photograph) -> bytes:
    """Show it at this share of its sides, in the middle of surroundings that are brought to its own size."""
    shown = around.resize(photograph.size)
    width, height = (max(1, round(length * share)) for length in photograph.size)
    inside = photograph.resize((width, height), PIL.Image.Resampling.BICUBIC)
    shown.paste(inside, ((photograph.width - width) // 2, (photograph.height - height) // 2))
    return png(shown)


def covered_from_below(photograph: Photograph, share: float, around: Photograph) -> bytes:
    """Hide this share of it behind the lower part of the surroundings, which are brought to its own size."""
    return _covered(photograph, (0, 0, photograph.width, round(photograph.height * (1 - share))), around)


def covered_from_above(photograph: Photograph, share: float, around: Photograph) -> bytes:
    """Hide this share of it behind the upper part of the surroundings, which are brought to its own size."""
    return _covered(photograph, (0, round(photograph.height * share), *photograph.size), around)


def _covered(photograph: Photograph, kept: tuple[int, int, int, int], around: Photograph) -> bytes:
    """Hide all of it but the box that is kept."""
    shown = around.resize(photograph.size)
    shown.paste(photograph.crop(kept), kept)
    return png(shown)


def drawn(photograph: Photograph) -> Photograph:
    """Draw soft patches of colour, as large as the photograph; its pixels seed them."""
    rng = np.random.default_rng(zlib.crc32(photograph.tobytes()))
    patches = PIL.Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return patches.resize(photograph.size, PIL.Image.Resampling.BICUBIC)


def all_damages(around: Photograph) -> tuple[Damage, ...]:
    """Return every damage, in the order of the report.

    Args:
        around: What a photograph is shown small among, or is covered by: another one, of any size.

    Returns:
        The same names and severities whatever is around. Blur and noise are those of a photograph 160 pixels wide and
        high.
    """
    return (
        Damage("JPEG quality", (90, 70, 50, 30, 20, 10), jpeg),
        Damage("blur, pixels", (0.5, 1, 2, 3, 4), blurred),
        Damage("noise, of 255", (5, 10, 20, 40), noisy),
        Damage("brightness, times", (0.25, 0.5, 0.75, 1.5, 2, 3), brightened),
        Damage("turned by, degrees", (90, 180, 270), turned),
        Damage("colour kept", (0.5, 0), faded),
        Damage("side sent, pixels", (480, 320, 240, 160, 128, 96, 64, 48, 32), resized),
        Damage("central share kept", (0.75, 0.5, 0.25, 0.1), cropped),
        Damage("strip, width over height", (4, 3, 2, 0.5, 0.33, 0.25), strip),
        Damage("side among something else", (0.7, 0.5, 0.4, 0.3, 0.2), partial(small, around=around)),
        Damage("covered from below", (0.25, 0.33, 0.5, 0.67), partial(covered_from_below, around=around)),
        Damage("covered from above", (0.25, 0.33, 0.5, 0.67), partial(covered_from_above, around=around)),
    )
