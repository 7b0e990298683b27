"""Whether a probability means what it says: the temperature that makes it so, and by how much it misses still."""

import numpy as np
import numpy.typing as npt

from catdog_api.tensors import Logits, Probabilities
from training.dataset import Targets

CALIBRATION_BINS = 15
TEMPERATURES = np.geomspace(0.2, 5.0, 1001)
RESAMPLES = 5_000  # with a fifth of them, another seed moves an end by 0.0003 on the 4,453 photographs of test
RESAMPLING_SEED = 95


def choose_temperature(logits: Logits, targets: Targets) -> float:
    """Return the temperature under which the true labels are likeliest (Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: float32 (N, labels), on photographs that the training did not see; N at least 1.
        targets: int64 (N,), each the index of a label.

    Returns:
        One of `TEMPERATURES`, in [0.2, 5], rounded to four decimals.

    Raises:
        IndexError: A target is the index of no label.
    """
    losses = []
    for temperature in TEMPERATURES:
        scaled = logits.astype(np.float64) / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        log_likelihood = scaled[np.arange(len(targets)), targets] - np.log(np.exp(scaled).sum(axis=1))
        losses.append(-log_likelihood.mean())
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def reliability(
    probabilities: Probabilities, targets: Targets
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Group answers by their probability, into `CALIBRATION_BINS` bins of equal width.

    Args:
        probabilities: float32 (N, labels), in [0, 1]; the highest of a row is that of its answer.
        targets: int64 (N,), each the index of a label.

    Returns:
        float64 (bins,) mean probability of the answers in [0, 1], float64 (bins,) share of them that was right in
        [0, 1], int64 (bins,) how many there were; 0 in an empty bin.

    Raises:
        ValueError: A probability is not a number.
    """
    highest, right, bins = _binned(probabilities, targets)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    used = np.maximum(counts, 1)
    mean = np.bincount(bins, highest, CALIBRATION_BINS) / used
    accuracy = np.bincount(bins, right, CALIBRATION_BINS) / used
    return mean, accuracy, counts


def expected_calibration_error(probabilities: Probabilities, targets: Targets) -> float:
    """Return by how much an answer's probability misses the share of right answers, on average.

    Args:
        probabilities: float32 (N, labels), in [0, 1]; N at least 1.
        targets: int64 (N,), each the index of a label.

    Returns:
        In [0, 1], rounded to four decimals; the bins are those of `reliability`.

    Raises:
        ValueError: A probability is not a number.
    """
    mean, accuracy, counts = reliability(probabilities, targets)
    return round(float(np.sum(np.abs(mean - accuracy) * counts) / len(targets)), 4)


def calibration_interval(probabilities: Probabilities, targets: Targets) -> list[float]:
    """Return the 95 % interval of `expected_calibration_error`, by the percentiles of a bootstrap (Efron 1979).

    The photographs are resampled with a fixed seed, so that the same answers have the same interval. Chance alone moves
    every bin off the diagonal, and resampling adds to it: most of the interval lies above the value.

    Args:
        probabilities: float32 (N, labels), in [0, 1].
        targets: int64 (N,), each the index of a label.

    Returns:
        [low, high] in [0, 1], rounded to four decimals.

    Raises:
        ValueError: A probability is not a number, or N is 0.
    """
    highest, right, bins = _binned(probabilities, targets)
    misses, n = highest - right, len(targets)
    rng = np.random.default_rng(RESAMPLING_SEED)
    drawn = (rng.integers(0, n, n) for _ in range(RESAMPLES))
    errors = [np.abs(np.bincount(bins[pick], misses[pick])).sum() / n for pick in drawn]
    low, high = np.percentile(errors, (2.5, 97.5))
    return [round(float(low), 4), round(float(high), 4)]


def _binned(
    probabilities: Probabilities, targets: Targets
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return of each answer its probability, whether it was right, and its bin: three of (N,)."""
    highest = probabilities.max(axis=1).astype(np.float64)
    bins = np.minimum((highest * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    return highest, probabilities.argmax(axis=1) == targets, bins
