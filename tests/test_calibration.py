"""`training.calibration`: the temperature is found again, and calibration errors are those computed by hand."""

import numpy as np
import numpy.typing as npt
import pytest

from catdog_api.labels import softmax
from training import calibration
from training.dataset import Targets


def _sampled(count: int, temperature: float = 1.0) -> tuple[npt.NDArray[np.float32], Targets]:
    """Draw logits, and labels that fall as the logits say once they are divided by the temperature."""
    rng = np.random.default_rng(6)
    logits = rng.normal(scale=2, size=(count, 3)).astype(np.float32)
    thresholds = softmax(logits, temperature).cumsum(axis=1)
    return logits, (rng.random((count, 1)) > thresholds[:, :2]).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_calibration_recovers_the_temperature_that_was_there(temperature: float) -> None:
    logits, targets = _sampled(5_000, temperature)
    assert calibration.choose_temperature(logits, targets) == pytest.approx(temperature, rel=0.06)


def test_huge_logits_have_a_temperature_too() -> None:
    logits, targets = _sampled(100)
    assert calibration.choose_temperature(logits * 1e4, targets) == 5


def test_answers_are_grouped_by_their_probability() -> None:
    probabilities = np.array([[1.0, 0.0], [0.98, 0.02], [0.41, 0.59], [0.5, 0.5]], np.float32)
    mean, accuracy, counts = calibration.reliability(probabilities, np.array([0, 1, 1, 0]))
    assert counts.tolist() == [0] * 7 + [1, 1] + [0] * 5 + [2]
    assert mean[[7, 8, 14]] == pytest.approx([0.5, 0.59, 0.99])
    assert accuracy.tolist() == [0] * 7 + [1, 1] + [0] * 5 + [0.5]


def test_calibrated_answers_have_hardly_any_calibration_error() -> None:
    logits, targets = _sampled(20_000)
    assert calibration.expected_calibration_error(softmax(logits, 1), targets) < 0.01
    assert calibration.expected_calibration_error(softmax(logits, 0.3), targets) > 0.1
    assert calibration.expected_calibration_error(softmax(logits, 3), targets) > 0.1


def test_sure_answers_of_which_half_are_wrong_miss_by_a_half() -> None:
    assert calibration.expected_calibration_error(np.eye(2, dtype=np.float32)[[0] * 10], np.arange(10) // 5) == 0.5
