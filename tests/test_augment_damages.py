"""The damages of `training.augment`: each befalls its share of the views, as far as it may, and none at strength 0."""

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from catdog_api.tensors import Image
from training.augment import MEAN_COLOUR, random_views

SIDE, SIZE = 160, 64
MANY = 600  # a share of 10 % of them is known to about 1.2 %

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DRAWINGS: dict[str, Image] = {
    "plain": np.full((SIDE, SIDE, 3), MEAN_COLOUR, np.uint8),  # of which no zoom, mirror, turn or tilt shows
    "speckled": np.random.default_rng(5).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8),
}


@cache
def _views(drawing: str, *, on_black: bool = False, strength: float = 1.0) -> Floats:
    photographs = np.broadcast_to(DRAWINGS[drawing], (MANY, SIDE, SIDE, 3))
    surroundings = np.zeros((int(on_black), SIDE, SIDE, 3), np.uint8)
    return random_views(photographs, surroundings, SIZE, strength, np.random.default_rng(1)).astype(float)


def _smoothed(views: Floats) -> Floats:
    """Average over 4 x 4 pixels: (N, 256, 3)."""
    smoothed: Floats = (
        views.reshape(len(views), SIZE // 4, 4, SIZE // 4, 4, 3).mean(axis=(2, 4)).reshape(len(views), -1, 3)
    )
    return smoothed


def _black_area(views: Floats) -> Floats:
    area: Floats = (_smoothed(views).mean(axis=2) < 45).mean(axis=1)
    return area


def _strange_area(views: Floats) -> Floats:
    smoothed = _smoothed(views)
    usual = np.median(smoothed, axis=1, keepdims=True)
    area: Floats = (np.abs(smoothed - usual).max(axis=2) > 25).mean(axis=1)
    return area


def _typical_step(views: Floats, pixels: int = 1) -> Floats:
    """Return the median difference of two points of a row."""
    grey = views.mean(axis=3)
    step: Floats = np.median(np.abs(grey[:, :, pixels:] - grey[:, :, :-pixels]).reshape(len(views), -1), axis=1)
    return step


def _is_small(views: Floats) -> Flags:
    """See the black surroundings in at least two corners: the photograph hides one of them, and a patch another."""
    corners = _smoothed(views).mean(axis=2)[:, [0, SIZE // 4 - 1, -SIZE // 4, -1]]
    seen: Flags = np.sum(corners < 45, axis=1) >= 2
    return seen


def _is_hidden(views: Floats) -> Flags:
    return _strange_area(views) > 0.03


def _is_coarse(views: Floats) -> Flags:
    """See that speckles which touch are more alike than those further apart; JPEG blurs, too, and is told apart."""
    return (_typical_step(views) / _typical_step(views, 4) < 0.65) & ~_is_pressed(views)


def _is_pressed(views: Floats) -> Flags:
    """See JPEG's blocks of 8 pixels: between two of them the steps are larger than inside."""
    steps = np.abs(np.diff(views.mean(axis=3), axis=2))
    between = np.arange(SIZE - 1) % 8 == 7
    across, inside = (np.median(steps[:, :, where].reshape(len(views), -1), axis=1) for where in (between, ~between))
    seen: Flags = (across + 0.1) / (inside + 0.1) > 1.3
    return seen


def _is_noisy(views: Floats) -> Flags:
    return _typical_step(views) > 1


@pytest.mark.parametrize(
    ("drawing", "on_black", "befallen", "share"),
    [
        pytest.param("plain", True, _is_small, 0.10, id="small"),
        pytest.param("plain", False, _is_hidden, 0.15, id="hidden"),
        pytest.param("speckled", False, _is_coarse, 0.10, id="coarse"),
        pytest.param("speckled", False, _is_pressed, 0.10, id="jpeg"),
        pytest.param("plain", False, _is_noisy, 0.10, id="noise"),
    ],
)
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_each_damage_befalls_its_share_of_the_views_and_none_at_strength_0(
    drawing: str, befallen: Callable[[Floats], Flags], share: float, strength: float, *, on_black: bool
) -> None:
    assert not befallen(_views(drawing, on_black=on_black, strength=0.0)).any()
    found = befallen(_views(drawing, on_black=on_black, strength=strength)).mean()
    assert found == pytest.approx(strength * share, abs=0.035)


def test_at_strength_0_a_plain_photograph_stays_plain() -> None:
    assert np.ptp(_views("plain", on_black=True, strength=0.0), axis=(1, 2)).max() == 0


def test_without_surroundings_no_photograph_is_small() -> None:
    assert not _is_small(_views("plain")).any()


def test_a_small_photograph_takes_40_to_80_percent_of_each_side_anywhere() -> None:
    views = _views("plain", on_black=True)
    views = views[_is_small(views)]
    seen = 1 - _black_area(views)
    assert 0.16 * 0.8 < seen.min() < 0.3
    assert 0.5 < seen.max() < 0.64 * 1.15
    middles = [np.argwhere(view.mean(axis=2) > 45).mean(axis=0) / SIZE for view in views]
    # Down and across; the outermost have something else in the surroundings, too.
    assert np.ptp(np.quantile(middles, (0.1, 0.9), axis=0), axis=0).min() > 0.25


def test_what_stands_before_a_photograph_hides_5_to_35_percent_of_it_anywhere() -> None:
    views = _views("plain")
    views = views[_is_hidden(views) & ~_is_noisy(views)]
    usual = np.median(views, axis=(1, 2), keepdims=True)
    strange = np.abs(views - usual).max(axis=3) > 25
    hidden = strange.mean(axis=(1, 2))
    assert 0.05 * 0.9 < hidden.min() < 0.1
    assert 0.3 < hidden.max() < 0.35 * 1.15  # a coarse patch has wider edges
    middles = [np.argwhere(each).mean(axis=0) / SIZE for each in strange]
    assert np.ptp(middles, axis=0).min() > 0.4  # down and across


def test_noise_is_faint_in_some_views_and_strong_in_others_and_white() -> None:
    views = _views("plain")
    views = views[_is_noisy(views) & ~_is_hidden(views)]
    levels = views.std(axis=(1, 2)).mean(axis=1)
    assert 2.5 < levels.min() < 8
    assert 19 < levels.max() < 27
    grey = views.mean(axis=3) - views.mean(axis=(1, 2, 3))[:, None, None]
    alike = (grey[:, :, 1:] * grey[:, :, :-1]).mean(axis=(1, 2)) / grey.var(axis=(1, 2))
    assert np.median(np.abs(alike)) < 0.05
