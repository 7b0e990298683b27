"""From logits to named, calibrated probabilities and one decision."""

import numpy as np
import pytest

from catdog_api.labels import by_label, decide, softmax

LABELS = ("cat", "dog", "neither")
LOGITS = np.array([[2.0, 1.0, -1.0], [0.0, 0.0, 0.0], [1000.0, -1000.0, 0.0]], np.float32)


def test_probabilities_sum_to_one_even_for_absurd_logits() -> None:
    probabilities = softmax(LOGITS, 1.0)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert probabilities[1] == pytest.approx(1 / 3)
    assert probabilities[2] == pytest.approx([1, 0, 0])


def test_a_higher_temperature_is_less_sure_and_decides_the_same() -> None:
    cold, warm = softmax(LOGITS[:1], 1.0), softmax(LOGITS[:1], 4.0)
    assert warm.max() < cold.max()
    assert decide(LABELS, warm[0]) == decide(LABELS, cold[0]) == "cat"


def test_probabilities_are_named_in_the_order_of_the_labels() -> None:
    named = by_label(LABELS, np.array([0.25, 0.5, 0.25], np.float32))
    assert list(named.items()) == [("cat", 0.25), ("dog", 0.5), ("neither", 0.25)]


def test_a_tie_goes_to_the_first_label() -> None:
    assert decide(LABELS, np.array([0.2, 0.4, 0.4], np.float32)) == "dog"
