"""BentoML's workers and adaptive batching around this project's `decode` and `classifier.predict`."""

from pathlib import Path
from typing import Any

import bentoml
import numpy as np

from benchmarks.contenders import knobs, ours


@bentoml.service(workers=knobs.workers(), traffic={"timeout": 60})
class Catdog:
    """One instance in each worker process."""

    def __init__(self) -> None:
        """Load the classifier."""
        self.classifier = ours.load()

    @bentoml.api(batchable=True, max_batch_size=knobs.batch(), max_latency_ms=int(1000 * knobs.wait_seconds()))
    def predict(self, images: list[Path]) -> list[dict[str, Any]]:
        """Answer a batch of photographs; a path is how BentoML hands over a file's bytes."""
        manifest = self.classifier.manifest
        batch = np.stack([ours.read(path.read_bytes(), manifest) for path in images])
        return [ours.answer(row, manifest) for row in self.classifier.predict(batch)]
