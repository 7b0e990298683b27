"""Whether a network in another precision may stand in for the one that was evaluated."""

import time

import numpy as np
import pytest

from catdog_api.labels import softmax
from catdog_api.precision import ROUNDS, TOLERANCE, Network, draw, is_better, largest_change
from catdog_api.tensors import Images, Logits

IMAGES = draw(4, 32)
SLOW = 0.02


def network(*, error: float = 0, error_alone: float = 0, seconds: float = 0) -> Network:
    """Return one that gives the mean colours, with an error on the first of them, in its own time."""

    def logits(images: Images) -> Logits:
        time.sleep(seconds)
        found: Logits = images.mean(axis=(1, 2), dtype=np.float32) / 64
        found[:, 0] += error + (error_alone if len(images) == 1 else 0)
        return found

    return logits


@pytest.mark.parametrize(
    ("candidate", "better"),
    [
        pytest.param(network(), True, id="faster-and-the-same"),
        pytest.param(network(error=TOLERANCE), True, id="faster-and-as-good-as-the-same"),
        pytest.param(network(error=0.1), False, id="faster-and-different"),
        pytest.param(network(error_alone=0.1), False, id="different-alone"),
        pytest.param(network(error=float("nan")), False, id="no-numbers"),
        pytest.param(network(seconds=2 * SLOW), False, id="the-same-and-slower"),
    ],
)
def test_it_must_answer_alike_and_be_clearly_faster(candidate: Network, *, better: bool) -> None:
    assert is_better(candidate, network(seconds=SLOW), IMAGES, temperature=1.0) == better


def test_a_machine_that_is_busy_for_a_while_does_not_decide() -> None:
    calls = 0

    def slowed(of: Network) -> Network:
        """Slow both down, after the answers were compared, for as many calls as one of them is timed in."""

        def logits(images: Images) -> Logits:
            nonlocal calls
            calls += 1
            time.sleep(2 * SLOW if before < calls <= before + ROUNDS else 0)
            return of(images)

        return logits

    before = 1 + len(IMAGES) + 1
    assert is_better(slowed(network()), slowed(network(seconds=SLOW)), IMAGES, temperature=1.0)


def test_no_probability_changes_by_more_than_the_bound_and_an_undecided_one_by_nearly_as_much() -> None:
    generator = np.random.default_rng(1)
    expected = generator.normal(size=(1000, 3), scale=2).astype(np.float32)
    found = expected + generator.normal(size=(1000, 3), scale=0.01).astype(np.float32)
    bound = largest_change(found, expected, temperature=0.5)
    changed = np.abs(softmax(found, 0.5) - softmax(expected, 0.5)).max()
    assert 0.6 * bound < changed <= bound


def test_the_images_are_the_same_every_time_and_no_two_alike() -> None:
    assert np.array_equal(IMAGES, draw(4, 32))
    assert len(np.unique(IMAGES, axis=0)) == 4
    assert IMAGES.shape == (4, 32, 32, 3)


def test_the_images_are_like_photographs_neighbours_alike_and_all_tones_used() -> None:
    images = draw(8, 128).astype(np.float32)
    tones = images.mean(axis=3)
    across = np.corrcoef(tones[:, :, 1:].ravel(), tones[:, :, :-1].ravel())[0, 1]
    assert across > 0.9
    assert tones.std() > 40
    assert np.percentile(tones, 1) < 40
    assert np.percentile(tones, 99) > 210
    assert np.abs(images[..., 0] - images[..., 2]).mean() < tones.std()
