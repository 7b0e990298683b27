"""What is measured of a model: pure functions from answers and truth to figures, each with its n and 95 % interval."""

from itertools import combinations
from math import sqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Targets: TypeAlias = npt.NDArray[np.int64]
Probabilities: TypeAlias = npt.NDArray[np.float32]
Figure: TypeAlias = dict[str, Any]

Z_95 = 1.959964  # of the standard normal distribution
CALIBRATION_BINS = 15
TEMPERATURES = np.geomspace(0.2, 5.0, 1001)


def share(hits: npt.NDArray[np.bool_]) -> Figure:
    """Return a share with its n and its 95 % interval (Wilson 1927, which stays inside [0, 1] near its ends)."""
    n = len(hits)
    p = float(np.mean(hits))
    centre = (p + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
    return {"value": round(p, 4), "n": n, "interval": [round(centre - half, 4), round(centre + half, 4)]}


def choose_temperature(logits: npt.NDArray[np.float32], targets: Targets) -> float:
    """Return the temperature under which the true labels are likeliest (Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: float32 (N, labels), on photographs that the training did not see.
        targets: int64 (N,).
    """
    losses = []
    for temperature in TEMPERATURES:
        scaled = logits.astype(np.float64) / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        log_likelihood = scaled[np.arange(len(targets)), targets] - np.log(np.exp(scaled).sum(axis=1))
        losses.append(-log_likelihood.mean())
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def confusion(probabilities: Probabilities, targets: Targets) -> npt.NDArray[np.int64]:
    """Return how many photographs of each label (rows) got each answer (columns): int64 (labels, labels)."""
    labels = probabilities.shape[1]
    matrix = np.zeros((labels, labels), np.int64)
    np.add.at(matrix, (targets, probabilities.argmax(axis=1)), 1)
    return matrix


def reliability(
    probabilities: Probabilities, targets: Targets
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Group answers by their probability.

    Returns:
        float64 (bins,) mean probability, float64 (bins,) share that was right, int64 (bins,) how many; empty bins 0.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == targets
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    used = np.maximum(counts, 1)
    mean = np.bincount(bins, confidence, CALIBRATION_BINS) / used
    accuracy = np.bincount(bins, right, CALIBRATION_BINS) / used
    return mean, accuracy, counts


def expected_calibration_error(probabilities: Probabilities, targets: Targets) -> float:
    """Return by how much an answer's probability misses the share of right answers, on average."""
    mean, accuracy, counts = reliability(probabilities, targets)
    return round(float(np.sum(np.abs(mean - accuracy) * counts) / len(targets)), 4)


def auroc(scores: Probabilities, positive: npt.NDArray[np.bool_]) -> Figure:
    """Return how often a positive scores above a negative; interval by Hanley and McNeil (1982).

    Args:
        scores: float32 (N,).
        positive: bool (N,), at least one of each.
    """
    order = np.argsort(scores, kind="stable")
    _, inverse, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # ties share their mean rank
    n, m = int(positive.sum()), int((~positive).sum())
    area = (ranks[positive].sum() - n * (n + 1) / 2) / (n * m)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (n - 1) * (q1 - area**2) + (m - 1) * (q2 - area**2)) / (n * m)
    half = Z_95 * sqrt(max(variance, 0.0))
    interval = [round(max(0.0, area - half), 4), round(min(1.0, area + half), 4)]
    return {"value": round(float(area), 4), "n": n + m, "interval": interval}


def forced_choice(
    probabilities: Probabilities, targets: Targets, sources: npt.NDArray[np.str_], labels: tuple[str, ...]
) -> dict[str, dict[str, Figure]]:
    """Compare each two labels on the photographs of those two alone, whatever the others' probabilities.

    Returns:
        By `first against second`: the share that was right on all of them, and by source.
    """
    figures = {}
    for first, second in combinations(range(len(labels)), 2):
        chosen = np.isin(targets, (first, second))
        prefers_second = probabilities[chosen, second] > probabilities[chosen, first]
        right = prefers_second == (targets[chosen] == second)
        figures[f"{labels[first]} against {labels[second]}"] = {
            "all": share(right),
            **by_source(right, sources[chosen]),
        }
    return figures


def by_source(right: npt.NDArray[np.bool_], sources: npt.NDArray[np.str_]) -> dict[str, Figure]:
    """Return the share of hits for each source."""
    return {str(source): share(right[sources == source]) for source in np.unique(sources)}


def all_figures(
    probabilities: Probabilities, targets: Targets, sources: npt.NDArray[np.str_], labels: tuple[str, ...]
) -> Figure:
    """Measure everything that the manifest carries.

    Args:
        probabilities: float32 (N, labels), calibrated.
        targets: int64 (N,).
        sources: (N,), where each photograph comes from.
        labels: In the network's order.
    """
    answers = probabilities.argmax(axis=1)
    right = answers == targets
    return {
        "split": "test",
        "accuracy": share(right),
        "accuracy_by_source": by_source(right, sources),
        "forced_choice": forced_choice(probabilities, targets, sources, labels),
        "labels": {
            label: {
                "recall": share(right[targets == index]),
                # A label that was never answered has no precision.
                "precision": share(right[answers == index]) if np.any(answers == index) else None,
                "auroc": auroc(probabilities[:, index], targets == index),
            }
            for index, label in enumerate(labels)
        },
        "expected_calibration_error": {
            "value": expected_calibration_error(probabilities, targets),
            "bins": CALIBRATION_BINS,
            "n": len(targets),
        },
        "confusion": confusion(probabilities, targets).tolist(),
    }
