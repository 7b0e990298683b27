"""From bytes to an answer: decode on a thread pool, predict through the batcher; the event loop does neither."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from catdog_api.artifact import Manifest
from catdog_api.batching import Batcher, Observer
from catdog_api.decoding import Decoded, decode
from catdog_api.errors import DeadlineExceededError
from catdog_api.tensors import Images, Probabilities


class Predictor(Protocol):
    """What the pipeline needs of a classifier; `classifier.Classifier` is one."""

    @property
    def manifest(self) -> Manifest:
        """What the model is."""

    @property
    def precision(self) -> str:
        """In what the network computes: `float32` or `bfloat16`; settled once it is warm."""

    def warm_up(self) -> None:
        """Do once what would otherwise make the first requests slow."""

    def predict(self, images: Images) -> Probabilities:
        """Map uint8 (N, size, size, 3) to calibrated float32 (N, labels)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one photograph and where its time went.

    Attributes:
        photograph: Its own width, height and format.
        probabilities: float32 (labels,), calibrated, in the order of the manifest's labels.
        decode_seconds: Waiting for a thread included.
        queue_seconds: Waiting for the model.
        predict_seconds: In the model, with whatever else was in the batch.
        known: When the model had answered, by `time.monotonic`.
    """

    photograph: Decoded
    probabilities: Probabilities
    decode_seconds: float
    queue_seconds: float
    predict_seconds: float
    known: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is done at once, and for how long.

    Attributes:
        model_threads: Calls of the model at once.
        decode_threads: Photographs decoded at once.
        max_pixels: Largest photograph to decode, width times height.
        queue_limit: How many photographs may wait for the model.
        deadline_seconds: Longest time for an answer.
    """

    model_threads: int
    decode_threads: int
    max_pixels: int
    queue_limit: int
    deadline_seconds: float


class Pipeline:
    """The one way from bytes to an answer. Lives as long as the lifespan; used on the event loop.

    Args:
        classifier: Loaded; its `predict` runs on the batcher's threads, on several at once.
        limits: Of the work.
        observer: Is told of the queue and of the batches.
    """

    def __init__(self, classifier: Predictor, limits: Limits, observer: Observer) -> None:
        self.manifest = classifier.manifest
        self.precision = classifier.precision
        self.limits = limits
        self._batcher = Batcher(classifier.predict, limits.model_threads, limits.queue_limit, observer)
        self._decoders = ThreadPoolExecutor(limits.decode_threads, thread_name_prefix="decode")

    def start(self) -> None:
        """Start the model threads."""
        self._batcher.start()

    @property
    def is_stuck(self) -> bool:
        """Whether the model hangs, or a thread of its has died."""
        return self._batcher.is_stuck

    def close(self) -> None:
        """Finish what was taken on, then end the threads."""
        self._decoders.shutdown()
        self._batcher.close()

    async def predict(self, data: bytes) -> Outcome:
        """Answer one photograph.

        Args:
            data: An encoded image, as it came.

        Raises:
            ImageError: The bytes are not one photograph.
            OverloadedError: Too many photographs wait for the model.
            DeadlineExceededError: The answer did not come in time.
            PredictionError: The model failed.
        """
        try:
            async with asyncio.timeout(self.limits.deadline_seconds):
                return await self._predict(data)
        except TimeoutError as error:
            raise DeadlineExceededError(
                f"There was no answer within {self.limits.deadline_seconds:g} seconds; the service has too much to do."
            ) from error

    async def _predict(self, data: bytes) -> Outcome:
        started = time.monotonic()
        loop = asyncio.get_running_loop()
        photograph = await loop.run_in_executor(
            self._decoders, lambda: decode(data, self.manifest.input_size, max_pixels=self.limits.max_pixels)
        )
        decoded = time.monotonic()
        answer = await self._batcher.submit(photograph.image)
        return Outcome(
            photograph=photograph,
            probabilities=answer.probabilities,
            decode_seconds=decoded - started,
            queue_seconds=answer.queue_seconds,
            predict_seconds=answer.predict_seconds,
            known=answer.known,
        )
