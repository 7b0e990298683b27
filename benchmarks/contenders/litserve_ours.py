"""LitServe's workers and batching around this project's `decode` and `classifier.predict`."""

from typing import Any

import litserve
import numpy as np
from fastapi import Request

from benchmarks.contenders import knobs, ours
from catdog_api.classifier import Classifier
from catdog_api.tensors import Image, Images, Probabilities


class CatdogAPI(litserve.LitAPI):
    """One instance in each worker process."""

    classifier: Classifier

    def setup(self, device: str) -> None:  # noqa: ARG002  # LitServe's signature
        """Load the classifier once, at the start of a worker."""
        self.classifier = ours.load()

    def decode_request(self, request: Request) -> Image:  # LitServe hands over the parsed form
        """Decode the multipart field to uint8 (size, size, 3)."""
        return ours.read(request["file"].file.read(), self.classifier.manifest)

    def batch(self, inputs: list[Image]) -> Images:
        """Stack images."""
        return np.stack(inputs)

    def predict(self, images: Images) -> Probabilities:
        """Predict uint8 (N, size, size, 3), or without batching (size, size, 3)."""
        return self.classifier.predict(images.reshape(-1, *images.shape[-3:]))

    def unbatch(self, output: Probabilities) -> list[Probabilities]:
        """Part the rows again."""
        return list(output)

    def encode_response(self, output: Probabilities) -> dict[str, Any]:
        """Turn a row into JSON."""
        return ours.answer(output.reshape(-1), self.classifier.manifest)


if __name__ == "__main__":
    api = CatdogAPI(max_batch_size=knobs.batch(), batch_timeout=knobs.wait_seconds())
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=knobs.workers())
    server.run(host=knobs.HOST, port=knobs.port(), generate_client_file=False, log_level="warning")
