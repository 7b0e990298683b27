"""Ray Serve's replicas and batching around this project's `decode` and `classifier.predict`."""

import asyncio
from typing import Any

import numpy as np
from ray import serve
from starlette.requests import Request

from benchmarks.contenders import knobs, ours, ray_start
from catdog_api.tensors import Image


@serve.deployment
class Catdog:
    """One instance in each replica."""

    def __init__(self) -> None:
        """Load the classifier."""
        self.classifier = ours.load()

    @serve.batch(max_batch_size=knobs.batch(), batch_wait_timeout_s=knobs.wait_seconds())
    async def predict(self, images: list[Image]) -> list[dict[str, Any]]:
        """Answer a batch of uint8 (size, size, 3); off the event loop, which goes on taking requests."""
        rows = await asyncio.to_thread(self.classifier.predict, np.stack(images))
        return [ours.answer(row, self.classifier.manifest) for row in rows]

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Answer one photograph."""
        image = await asyncio.to_thread(ours.read, await request.body(), self.classifier.manifest)
        answer: dict[str, Any] = await self.predict(image)
        return answer


if __name__ == "__main__":
    ray_start.run(Catdog)
