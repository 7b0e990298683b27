"""Labels as the manifest gives them, their order, and the decision between them."""

from collections.abc import Sequence

import numpy as np

from catdog_api.tensors import Logits, Probabilities


def softmax(logits: Logits, temperature: float) -> Probabilities:
    """Turn logits into calibrated probabilities (temperature scaling: Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: float32 (N, labels).
        temperature: Above 0; more than 1 makes the network less sure of itself, and never changes its decision.

    Returns:
        float32 (N, labels), rows in [0, 1] that sum to 1.
    """
    scaled = (logits - logits.max(axis=-1, keepdims=True)).astype(np.float64) / temperature
    odds = np.exp(scaled)
    probabilities: Probabilities = (odds / odds.sum(axis=-1, keepdims=True)).astype(np.float32)
    return probabilities


def are_probabilities(row: Probabilities, count: int) -> bool:
    """Tell whether a network's answer can be one: so many numbers in [0, 1], however wrong."""
    return row.shape == (count,) and all(0 <= number <= 1 for number in row.tolist())  # NaN is not


def decide(labels: Sequence[str], probabilities: Probabilities) -> str:
    """Return the label with the highest probability; the manifest's order breaks a tie.

    Args:
        labels: In the network's order.
        probabilities: float32 (labels,), one row of an answer.
    """
    return labels[int(probabilities.argmax())]


def by_label(labels: Sequence[str], probabilities: Probabilities) -> dict[str, float]:
    """Name each probability.

    Args:
        labels: In the network's order.
        probabilities: float32 (labels,), one row of an answer.

    Returns:
        The labels in the network's order, each with its probability in [0, 1].
    """
    return dict(zip(labels, probabilities.astype(float).tolist(), strict=True))
