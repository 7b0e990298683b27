"""BentoML as its documentation shows: opened images, adaptive batching, the model called on the batch."""

from typing import Any

import bentoml
import numpy as np
from PIL.Image import Image

from benchmarks.contenders import knobs, plain


@bentoml.service(workers=knobs.workers(), traffic={"timeout": 60})
class Catdog:
    """One instance in each worker process."""

    def __init__(self) -> None:
        """Load the model."""
        self.model = plain.load()

    @bentoml.api(batchable=True, max_batch_size=knobs.batch(), max_latency_ms=int(1000 * knobs.wait_seconds()))
    def predict(self, images: list[Image]) -> list[dict[str, Any]]:
        """Answer a batch of photographs."""
        batch = np.concatenate([plain.pixels(image) for image in images])
        return [plain.answer(row) for row in np.asarray(self.model(batch, training=False))]
