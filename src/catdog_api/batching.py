"""Batches form because the model is busy: a queue, model threads, no timer: a lone request never waits.

The event loop puts images in; a free model thread takes all that wait (up to a batch), stacks them, predicts once, and
gives each its own row. A request whose caller has left is passed over, and a batch that fails fails only its own.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from catdog_api.errors import PredictionError
from catdog_api.tensors import Image, Images, Look

logger = logging.getLogger("catdog_api")

MAX_BATCH = 8  # past 8 the cost per image falls no further (measured: 5.1 ms alone, 3.9 ms of 8, on two cores)
STUCK_SECONDS = 5  # a batch of 8 takes 0.03 s, and on a starved machine not a hundred times that; a hang has no end


class Observer(Protocol):
    """Is told of the batches, on the model threads; must neither block nor fail."""

    def batch_formed(self, size: int) -> None:
        """Hear how many images the model is given."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said of one image, and how long that took.

    Attributes:
        look: What it says, and where it saw it.
        queue_seconds: From `submit` until its batch was formed.
        predict_seconds: The batch in the model.
        known: When the model had answered, by `time.monotonic`; its caller hears of it when the event loop has time.
    """

    look: Look
    queue_seconds: float
    predict_seconds: float
    known: float


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    image: Image
    begin: Callable[[], None]
    since: float = field(default_factory=time.monotonic)
    future: "Future[Answer]" = field(default_factory=Future)


class _ModelThread(threading.Thread):
    """Answers batch after batch, until there is none."""

    def __init__(
        self, next_batch: Callable[[], Sequence[_Waiting]], answer: Callable[[Sequence[_Waiting]], None]
    ) -> None:
        super().__init__(name="model", daemon=True)
        self._next_batch = next_batch
        self._answer = answer
        self._busy_since: float | None = None

    def run(self) -> None:
        while batch := self._next_batch():
            self._busy_since = time.monotonic()
            self._answer(batch)
            self._busy_since = None

    @property
    def is_stuck(self) -> bool:
        """Whether it has died, or holds a batch for longer than any takes; an idle one is well."""
        since = self._busy_since
        return not self.is_alive() or (since is not None and time.monotonic() - since > STUCK_SECONDS)


class Batcher:
    """Groups concurrent predictions. Lives as long as the lifespan; owns the threads that call the model.

    Args:
        look: From uint8 (N, size, size, 3) to a look for each; called on the model threads alone, by several at once.
        threads: How many those are.
        observer: Is told of the batches.
    """

    def __init__(self, look: Callable[[Images], Sequence[Look]], threads: int, observer: Observer) -> None:
        self._look = look
        self._observer = observer
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [_ModelThread(self._next_batch, self._answer) for _ in range(threads)]

    def start(self) -> None:
        """Start the model threads."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Answer what was submitted, then end the model threads; returns when they, but for those stuck, have ended."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            while not thread.is_stuck:
                thread.join(0.1)

    @property
    def is_stuck(self) -> bool:
        """Whether any model thread has died or hangs: the others go on, but only a new process brings it back."""
        return any(thread.is_stuck for thread in self._threads)

    async def submit(self, image: Image, begin: Callable[[], None]) -> Answer:
        """Wait for the model's answer to one image; cancelling the wait takes the image out of the queue.

        Args:
            image: uint8 (size, size, 3), RGB in [0, 255].
            begin: Called on a model thread when the model begins on it; it must neither block nor fail.

        Raises:
            PredictionError: The batch failed in the model; the log says how.
        """
        waiting = _Waiting(image, begin)
        with self._changed:
            self._queue.append(waiting)
            self._changed.notify()
        try:
            return await asyncio.wrap_future(waiting.future)
        finally:
            with self._changed:
                if waiting in self._queue:  # remove() would write out the image to say that it is not
                    self._queue.remove(waiting)

    def _next_batch(self) -> Sequence[_Waiting]:
        """Wait for images and take up to a batch of them; none when the batcher is closed and all are answered."""
        batch: list[_Waiting] = []
        with self._changed:
            while not batch:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    break
                taken = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
                for waiting in taken:
                    waiting.begin()
                batch = [waiting for waiting in taken if waiting.future.set_running_or_notify_cancel()]
        return batch

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        formed = time.monotonic()
        self._observer.batch_formed(len(batch))
        try:
            looks = self._look(np.stack([waiting.image for waiting in batch]))
            known = time.monotonic()
            answers = [
                Answer(look, formed - waiting.since, known - formed, known)
                for waiting, look in zip(batch, looks, strict=True)
            ]
        except Exception as error:  # whatever it is, it belongs to this batch, and the thread lives on
            logger.exception("the model failed on a batch", extra={"fields": {"photographs": len(batch)}})
            known_of = isinstance(error, PredictionError)
            failure = error if known_of else PredictionError("The model failed on this photograph's batch.")
            for waiting in batch:
                waiting.future.set_exception(failure)
            return
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.future.set_result(answer)
