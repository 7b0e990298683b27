"""What is measured of a model: pure functions from answers and truth to figures, each with its n and 95 % interval."""

from itertools import combinations
from math import sqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from catdog_api.tensors import Probabilities
from training.calibration import CALIBRATION_BINS, calibration_interval, expected_calibration_error
from training.dataset import Targets

Sources: TypeAlias = npt.NDArray[np.str_]
Figure: TypeAlias = dict[str, Any]

Z_95 = 1.959964  # of the standard normal distribution


def share(hits: npt.NDArray[np.bool_]) -> Figure:
    """Return a share with its n and its 95 % interval (Wilson 1927, which stays inside [0, 1] near its ends).

    Args:
        hits: bool (N,), N at least 1.

    Returns:
        `value` in [0, 1], `n`, and `interval` as [low, high]; rounded to four decimals.

    Raises:
        ZeroDivisionError: N is 0.
    """
    n = len(hits)
    p = float(np.mean(hits))
    centre = (p + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
    return {"value": round(p, 4), "n": n, "interval": [round(centre - half, 4), round(centre + half, 4)]}


def confusion(probabilities: Probabilities, targets: Targets) -> npt.NDArray[np.int64]:
    """Count how many photographs of each label got each answer.

    Args:
        probabilities: float32 (N, labels), in [0, 1].
        targets: int64 (N,), each the index of a label.

    Returns:
        int64 (labels, labels), photographs by true label (rows) and answer (columns).

    Raises:
        IndexError: A target is the index of no label.
    """
    labels = probabilities.shape[1]
    matrix = np.zeros((labels, labels), np.int64)
    np.add.at(matrix, (targets, probabilities.argmax(axis=1)), 1)
    return matrix


def auroc(probabilities: Probabilities, positive: npt.NDArray[np.bool_]) -> Figure:
    """Return how often a positive has a higher probability than a negative; interval by Hanley and McNeil (1982).

    Args:
        probabilities: float32 (N,), of one label; only their order counts.
        positive: bool (N,), at least one of each: otherwise the value is not a number.

    Returns:
        `value` in [0, 1], where a tie counts half, `n`, and `interval` as [low, high]; rounded to four decimals.
    """
    order = np.argsort(probabilities, kind="stable")
    _, inverse, counts = np.unique(probabilities[order], return_inverse=True, return_counts=True)
    ranks = np.empty(len(probabilities))
    ranks[order] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # ties share their mean rank
    n, m = int(positive.sum()), int((~positive).sum())
    area = (ranks[positive].sum() - n * (n + 1) / 2) / (n * m)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (n - 1) * (q1 - area**2) + (m - 1) * (q2 - area**2)) / (n * m)
    half = Z_95 * sqrt(max(variance, 0.0))
    interval = [round(max(0.0, area - half), 4), round(min(1.0, area + half), 4)]
    return {"value": round(float(area), 4), "n": n + m, "interval": interval}


def forced_choice(
    probabilities: Probabilities, targets: Targets, sources: Sources, labels: tuple[str, ...]
) -> dict[str, dict[str, Figure]]:
    """Compare each two labels on the photographs of those two alone, whatever the others' probabilities.

    Args:
        probabilities: float32 (N, labels), in [0, 1].
        targets: int64 (N,), each the index of a label.
        sources: str (N,), where each photograph comes from.
        labels: In the network's order.

    Returns:
        By `first against second`: under `all` the share that was right on all of them, and likewise by source.

    Raises:
        ZeroDivisionError: Two labels have no photograph between them.
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


def by_source(right: npt.NDArray[np.bool_], sources: Sources) -> dict[str, Figure]:
    """Return the share of right answers for each source.

    Args:
        right: bool (N,).
        sources: str (N,), where each photograph comes from.

    Returns:
        By source, in alphabetical order, a `share`; empty where N is 0.
    """
    return {str(source): share(right[sources == source]) for source in np.unique(sources)}


def auroc_by_source(
    probabilities: npt.NDArray[np.float32], positive: npt.NDArray[np.bool_], sources: Sources
) -> dict[str, Figure]:
    """Hold the positives of one source at a time against all negatives: which of them are the hard ones.

    Args:
        probabilities: float32 (N,), of one label; only their order counts.
        positive: bool (N,), which photographs have that label; at least one has not.
        sources: str (N,), where each photograph comes from.

    Returns:
        By source, in alphabetical order, an `auroc`; of the sources alone whose photographs are all positives.
    """
    pure = np.setdiff1d(sources[positive], sources[~positive])
    chosen = {str(source): ~positive | (sources == source) for source in pure}
    return {source: auroc(probabilities[rows], positive[rows]) for source, rows in chosen.items()}


def confusion_by_source(probabilities: Probabilities, targets: Targets, sources: Sources) -> dict[str, list[list[int]]]:
    """Count how many photographs of each source and label got each answer.

    Args:
        probabilities: float32 (N, labels), in [0, 1].
        targets: int64 (N,), each the index of a label.
        sources: str (N,), where each photograph comes from.

    Returns:
        By source, in alphabetical order, its `confusion`: true labels in rows, answers in columns.

    Raises:
        IndexError: A target is the index of no label.
    """
    return {
        str(source): confusion(probabilities[sources == source], targets[sources == source]).tolist()
        for source in np.unique(sources)
    }


def all_figures(probabilities: Probabilities, targets: Targets, sources: Sources, labels: tuple[str, ...]) -> Figure:
    """Measure everything that the manifest carries.

    Args:
        probabilities: float32 (N, labels), in [0, 1], calibrated.
        targets: int64 (N,), each the index of a label.
        sources: str (N,), where each photograph comes from.
        labels: In the network's order.

    Returns:
        What the manifest carries as `figures`: JSON types alone.

    Raises:
        IndexError: A target is the index of no label.
        ValueError: A probability is not a number.
        ZeroDivisionError: A label has no photograph.
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
                "auroc_by_source": auroc_by_source(probabilities[:, index], targets == index, sources),
            }
            for index, label in enumerate(labels)
        },
        "expected_calibration_error": {
            "value": expected_calibration_error(probabilities, targets),
            "bins": CALIBRATION_BINS,
            "n": len(targets),
            "interval": calibration_interval(probabilities, targets),
        },
        "confusion": confusion(probabilities, targets).tolist(),
        "confusion_by_source": confusion_by_source(probabilities, targets, sources),
    }
