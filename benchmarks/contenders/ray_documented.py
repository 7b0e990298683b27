"""Ray Serve as its documentation shows: the raw body, `@serve.batch`, the model called on the batch."""

from typing import Any

import numpy as np
import numpy.typing as npt
from ray import serve
from starlette.requests import Request

from benchmarks.contenders import knobs, plain, ray_start


@serve.deployment
class Catdog:
    """One instance in each replica."""

    def __init__(self) -> None:
        """Load the model."""
        self.model = plain.load()

    @serve.batch(max_batch_size=knobs.batch(), batch_wait_timeout_s=knobs.wait_seconds())
    async def predict(self, images: list[npt.NDArray[np.uint8]]) -> list[dict[str, Any]]:
        """Answer a batch of uint8 (1, size, size, 3)."""
        return [plain.answer(row) for row in np.asarray(self.model(np.concatenate(images), training=False))]

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Answer one photograph."""
        answer: dict[str, Any] = await self.predict(plain.read(await request.body()))
        return answer


if __name__ == "__main__":
    ray_start.run(Catdog)
