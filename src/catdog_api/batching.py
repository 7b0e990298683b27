"""Batches form because the model is busy: a bounded queue, model threads, no timer: a lone request never waits.

The event loop puts images in; a free model thread takes all that wait (up to a batch), stacks them, predicts once, and
gives each its own row. A request whose caller has left is passed over, and a batch that fails fails only its own.

An image is made only when the model will soon have time for it: whoever has left by then has cost nothing.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from catdog_api.errors import OverloadedError, PredictionError
from catdog_api.tensors import Image, Images, Look

logger = logging.getLogger("catdog_api")

MAX_BATCH = 8  # past 8 the cost per image falls no further (measured: 5.1 ms alone, 3.9 ms of 8, on two cores)
BATCHES_AHEAD = 2  # of each model thread: one in the model, and one that is made or waits
RETRY_AFTER_SECONDS = 1
STUCK_SECONDS = 5  # a batch of 8 takes 0.03 s, and on a starved machine not a hundred times that; a hang has no end


class Observer(Protocol):
    """Is told what happens in the queue, on whichever thread it happens; must neither block nor fail."""

    def queue_changed(self, depth: int) -> None:
        """Hear how many have a place now that the model has not begun on."""

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


class Place:
    """In the queue, of one image, from before it is made until the model begins on it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    place: Place
    image: Image
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
        queue_limit: How many images may have a place that the model has not begun on; one more is refused.
        observer: Is told of the queue and of the batches.
    """

    def __init__(
        self, look: Callable[[Images], Sequence[Look]], threads: int, queue_limit: int, observer: Observer
    ) -> None:
        self._look = look
        self._queue_limit = queue_limit
        self._observer = observer
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._places: set[Place] = set()  # of those that the model has not begun on
        self._turns = asyncio.Semaphore(BATCHES_AHEAD * MAX_BATCH * threads)
        self._expected: deque[object] = deque()  # one for each image that has just come
        self._closed = False
        self._threads = [_ModelThread(self._next_batch, self._answer) for _ in range(threads)]

    def start(self) -> None:
        """Start the model threads."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Answer what waits, then end the model threads; returns when they have ended, or without those stuck."""
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

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Place]:
        """Keep a place in the queue for one image, and wait until it is its turn to be made and submitted.

        Raises:
            OverloadedError: As many have a place as may.
        """
        self.refuse_if_full()
        if self._expected:
            self._expected.popleft()
        place = Place()
        with self._changed:
            self._places.add(place)
            self._observer.queue_changed(len(self._places))
        try:
            async with self._turns:
                yield place
        finally:
            self._leave(place)

    async def submit(self, place: Place, image: Image) -> Answer:
        """Wait for the model's answer to one image; cancelling the wait takes the image out of the queue.

        Args:
            place: That of the image, for which nobody has submitted any yet.
            image: uint8 (size, size, 3), RGB in [0, 255].

        Raises:
            PredictionError: The batch failed in the model; the log says how.
        """
        waiting = _Waiting(place, image)
        with self._changed:
            self._queue.append(waiting)
            self._changed.notify()
        try:
            return await asyncio.wrap_future(waiting.future)
        finally:
            with self._changed:
                if waiting in self._queue:  # remove() would write out the image to say that it is not
                    self._queue.remove(waiting)

    def expect(self) -> Callable[[], None]:
        """Count an image that has come, but not yet as far as to its place.

        Returns:
            To be called when it is not expected any more: it does nothing where there was a place meanwhile.
        """
        image = object()
        self._expected.append(image)

        def forget() -> None:
            with suppress(ValueError):
                self._expected.remove(image)

        return forget

    def refuse_if_full(self, *, as_expected: bool = False) -> None:
        """Let nobody take on what could not be submitted.

        Args:
            as_expected: Count those, too, that are expected.

        Raises:
            OverloadedError: As many have a place as may.
        """
        expected = len(self._expected) if as_expected else 0
        if len(self._places) + expected >= self._queue_limit:
            raise OverloadedError(
                f"{self._queue_limit} photographs are waiting already, and more are not taken on.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )

    def _leave(self, *places: Place) -> None:
        """Free places, if they are not free by now."""
        with self._changed:
            if not self._places.isdisjoint(places):
                self._places.difference_update(places)
                self._observer.queue_changed(len(self._places))

    def _next_batch(self) -> Sequence[_Waiting]:
        """Wait for images and take up to a batch of them; none when the batcher is closed and all are answered."""
        batch: list[_Waiting] = []
        with self._changed:
            while not batch:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    break
                taken = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
                self._leave(*(waiting.place for waiting in taken))
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
