"""What is to be done next: the queue of photographs to decode, and that of those which wait for the model.

Batches form because all threads are busy: a free one takes what is decoded as a batch if that is a whole one, if no
photograph is left to decode, or if the first has waited for 50 ms; otherwise it decodes the next photograph. No thread
sleeps until a batch is full, so a lone request never waits.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from catdog_api.decoding import Decoded
from catdog_api.outcome import Outcome
from catdog_api.tensors import Look

MAX_BATCH = 8  # past 8 the cost per image falls no further (measured: 5.1 ms alone, 3.9 ms of 8, on two cores)
PATIENCE_SECONDS = (
    0.05  # for a batch to fill: twice what decoding a whole one takes; photographs that take longer go in smaller ones
)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Something to do; with `begin` it is to decode a photograph for the model. Made on the event loop of who waits."""

    work: Callable[[], Any]
    begin: Callable[[], None] | None = None
    future: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    since: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A photograph that is decoded."""

    decoded: Decoded
    begin: Callable[[], None]
    future: asyncio.Future[Any]
    waited_seconds: float
    decode_seconds: float
    since: float = field(default_factory=time.monotonic)

    def outcome(self, look: Look, formed: float, known: float) -> Outcome:
        """Return what its batch, formed at one time and known at another, has brought it."""
        return Outcome(
            photograph=self.decoded,
            look=look,
            decode_seconds=self.decode_seconds,
            queue_seconds=self.waited_seconds + formed - self.since,
            predict_seconds=known - formed,
            known=known,
        )


class Queues:
    """Both queues. Safe in any thread; a thread that has done something asks what is next."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._decoded: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def close(self) -> None:
        """Let `next_task` end when all is done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def add(self, job: Job, *, is_next: bool = False) -> None:
        """Put something to do last, or first."""
        with self._changed:
            if is_next:
                self._jobs.appendleft(job)
            else:
                self._jobs.append(job)
            self._changed.notify()

    def add_decoded(self, waiting: Waiting) -> None:
        """Let a photograph wait for the model, unless its caller has left meanwhile."""
        with self._changed:
            if not waiting.future.cancelled():
                self._decoded.append(waiting)

    def remove(self, future: asyncio.Future[Any]) -> None:
        """Forget what somebody waited for who has left."""
        with self._changed:
            self._jobs = deque(job for job in self._jobs if job.future is not future)
            self._decoded = deque(waiting for waiting in self._decoded if waiting.future is not future)

    def next_task(self) -> Job | Sequence[Waiting] | None:
        """Wait for something to do: a job, or a batch for the model; None when the queues are closed and empty."""
        with self._changed:
            while True:
                if self._is_batch_due():
                    if batch := self._next_batch():
                        return batch
                elif self._jobs:
                    return self._jobs.popleft()
                elif self._closed:
                    return None
                else:
                    self._changed.wait()

    def _is_batch_due(self) -> bool:
        if not self._decoded:
            return False
        is_whole = len(self._decoded) >= MAX_BATCH
        if is_whole or not self._jobs or self._jobs[0].begin is None:  # what is no photograph fills no batch
            return True
        return time.monotonic() - self._decoded[0].since > PATIENCE_SECONDS

    def _next_batch(self) -> Sequence[Waiting]:
        """Take up to a batch of what is decoded; empty where all of it is of callers that have just left."""
        taken = [self._decoded.popleft() for _ in range(min(MAX_BATCH, len(self._decoded)))]
        batch = [waiting for waiting in taken if not waiting.future.cancelled()]
        for waiting in batch:
            waiting.begin()
        return batch
