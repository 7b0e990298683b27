"""What the benchmarks call the same answer: a network's in batches of every size, against each image's alone."""

import math

import numpy as np
import pytest

from benchmarks.agreement import batch_difference, in_batches
from catdog_api.tensors import Images, Probabilities
from tests.fakes import ColourClassifier

RED, GREEN = (np.full((32, 32, 3), colour, np.uint8) for colour in ([255, 0, 0], [0, 255, 0]))
IMAGES = np.stack([RED, GREEN] * 8)


class WrongClassifier(ColourClassifier):
    """Adds something to its answers in batches of one size."""

    def __init__(self, size: int, added: tuple[float, float, float]) -> None:
        super().__init__()
        self._size = size
        self._added = np.array(added, np.float32)

    def predict(self, images: Images) -> Probabilities:
        """Answer, rightly or not."""
        answer = super().predict(images)
        return answer + self._added if len(images) == self._size else answer


def found(classifier: ColourClassifier) -> float:
    """Return the largest difference."""
    return batch_difference(classifier.predict, IMAGES, in_batches(ColourClassifier().predict, IMAGES, 1))


def test_a_network_that_says_the_same_in_every_batch_differs_by_nothing() -> None:
    classifier = ColourClassifier()
    assert found(classifier) == 0
    assert set(classifier.batches) == set(range(1, 9))


@pytest.mark.parametrize("size", range(1, 9))
def test_a_probability_that_is_another_in_batches_of_one_size_is_seen(size: int) -> None:
    assert found(WrongClassifier(size, (0.0, 0.0, 0.125))) == pytest.approx(0.125)


@pytest.mark.parametrize("size", range(1, 9))
def test_another_label_is_none_at_all(size: int) -> None:
    assert found(WrongClassifier(size, (0.0, 0.0, 1.0))) == math.inf
