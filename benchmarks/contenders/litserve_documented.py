"""LitServe as its documentation shows: a LitAPI whose `predict` calls the model on what `batch` has joined."""

from typing import Any

import keras
import litserve
import numpy as np
import numpy.typing as npt
from fastapi import Request

from benchmarks.contenders import knobs, plain


class CatdogAPI(litserve.LitAPI):
    """One instance in each worker process."""

    model: keras.Model

    def setup(self, device: str) -> None:  # noqa: ARG002  # LitServe's signature
        """Load the model once, at the start of a worker."""
        self.model = plain.load()

    def decode_request(self, request: Request) -> npt.NDArray[np.uint8]:  # LitServe hands over the parsed form
        """Decode the multipart field to uint8 (1, size, size, 3)."""
        return plain.read(request["file"].file.read())

    def batch(self, inputs: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
        """Join images to one array."""
        return np.concatenate(inputs)

    def predict(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Call the model: uint8 (N, size, size, 3) to logits float32 (N, labels)."""
        return np.asarray(self.model(images, training=False))

    def unbatch(self, output: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """Part the rows again."""
        return list(output)

    def encode_response(self, output: npt.NDArray[np.float32]) -> dict[str, Any]:
        """Turn a row into JSON."""
        return plain.answer(output)


if __name__ == "__main__":
    api = CatdogAPI(max_batch_size=knobs.batch(), batch_timeout=knobs.wait_seconds())
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=knobs.workers())
    server.run(host=knobs.HOST, port=knobs.port(), generate_client_file=False, log_level="warning")
