"""Whether a server answers rightly, alone and while others ask as well; and a network, alone and in batches."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np

from benchmarks.figures import Answer, difference
from benchmarks.photographs import Bodies
from catdog_api.queues import MAX_BATCH
from catdog_api.tensors import Images, Probabilities

SAME = 0.02  # a wrong decoder or another model is further off; a lower precision of this one is not
TIMEOUT_SECONDS = 60


def ask(client: httpx.Client, url: str, path: Path, content_type: str) -> Answer:
    """Post one body and return the answer, the only one in its list where a framework answers in lists.

    Raises:
        HTTPError: There is no answer, or one of a status that is none of success.
    """
    response = client.post(url, content=path.read_bytes(), headers={"Content-Type": content_type})
    response.raise_for_status()
    answer = response.json()
    return answer[0] if isinstance(answer, list) else answer  # type: ignore[no-any-return]  # JSON has no types


def answers_rightly(url: str, bodies: Bodies, expected: Sequence[Answer]) -> bool:
    """Return whether the first photograph comes back as it should.

    Raises:
        HTTPError: As `ask`.
    """
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        return difference(ask(client, url, bodies.paths[0], bodies.content_type), expected[0]) < SAME


def compare(url: str, bodies: Bodies, expected: Sequence[Answer], connections: int) -> dict[str, float]:
    """Return the largest differences over all photographs.

    Returns:
        `alone`: one request at a time against what is expected; `concurrent`: so many at once against those answers.

    Raises:
        HTTPError: As `ask`.
    """
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client, ThreadPoolExecutor(connections) as threads:
        alone = [ask(client, url, path, bodies.content_type) for path in bodies.paths]
        together = list(threads.map(lambda path: ask(client, url, path, bodies.content_type), bodies.paths))
    return {
        "alone": max(map(difference, alone, expected)),
        "concurrent": max(map(difference, together, alone)),
    }


def in_batches(predict: Callable[[Images], Probabilities], images: Images, size: int) -> Probabilities:
    """Answer uint8 (N, side, side, 3) so many at a time, what is left in the last batch; return float32 (N, labels)."""
    return np.concatenate([predict(images[at : at + size]) for at in range(0, len(images), size)])


def batch_difference(predict: Callable[[Images], Probabilities], images: Images, alone: Probabilities) -> float:
    """Return the largest difference of a probability, in batches of every size that the service forms against alone.

    Args:
        predict: A classifier's.
        images: uint8 (N, side, side, 3).
        alone: float32 (N, labels), what it says of each by itself.

    Returns:
        Infinity where an image has another label.
    """
    batched = [in_batches(predict, images, size) for size in range(1, MAX_BATCH + 1)]
    if any((rows.argmax(axis=1) != alone.argmax(axis=1)).any() for rows in batched):
        return math.inf
    return max(float(np.abs(rows - alone).max()) for rows in batched)
