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


def test_the_interval_of_one_bin_is_that_of_its_share() -> None:
    # 50 of 100 sure answers are wrong: the standard error of that share is 0.05.
    sure = np.eye(2, dtype=np.float32)[[0] * 100]
    half_wrong = np.arange(100) // 50
    assert calibration.calibration_interval(sure, half_wrong) == pytest.approx([0.5 - 0.098, 0.5 + 0.098], abs=0.021)
    assert calibration.calibration_interval(sure, np.zeros(100, np.int64)) == [0, 0]


def test_in_the_interval_too_much_promised_in_one_bin_makes_up_for_no_other() -> None:
    probabilities = np.array([[0.6, 0.4]] * 100 + [[1.0, 0.0]] * 100, np.float32)
    targets = (np.arange(200) >= 160).astype(np.int64)  # all of the first hundred are right, 60 of the second
    low, high = calibration.calibration_interval(probabilities, targets)
    assert calibration.expected_calibration_error(probabilities, targets) == 0.4
    assert 0.3 < low < 0.4 < high < 0.5


def test_the_same_answers_have_the_same_interval_of_their_calibration_error() -> None:
    logits, targets = _sampled(500)
    probabilities = softmax(logits, 2)
    assert calibration.calibration_interval(probabilities, targets) == calibration.calibration_interval(
        probabilities, targets
    )
