"""`training.augment`: what random views change, and what they leave alone; their damages have a room of their own."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as Pillow

from catdog_api.decoding import GROUND, decode
from catdog_api.tensors import Images
from tests.images import encode, quarters
from training.augment import plain_views, random_views

SIDE = 160
MANY = 600  # views of one drawing: a share of them is known to about 2 %

_ramp = np.linspace(0, 255, SIDE, dtype=np.uint8)
_rightwards = np.broadcast_to(_ramp[None, :, None], (SIDE, SIDE, 3))  # black on the left, white on the right
_downwards = np.broadcast_to(_ramp[:, None, None], (SIDE, SIDE, 3))
_bars = np.broadcast_to((np.arange(SIDE) // 8 % 2 * 255).astype(np.uint8)[None, :, None], (SIDE, SIDE, 3))


def _views(drawing: Images, size: int = 64, count: int = MANY) -> Images:
    """Return many views without damage."""
    photographs = np.broadcast_to(drawing, (count, *drawing.shape))
    return random_views(photographs, photographs[:0], size, 0.0, np.random.default_rng(1))


def _photographs(count: int = 4, seed: int = 5) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def _damaged_views(images: Images, size: int, seed: int = 1) -> Images:
    return random_views(images, _photographs(2, seed=6), size, 1.0, np.random.default_rng(seed))


@pytest.mark.parametrize("size", [32, 64, 128, 200])
@pytest.mark.parametrize("make", [_damaged_views, plain_views])
def test_views_are_images_of_the_size_that_was_asked_for(make: Callable[[Images, int], Images], size: int) -> None:
    views = make(_photographs(40), size)  # so many that each damage befalls one of them
    assert views.shape == (40, size, size, 3)
    assert views.dtype == np.uint8


def test_the_same_state_gives_the_same_views_and_another_gives_others() -> None:
    images = _photographs(40)
    one, again, other = (_damaged_views(images, 64, seed) for seed in (7, 7, 8))
    assert np.array_equal(one, again)
    assert not any(np.array_equal(view, another) for view, another in zip(one, other, strict=True))


def test_the_photographs_themselves_stay_as_they_are() -> None:
    images, surroundings = _photographs(40), _photographs(2, seed=6)
    random_views(images, surroundings, SIDE, 1.0, np.random.default_rng(1))
    assert np.array_equal(images, _photographs(40))
    assert np.array_equal(surroundings, _photographs(2, seed=6))


def test_each_photograph_of_a_batch_gets_its_own_view() -> None:
    views = _views(_rightwards)
    assert len({view.tobytes() for view in views}) == MANY


def test_half_of_the_views_are_mirrored() -> None:
    across = _views(_rightwards).astype(float)
    mirrored = across[:, :, :16].mean(axis=(1, 2, 3)) > across[:, :, -16:].mean(axis=(1, 2, 3))
    assert 0.45 < mirrored.mean() < 0.55


def test_a_few_views_lie_on_either_side_or_stand_on_their_head() -> None:
    views = _views(_downwards).astype(float).mean(axis=3)
    right = views[:, :, -16:].mean(axis=(1, 2)) - views[:, :, :16].mean(axis=(1, 2))
    down = views[:, -16:].mean(axis=(1, 2)) - views[:, :16].mean(axis=(1, 2))
    lies, overturned = np.abs(right) > np.abs(down), down < -np.abs(right)
    # 5 %, a third of them each way; a standard deviation of the whole is 0.9 %.
    assert 0.02 < (lies | overturned).mean() < 0.08
    assert min((lies & (right > 0)).sum(), (lies & (right < 0)).sum(), overturned.sum()) >= 3


def test_some_views_are_tilted_and_most_are_not() -> None:
    # A row of this drawing has one colour, and a column of those that lie; nothing but a tilt takes it away.
    views = _views(_downwards).astype(int)
    tilted = np.minimum(views.std(axis=2).max(axis=(1, 2)), views.std(axis=1).max(axis=(1, 2))) > 0
    assert 0.25 < tilted.mean() < 0.35


def test_views_are_zoomed_into_the_photograph_and_never_out_of_it() -> None:
    views = _views(_bars, size=SIDE, count=200).mean(axis=3)
    lines = np.stack([views[:, SIDE // 2], views[:, :, SIDE // 2]])  # one along the bars, and one across
    bright = lines > (lines.min(axis=2) + lines.max(axis=2))[:, :, None] / 2
    edges = np.count_nonzero(np.diff(bright, axis=2), axis=2).max(axis=0)
    assert edges.max() in {18, 19, 20}  # the whole drawing has 19, and a tilted one its corner
    assert edges.min() in {9, 10}  # 48 % of its width: 35 % of its area at an aspect of 2 : 3


def test_light_and_saturation_vary_and_hue_hardly_does() -> None:
    fur = np.full((SIDE, SIDE, 3), (170, 120, 70), np.uint8)
    # A tilt may bring in a corner's filling colour, so that only the middle is looked at.
    red, green, blue = _views(fur)[:, 28:36, 28:36].astype(float).mean(axis=(1, 2)).T
    luma = 0.299 * red + 0.587 * green + 0.114 * blue  # of this fur: 129
    assert 58 < luma.min() < 92
    assert 166 < luma.max() < 210
    grey = (red - blue) / luma < 0.17  # what the tint alone can make of grey: 8 % up and 8 % down
    assert 0.03 < grey.mean() < 0.1
    assert ((red > green) & (green > blue))[~grey].all()


def test_contrast_varies() -> None:
    views = _views(np.where(_rightwards < 128, np.uint8(90), np.uint8(140))).astype(float)
    spread = np.ptp(np.quantile(views.mean(axis=3), (0.02, 0.98), axis=(1, 2)), axis=0) / views.mean(axis=(1, 2, 3))
    assert spread.min() < 0.75 * 50 / 115
    assert spread.max() > 1.25 * 50 / 115


@pytest.mark.parametrize("size", [64, 96, 128])
def test_plain_views_are_what_the_service_decodes_at_that_size(size: int) -> None:
    photographs = [quarters(SIDE, SIDE), Pillow.fromarray(_photographs()[0])]
    served = [decode(encode(photograph, "PNG"), size, max_pixels=SIDE**2).image for photograph in photographs]
    assert np.array_equal(plain_views(np.stack([np.asarray(each) for each in photographs]), size), np.stack(served))


def test_beside_a_panorama_the_service_puts_what_the_network_has_seen_beside_tilted_photographs() -> None:
    views = _views(np.full((SIDE, SIDE, 3), GROUND, np.uint8))  # of which then no tilt shows
    assert np.ptp(views, axis=(1, 2)).max() <= 1  # a level, by which rounding may differ
