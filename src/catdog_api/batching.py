"""Threads that decode photographs and ask the model about them, and who hears what comes of it.

One kind of thread for both, so that no more of them are at work than there are cores: decoders beside model threads
took a sixth more of the processor for a photograph (measured, two cores). A request whose caller has left is passed
over, and a batch that fails fails only its own.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import numpy as np

from catdog_api.decoding import Decoded
from catdog_api.errors import PredictionError
from catdog_api.outcome import Outcome
from catdog_api.queues import Job, Queues, Waiting
from catdog_api.tensors import Images, Look

logger = logging.getLogger("catdog_api")

STUCK_SECONDS = 5  # a batch of 8 takes 0.03 s, and on a starved machine not a hundred times that; a hang has no end
STUCK_JOB_SECONDS = 8  # a TIFF of 50 megapixels takes 1.8 s, a HEIC made for it 4.3, and both more on a starved machine
ENDING_SECONDS = 0.5  # for what is under way at the end, whose callers have left or been cut off: many batches' time

T = TypeVar("T")


class Observer(Protocol):
    """Is told of the batches, on the threads; must neither block nor fail."""

    def batch_formed(self, size: int) -> None:
        """Hear how many images the model is given."""


class _Thread(threading.Thread):
    """Does one thing after the other, until there is none."""

    def __init__(
        self,
        next_task: Callable[[], Job | Sequence[Waiting] | None],
        work_on: Callable[[Job], None],
        answer: Callable[[Sequence[Waiting]], None],
    ) -> None:
        super().__init__(name="model", daemon=True)
        self._next_task = next_task
        self._work_on = work_on
        self._answer = answer
        self._due: float | None = None

    def run(self) -> None:
        while task := self._next_task():
            if isinstance(task, Job):
                self._due = time.monotonic() + STUCK_JOB_SECONDS
                self._work_on(task)
            else:
                self._due = time.monotonic() + STUCK_SECONDS
                self._answer(task)
            self._due = None
            del task  # or it would keep an upload until the next one comes

    @property
    def is_stuck(self) -> bool:
        """Whether it has died, or is at a job or a batch for longer than any takes; one that idles is well."""
        due = self._due
        return not self.is_alive() or (due is not None and time.monotonic() > due)


class Batcher:
    """Decodes photographs, and groups concurrent predictions. Lives as long as the lifespan; owns its threads.

    Args:
        look: From uint8 (N, size, size, 3) to a look for each; called on the threads alone, by several at once.
        threads: How many those are.
        observer: Is told of the batches.
    """

    def __init__(self, look: Callable[[Images], Sequence[Look]], threads: int, observer: Observer) -> None:
        self._look = look
        self._observer = observer
        self._queues = Queues()
        self._threads = [_Thread(self._queues.next_task, self._work_on, self._answer) for _ in range(threads)]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Do what was submitted, then end the threads; those that take longer than half a second are left behind."""
        self._queues.close()
        ends = time.monotonic() + ENDING_SECONDS
        for thread in self._threads:
            thread.join(max(0, ends - time.monotonic()))

    @property
    def is_stuck(self) -> bool:
        """Whether a thread has died or hangs: the others go on, but only a new process brings it back."""
        return any(thread.is_stuck for thread in self._threads)

    async def submit(self, decode: Callable[[], Decoded], begin: Callable[[], None]) -> Outcome:
        """Wait for the answer to one photograph; cancelling the wait takes it out of the queues.

        Args:
            decode: Gives its image, uint8 (size, size, 3), RGB in [0, 255]; called on a thread.
            begin: Called on a thread when the model begins on it; it must neither block nor fail.

        Raises:
            PredictionError: The batch failed in the model; the log says how.
            ImageError: As `decode` raises it.
        """
        outcome: Outcome = await self._done(Job(decode, begin))
        return outcome

    async def run(self, work: Callable[[], T], *, is_next: bool = False) -> T:
        """Wait for something else to be done on a thread; cancelling the wait before it begins takes it back.

        Args:
            work: What it returns and raises is returned and raised.
            is_next: Whether it comes before all photographs that wait, and not after them.
        """
        result: T = await self._done(Job(work), is_next=is_next)
        return result

    async def _done(self, job: Job, *, is_next: bool = False) -> Any:  # noqa: ANN401  # whatever its work gives
        self._queues.add(job, is_next=is_next)
        try:
            return await job.future
        except asyncio.CancelledError:
            self._queues.remove(job.future)
            raise

    def _work_on(self, job: Job) -> None:
        begun = time.monotonic()
        try:
            done = job.work()
        except BaseException as error:  # noqa: BLE001  # it belongs to who waits for it, and the thread lives on
            _tell([(job.future, error)])
            return
        if job.begin is None:
            _tell([(job.future, done)])
            return
        waiting = Waiting(done, job.begin, job.future, begun - job.since, time.monotonic() - begun)
        self._queues.add_decoded(waiting)

    def _answer(self, batch: Sequence[Waiting]) -> None:
        formed = time.monotonic()
        self._observer.batch_formed(len(batch))
        try:
            looks = self._look(np.stack([waiting.decoded.image for waiting in batch]))
            known = time.monotonic()
            pairs = zip(batch, looks, strict=True)
            _tell([(waiting.future, waiting.outcome(look, formed, known)) for waiting, look in pairs])
        except Exception:  # whatever it is, it belongs to this batch, and the thread lives on
            logger.exception("the model failed on a batch", extra={"fields": {"photographs": len(batch)}})
            failure = PredictionError("The model failed on this photograph's batch.")
            _tell([(waiting.future, failure) for waiting in batch])


def _tell(results: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    """Hand what has come of some to the event loop, all of it in one turn: to wake it takes longer than to tell it."""
    with suppress(RuntimeError):  # where the event loop is closed by now, nobody waits
        results[0][0].get_loop().call_soon_threadsafe(_settle, results)


def _settle(results: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if future.done():  # its caller has left
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
