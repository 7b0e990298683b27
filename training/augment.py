"""Random views: what a photograph could have looked like, so that the network learns the animal and not the pixels.

Geometry is Pillow's, one image at a time, because its resize is antialiased exactly as the service's is; colour is one
matrix product a batch. Nothing here depends on a framework, and Pillow works without Python's lock, so that a few
threads prepare batches beside the training.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from catdog_api.tensors import Image, Images

ROTATION_SHARE = 0.3
ROTATION_DEGREES = 20.0
CROP_AREA = (0.35, 1.0)  # zoom: the share of the photograph that a view shows
CROP_ASPECT = (3 / 4, 4 / 3)
BRIGHTNESS, CONTRAST, SATURATION, TINT = 0.25, 0.25, 0.4, 0.05
GREY_SHARE = 0.05
MEAN_COLOUR = (124, 116, 104)  # fills the corners that a rotation leaves empty
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in JPEG

T = TypeVar("T")


def random_views(images: Images, size: int, rng: np.random.Generator) -> Images:
    """Show each photograph rotated, zoomed, flipped and recoloured at random.

    Args:
        images: uint8 (N, side, side, 3), RGB in [0, 255].
        size: Height and width of the views, pixels.
        rng: Where the randomness comes from; the same state gives the same views.

    Returns:
        uint8 (N, size, size, 3), RGB in [0, 255].
    """
    views = np.stack([_random_geometry(image, size, rng) for image in images])
    return _random_colour(views, rng)


def plain_views(images: Images, size: int) -> Images:
    """Resize whole photographs as the service does.

    Args:
        images: uint8 (N, side, side, 3), RGB in [0, 255].
        size: Height and width of the views, pixels.

    Returns:
        uint8 (N, size, size, 3), RGB in [0, 255].
    """
    return np.stack(
        [np.asarray(Pillow.fromarray(image).resize((size, size), Pillow.Resampling.BILINEAR)) for image in images]
    )


def prepared(tasks: Iterable[Callable[[], T]], *, threads: int, ahead: int) -> Iterator[T]:
    """Run tasks on threads, some ahead of the consumer, and yield their results in order.

    Args:
        tasks: Calls without arguments.
        threads: How many run at the same time.
        ahead: How many results wait at most; bounds the memory.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="views") as pool:
        upcoming = iter(tasks)
        waiting: list[Future[T]] = [pool.submit(task) for task in islice(upcoming, ahead)]
        while waiting:
            result = waiting.pop(0).result()
            waiting.extend(pool.submit(task) for task in islice(upcoming, 1))
            yield result


def _random_geometry(image: Image, size: int, rng: np.random.Generator) -> Image:
    picture = Pillow.fromarray(image)
    side = picture.width
    if rng.random() < ROTATION_SHARE:
        degrees = rng.uniform(-ROTATION_DEGREES, ROTATION_DEGREES)
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
    return np.asarray(picture)


def _random_colour(views: Images, rng: np.random.Generator) -> Images:
    """Brightness, tint, saturation and contrast are all linear in a pixel: one 3 x 3 matrix and one offset a view."""
    count = len(views)
    gain = rng.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS, (count, 1)) * rng.uniform(1 - TINT, 1 + TINT, (count, 3))
    saturation = rng.uniform(1 - SATURATION, 1 + SATURATION, (count, 1, 1))
    saturation[rng.random(count) < GREY_SHARE] = 0
    contrast = rng.uniform(1 - CONTRAST, 1 + CONTRAST, (count, 1, 1))
    to_grey = np.repeat(LUMA[:, None], 3, axis=1)  # (3, 3): every channel becomes the luma
    matrix = (saturation * np.eye(3) + (1 - saturation) * to_grey) * gain[:, None, :]  # (N, 3, 3)
    pixels = views.reshape(count, -1, 3).astype(np.float32)
    mean = pixels.mean(axis=(1, 2), keepdims=True)
    coloured: npt.NDArray[np.float32] = pixels @ (contrast * matrix).astype(np.float32)
    coloured += ((1 - contrast) * mean).astype(np.float32)
    return np.clip(coloured, 0, 255).astype(np.uint8).reshape(views.shape)
