"""A model that waits for as long as the true one computes: for more nodes than a machine has cores."""

import statistics
import time
from collections.abc import Sequence

import numpy as np

from catdog_api.artifact import Manifest
from catdog_api.pipeline import Predictor
from catdog_api.precision import draw
from catdog_api.queues import MAX_BATCH
from catdog_api.tensors import Images, Look

TIMES = 9  # that each size of batch is measured


class Waiting:
    """Stands in for a classifier, and says the same of every image. Lives as long as one; `look` is for any thread.

    Args:
        manifest: Of the classifier.
        seconds: That a batch of one image takes, of two, and so on.
    """

    precision = "none"

    def __init__(self, manifest: Manifest, seconds: Sequence[float]) -> None:
        self.manifest = manifest
        self._seconds = seconds
        labels = len(manifest.labels)
        even, nothing = np.full(labels, 1 / labels, np.float32), np.zeros(labels, np.float32)
        self._look = Look(even, np.zeros((1, 1, labels), np.float32), nothing)

    def warm_up(self) -> None:
        """There is nothing to warm."""

    def look(self, images: Images) -> list[Look]:
        """Wait, for at most `MAX_BATCH` images."""
        time.sleep(self._seconds[len(images) - 1])
        return [self._look] * len(images)


def measured_seconds(model: Predictor) -> list[float]:
    """Return what a warm model takes for a batch of one image, of two, and so on to `MAX_BATCH`: medians."""
    images = draw(MAX_BATCH, model.manifest.input_size)

    def once(count: int) -> float:
        began = time.perf_counter()
        model.look(images[:count])
        return time.perf_counter() - began

    return [statistics.median(once(count) for _ in range(TIMES)) for count in range(1, MAX_BATCH + 1)]
