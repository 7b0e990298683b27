"""`training.damages`: each damage does what its name says, as much as its severity says, and nothing else."""

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.images import BLUE, GREEN, RED, WHITE, quarters
from training import damages
from training.damages import Damage, Photograph, all_damages, drawn

SHARP = quarters(160, 120)
AROUND = Image.linear_gradient("L").convert("RGB")  # rows from black to white, in a shape of its own
DAMAGES = all_damages(AROUND)


def pixels(file: bytes) -> npt.NDArray[np.float64]:
    """Return what a file shows: float64 (height, width, 3), in [0, 255]."""
    with Image.open(io.BytesIO(file)) as image:
        assert image.mode == "RGB"
        return np.asarray(image, np.float64)


def corners(file: bytes) -> list[tuple[int, ...]]:
    """Return the colours of the four corners, from top left to bottom right by rows."""
    shown = pixels(file)
    return [tuple(shown[row, column].astype(int).tolist()) for row in (0, -1) for column in (0, -1)]


def test_a_whole_photograph_stays_what_it_is() -> None:
    assert np.array_equal(pixels(damages.png(SHARP)), np.asarray(SHARP))


@pytest.mark.parametrize("damage", DAMAGES, ids=[damage.name for damage in DAMAGES])
def test_a_damage_is_the_same_every_time_and_leaves_the_photograph_alone(damage: Damage) -> None:
    photograph = SHARP.copy()
    for severity in damage.severities:
        assert damage.apply(photograph, severity) == damage.apply(photograph, severity)
    assert np.array_equal(np.asarray(photograph), np.asarray(SHARP))
    assert np.array_equal(np.asarray(AROUND)[:, 0, 0], np.arange(256))


@pytest.mark.parametrize("name", ["JPEG quality", "blur, pixels", "noise, of 255", "colour kept"])
def test_a_heavier_severity_changes_more_pixels(name: str) -> None:
    damage = next(damage for damage in DAMAGES if damage.name == name)
    changes = [
        np.abs(pixels(damage.apply(SHARP, severity)) - np.asarray(SHARP)).mean() for severity in damage.severities
    ]
    assert changes == sorted(changes)
    assert 0 < changes[0] < changes[-1]


def test_noise_has_the_deviation_that_it_was_given_and_another_pattern_on_another_photograph() -> None:
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    noise = pixels(damages.noisy(grey, 10)) - 128
    assert noise.std() == pytest.approx(10, rel=0.05)
    assert abs(noise.mean()) < 0.5
    other = pixels(damages.noisy(Image.new("RGB", (64, 64), (127, 127, 127)), 10)) - 127
    assert np.corrcoef(noise.ravel(), other.ravel())[0, 1] < 0.1


def test_noise_at_white_does_not_come_out_black() -> None:
    assert pixels(damages.noisy(Image.new("RGB", (32, 32), "white"), 40)).min() > 50


def test_brightness_is_multiplied() -> None:
    grey = Image.new("RGB", (8, 8), (100, 100, 100))
    for factor, value in ((0.25, 25), (2, 200), (3, 255)):
        assert pixels(damages.brightened(grey, factor)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("degrees", "colours"),
    [(90, [GREEN, WHITE, RED, BLUE]), (180, [WHITE, BLUE, GREEN, RED]), (270, [BLUE, RED, WHITE, GREEN])],
)
def test_a_turn_moves_the_corners_and_cuts_nothing_off(degrees: int, colours: list[tuple[int, ...]]) -> None:
    file = damages.turned(SHARP, degrees)
    assert corners(file) == colours
    assert pixels(file).size == np.asarray(SHARP).size


def test_without_its_colour_a_photograph_is_grey() -> None:
    shown = pixels(damages.faded(SHARP, 0))
    assert np.ptp(shown, axis=2).max() == 0
    assert len(np.unique(shown)) == 4


@pytest.mark.parametrize(("side", "size"), [(32, (24, 32)), (480, (360, 480))])
def test_the_longer_side_is_what_is_asked_for(side: int, size: tuple[int, int]) -> None:
    assert pixels(damages.resized(SHARP, side)).shape[:2] == size


@pytest.mark.parametrize("share", [0.75, 0.5, 0.25, 0.1])
def test_a_crop_keeps_the_middle_of_the_area(share: float) -> None:
    file = damages.cropped(SHARP, share)
    height, width, _ = pixels(file).shape
    assert width * height / (160 * 120) == pytest.approx(share, rel=0.02)
    assert width / height == pytest.approx(4 / 3, rel=0.02)
    assert corners(file) == [RED, GREEN, BLUE, WHITE]
    assert abs(int(np.sum(pixels(file)[0] == RED) / 3) - width / 2) <= 1


@pytest.mark.parametrize("shrink", [damages.resized, damages.cropped])
def test_a_sliver_keeps_a_pixel(shrink: Callable[[Photograph, float], bytes]) -> None:
    assert min(pixels(shrink(Image.new("RGB", (300, 1)), 0.5)).shape[:2]) == 1


@pytest.mark.parametrize(("shape", "size"), [(4, (40, 160)), (2, (80, 160)), (0.5, (120, 60)), (0.25, (120, 30))])
def test_a_strip_is_the_largest_of_its_shape_and_from_the_middle(shape: float, size: tuple[int, int]) -> None:
    file = damages.strip(SHARP, shape)
    assert pixels(file).shape[:2] == size
    assert corners(file) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("share", [0.7, 0.5, 0.2])
def test_a_small_photograph_is_whole_and_in_the_middle_of_its_surroundings(share: float) -> None:
    shown = pixels(damages.small(Image.new("RGB", (160, 120), RED), share, AROUND))
    photograph = np.zeros((120, 160), np.bool_)
    photograph[round(60 - 60 * share) : round(60 + 60 * share), round(80 - 80 * share) : round(80 + 80 * share)] = True
    assert np.array_equal((shown == RED).all(axis=2), photograph)
    assert np.array_equal(shown[~photograph], np.asarray(AROUND.resize((160, 120)))[~photograph])


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_what_is_covered_is_covered_from_the_side_that_its_name_says(share: float) -> None:
    red, around = Image.new("RGB", (160, 120), RED), np.asarray(AROUND.resize((160, 120)))
    rows = round(120 * share)
    below = pixels(damages.covered_from_below(red, share, AROUND))
    assert (below[:-rows] == RED).all()
    assert np.array_equal(below[-rows:], around[-rows:])
    above = pixels(damages.covered_from_above(red, share, AROUND))
    assert (above[rows:] == RED).all()
    assert np.array_equal(above[:rows], around[:rows])


def test_the_part_that_is_not_covered_stays_where_it_is() -> None:
    assert corners(damages.covered_from_below(SHARP, 0.5, AROUND))[:2] == [RED, GREEN]
    assert corners(damages.covered_from_above(SHARP, 0.5, AROUND))[2:] == [BLUE, WHITE]


def test_what_is_drawn_is_as_large_as_the_photograph_and_another_for_another_one() -> None:
    patches = drawn(SHARP)
    assert patches.size == SHARP.size
    assert patches.tobytes() == drawn(SHARP.copy()).tobytes()
    assert patches.tobytes() != drawn(AROUND.resize(SHARP.size)).tobytes()
    assert np.asarray(patches).std() > 30
