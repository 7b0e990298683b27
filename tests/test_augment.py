"""`training.augment`: what random views change, what they leave alone, and how far ahead they are made."""

import itertools
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image as Pillow

from catdog_api.decoding import decode
from catdog_api.tensors import Images
from tests.images import encode, quarters
from training.augment import plain_views, prepared, random_views

SIDE = 160
MANY = 200  # views of one drawing: a share of them is known to about 4 %

_ramp = np.linspace(0, 255, SIDE, dtype=np.uint8)
_rightwards = np.broadcast_to(_ramp[None, :, None], (SIDE, SIDE, 3))  # black on the left, white on the right
_downwards = np.broadcast_to(_ramp[:, None, None], (SIDE, SIDE, 3))
_bars = np.broadcast_to((np.arange(SIDE) // 8 % 2 * 255).astype(np.uint8)[None, :, None], (SIDE, SIDE, 3))


def _views(drawing: Images, size: int = 64, seed: int = 1) -> Images:
    return random_views(np.stack([drawing] * MANY), size, np.random.default_rng(seed))


def _photographs(count: int = 4) -> Images:
    return np.random.default_rng(5).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [32, 64, 128, 200])
@pytest.mark.parametrize(
    "make", [lambda images, size: random_views(images, size, np.random.default_rng(1)), plain_views]
)
def test_views_are_images_of_the_size_that_was_asked_for(make: Callable[[Images, int], Images], size: int) -> None:
    views = make(_photographs(), size)
    assert views.shape == (4, size, size, 3)
    assert views.dtype == np.uint8


def test_the_same_state_gives_the_same_views_and_another_gives_others() -> None:
    images = _photographs()
    one, again, other = (random_views(images, 64, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(one, again)
    assert not any(np.array_equal(view, another) for view, another in zip(one, other, strict=True))


def test_the_photographs_themselves_stay_as_they_are() -> None:
    images = _photographs()
    random_views(images, 64, np.random.default_rng(1))
    assert np.array_equal(images, _photographs())


def test_each_photograph_of_a_batch_gets_its_own_view() -> None:
    views = _views(_rightwards)
    assert len({view.tobytes() for view in views}) == MANY


def test_half_of_the_views_are_mirrored_and_none_stands_on_its_head() -> None:
    across = _views(_rightwards).astype(float)
    mirrored = across[:, :, :16].mean(axis=(1, 2, 3)) > across[:, :, -16:].mean(axis=(1, 2, 3))
    assert 0.4 < mirrored.mean() < 0.6
    down = _views(_downwards).astype(float)
    assert (down[:, :16].mean(axis=(1, 2, 3)) < down[:, -16:].mean(axis=(1, 2, 3))).all()


def test_some_views_are_rotated_and_most_are_not() -> None:
    # A row of this drawing has one colour, and keeps it through everything but a rotation.
    tilted = _views(_downwards).astype(int).std(axis=2).max(axis=(1, 2)) > 0
    assert 0.2 < tilted.mean() < 0.4


def test_views_are_zoomed_into_the_photograph_and_never_out_of_it() -> None:
    middle_rows = _views(_bars, size=SIDE)[:, SIDE // 2].mean(axis=2)
    bright = middle_rows > (middle_rows.min(axis=1) + middle_rows.max(axis=1))[:, None] / 2
    edges = np.count_nonzero(np.diff(bright, axis=1), axis=1)  # the whole drawing has 19
    assert edges.max() in {18, 19}
    assert edges.min() in {9, 10, 11}  # half of its width: 35 % of its area at an aspect of 3 : 4


def test_light_and_saturation_vary_and_hue_hardly_does() -> None:
    fur = np.full((SIDE, SIDE, 3), (170, 120, 70), np.uint8)
    # A rotation may bring in a corner's filling colour, so that only the middle is looked at.
    red, green, blue = _views(fur)[:, 28:36, 28:36].astype(float).mean(axis=(1, 2)).T
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    assert luma.min() < 105
    assert luma.max() > 150
    grey = (red - blue) / luma < 0.11  # what the tint alone can make of grey: 5 % up and 5 % down
    assert 0.01 < grey.mean() < 0.12
    assert ((red > green) & (green > blue))[~grey].all()


@pytest.mark.parametrize("size", [64, 96, 128])
def test_plain_views_are_what_the_service_decodes_at_that_size(size: int) -> None:
    photographs = [quarters(SIDE, SIDE), Pillow.fromarray(_photographs()[0])]
    served = [decode(encode(photograph, "PNG"), size, max_pixels=SIDE**2).image for photograph in photographs]
    assert np.array_equal(plain_views(np.stack([np.asarray(each) for each in photographs]), size), np.stack(served))


def test_results_come_in_order_even_when_the_first_is_the_slowest() -> None:
    last_began = threading.Event()

    def first() -> int:
        assert last_began.wait(10), "the tasks did not run side by side"
        return 0

    def last() -> int:
        last_began.set()
        return 2

    assert list(prepared([first, lambda: 1, last], threads=2, ahead=3)) == [0, 1, 2]


def test_preparing_never_runs_further_ahead_than_allowed() -> None:
    taken: list[int] = []

    def endless() -> Iterator[Callable[[], int]]:
        for number in itertools.count():
            taken.append(number)
            yield lambda number=number: number  # type: ignore[misc]  # mypy cannot type a default of a lambda

    results = prepared(endless(), threads=2, ahead=3)
    for received in range(20):
        assert next(results) == received
        assert len(taken) == received + 1 + 3
    results.close()  # type: ignore[attr-defined]  # a generator, and leaving it ends its threads
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("views")]


def test_a_task_that_fails_fails_the_consumer() -> None:
    results = prepared([lambda: 1, lambda: 1 // 0, lambda: 1], threads=2, ahead=2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_tasks_give_no_results() -> None:
    assert list(prepared([], threads=2, ahead=2)) == []
