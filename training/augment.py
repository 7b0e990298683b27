"""Random views: what a photograph could have looked like, so that the network learns the animal and not the pixels.

Geometry is Pillow's, one image at a time, because its resize is antialiased exactly as the service's is; colour is one
matrix product a batch. Nothing here depends on a framework, and Pillow works without Python's lock, so that a few
threads prepare batches beside the training.
"""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from catdog_api import decoding
from catdog_api.tensors import Image, Images

TILT_SHARE, TILT_DEGREES = 0.3, 20.0
TURN_SHARE = 0.05  # a quarter or a half: a telephone that did not know how it was held
CROP_AREA = (0.35, 1.0)  # zoom: the share of the photograph that a view shows
CROP_ASPECT = (2 / 3, 3 / 2)  # the service squashes most shapes to a square
BRIGHTNESS, CONTRAST, SATURATION, TINT = 0.35, 0.35, 0.5, 0.08
GREY_SHARE = 0.06
MEAN_COLOUR = decoding.GROUND  # fills the corners that a tilt leaves empty; a run's record knows it by this name
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in JPEG

# Damage, at full strength: each of these befalls so many views.
SMALL_SHARE, SMALL_SIDE = 0.10, (0.4, 0.8)  # among other surroundings, of whose side it takes this share
HIDDEN_SHARE, HIDDEN_AREA = 0.15, (0.05, 0.35)  # something stands before a part of it (random erasing)
COARSE_SHARE, COARSE_SIDE = 0.10, (0.25, 0.7)  # out of focus, or a thumbnail: as little of the detail is left
JPEG_SHARE, JPEG_QUALITY = 0.10, (8, 60)
NOISE_SHARE, NOISE_LEVELS = 0.10, (3.0, 25.0)  # standard deviation


def random_views(images: Images, surroundings: Images, size: int, strength: float, rng: np.random.Generator) -> Images:
    """Show each photograph tilted, zoomed, flipped, recoloured and damaged at random.

    Args:
        images: uint8 (N, side, side, 3), RGB in [0, 255].
        surroundings: uint8 (M, side, side, 3), among which a photograph may be shown small; M may be 0.
        size: Height and width of the views, pixels.
        strength: In [0, 1]: the probability of every damage, as a share of the full one.
        rng: Where the randomness comes from; the same state gives the same views.

    Returns:
        uint8 (N, size, size, 3), RGB in [0, 255].
    """
    views = []
    for image in images:
        view = _random_geometry(image, size, rng)
        if len(surroundings) and rng.random() < SMALL_SHARE * strength:
            view = _small(view, surroundings[rng.integers(len(surroundings))], rng)
        views.append(np.asarray(_damaged(view, strength, rng)))
    return _random_colour(np.stack(views), strength, rng)


def plain_views(images: Images, size: int) -> Images:
    """Resize whole photographs, as the service does small ones; of large ones it averages squares of pixels first.

    Args:
        images: uint8 (N, side, side, 3), RGB in [0, 255].
        size: Height and width of the views, pixels.

    Returns:
        uint8 (N, size, size, 3), RGB in [0, 255].
    """
    return np.stack(
        [np.asarray(Pillow.fromarray(image).resize((size, size), Pillow.Resampling.BILINEAR)) for image in images]
    )


def _random_geometry(image: Image, size: int, rng: np.random.Generator) -> Pillow.Image:
    picture = Pillow.fromarray(image)
    side = picture.width
    if rng.random() < TILT_SHARE:
        degrees = rng.uniform(-TILT_DEGREES, TILT_DEGREES)
        picture = picture.rotate(degrees, Pillow.Resampling.BILINEAR, fillcolor=MEAN_COLOUR)
    area = rng.uniform(*CROP_AREA)
    aspect = np.exp(rng.uniform(*np.log(CROP_ASPECT)))
    width = min(1.0, np.sqrt(area * aspect)) * side
    height = min(1.0, np.sqrt(area / aspect)) * side
    left, top = rng.uniform(0, side - width), rng.uniform(0, side - height)
    box = (left, top, min(left + width, side), min(top + height, side))
    picture = picture.resize((size, size), Pillow.Resampling.BILINEAR, box=box)
    if rng.random() < 0.5:  # noqa: PLR2004  # a mirror image is as likely as the photograph
        picture = picture.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < TURN_SHARE:
        turns = (Pillow.Transpose.ROTATE_90, Pillow.Transpose.ROTATE_180, Pillow.Transpose.ROTATE_270)
        picture = picture.transpose(turns[rng.integers(len(turns))])
    return picture


def _small(view: Pillow.Image, surrounding: Image, rng: np.random.Generator) -> Pillow.Image:
    size = view.width
    around = Pillow.fromarray(surrounding).resize(view.size, Pillow.Resampling.BILINEAR)
    side = round(rng.uniform(*SMALL_SIDE) * size)
    left, top = rng.integers(0, size - side + 1, 2)
    around.paste(view.resize((side, side), Pillow.Resampling.BILINEAR), (int(left), int(top)))
    return around


def _damaged(view: Pillow.Image, strength: float, rng: np.random.Generator) -> Pillow.Image:
    size = view.width
    hidden, coarse, pressed = rng.random(3) < np.array([HIDDEN_SHARE, COARSE_SHARE, JPEG_SHARE]) * strength
    if hidden:
        area, aspect = rng.uniform(*HIDDEN_AREA), np.exp(rng.uniform(*np.log(CROP_ASPECT)))
        width, height = (round(size * np.sqrt(part)) for part in (area * aspect, area / aspect))
        left, top = rng.integers(0, size - width + 1), rng.integers(0, size - height + 1)
        colour = tuple(int(level) for level in rng.integers(0, 256, 3))
        view.paste(colour, (int(left), int(top), int(left) + width, int(top) + height))
    if coarse:
        side = max(8, round(rng.uniform(*COARSE_SIDE) * size))
        view = view.resize((side, side), Pillow.Resampling.BILINEAR).resize(view.size, Pillow.Resampling.BILINEAR)
    if pressed:
        file = BytesIO()
        view.save(file, "JPEG", quality=int(rng.integers(*JPEG_QUALITY)))
        view = Pillow.open(file)
    return view


def _random_colour(views: Images, strength: float, rng: np.random.Generator) -> Images:
    """Brightness, tint, saturation and contrast are all linear in a pixel: one 3 x 3 matrix and one offset a view."""
    count = len(views)
    gain = rng.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS, (count, 1)) * rng.uniform(1 - TINT, 1 + TINT, (count, 3))
    saturation = rng.uniform(1 - SATURATION, 1 + SATURATION, (count, 1, 1))
    saturation[rng.random(count) < GREY_SHARE] = 0
    contrast = rng.uniform(1 - CONTRAST, 1 + CONTRAST, (count, 1, 1))
    to_grey = np.repeat(np.array(LUMA, np.float32)[:, None], 3, axis=1)  # (3, 3): every channel becomes the luma
    matrix = (saturation * np.eye(3) + (1 - saturation) * to_grey) * gain[:, None, :]  # (N, 3, 3)
    pixels = views.reshape(count, -1, 3).astype(np.float32)
    mean = pixels.mean(axis=(1, 2), keepdims=True)
    coloured: npt.NDArray[np.float32] = pixels @ (contrast * matrix).astype(np.float32)
    coloured += ((1 - contrast) * mean).astype(np.float32)
    for noisy in np.flatnonzero(rng.random(count) < NOISE_SHARE * strength):
        coloured[noisy] += rng.uniform(*NOISE_LEVELS) * rng.standard_normal(coloured[noisy].shape, np.float32)
    return np.clip(coloured, 0, 255).astype(np.uint8).reshape(views.shape)
