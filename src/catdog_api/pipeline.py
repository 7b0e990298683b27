"""From bytes to an answer: who has a place is decoded and predicted by the batcher; the event loop does neither."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Protocol, TypeVar

from catdog_api import batching, places
from catdog_api.artifact import Manifest
from catdog_api.batching import Batcher
from catdog_api.decoding import Decoded, decode, from_pixels
from catdog_api.drawing import overlay
from catdog_api.errors import CatdogError, DeadlineExceededError, PredictionError
from catdog_api.labels import are_probabilities
from catdog_api.outcome import Outcome
from catdog_api.places import Place, Places
from catdog_api.tensors import ActivationMap, Images, Look, View

TOGETHER = 16  # photographs of one request in work at once: two batches, one in the model and one on its way

T = TypeVar("T")


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

    def look(self, images: Images) -> Sequence[Look]:
        """Map uint8 (N, size, size, 3) to what is seen on each."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is done at once, and for how long.

    Attributes:
        model_threads: Photographs decoded, and calls of the model, at once.
        max_pixels: Largest photograph to decode, width times height.
        queue_limit: How many photographs may be taken on that the model has not begun on.
        deadline_seconds: Longest time for an answer; None is without end.
    """

    model_threads: int
    max_pixels: int
    queue_limit: int
    deadline_seconds: float | None


class Observer(places.Observer, batching.Observer, Protocol):
    """Is told of the places and of the batches."""


class _Until(AbstractAsyncContextManager[None]):
    """Lets one block end in time. A class, because a generator in each of two layers takes three times as long."""

    def __init__(self, end: float | None, seconds: float | None) -> None:
        self._timeout = asyncio.timeout_at(end)
        self._seconds = seconds

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise DeadlineExceededError(
                f"There was no answer within {self._seconds:g} seconds; the service has too much to do."
            ) from late


class Pipeline:
    """The one way from bytes to an answer. Lives as long as the lifespan; used on the event loop.

    Args:
        classifier: Loaded; its `look` runs on the batcher's threads, on several at once.
        limits: Of the work.
        observer: Is told of the places and of the batches.
    """

    def __init__(self, classifier: Predictor, limits: Limits, observer: Observer) -> None:
        self.manifest = classifier.manifest
        self.precision = classifier.precision
        self.limits = limits
        self._batcher = Batcher(classifier.look, limits.model_threads, observer)
        self._places = Places(limits.queue_limit, observer)

    def start(self) -> None:
        """Start the threads."""
        self._batcher.start()

    @property
    def is_stuck(self) -> bool:
        """Whether a thread that decodes and predicts hangs, or has died."""
        return self._batcher.is_stuck

    def close(self) -> None:
        """Finish what was taken on, then end the threads."""
        self._batcher.close()

    def expect(self) -> Callable[[], None]:
        """Count a photograph that has come, until it has its place or what is returned is called."""
        return self._places.expect()

    def refuse_if_full(self, *, as_expected: bool = False) -> None:
        """Let nobody read a photograph that would be refused.

        Args:
            as_expected: Count those, too, that are expected.

        Raises:
            OverloadedError: Too many photographs are being decoded or wait for the model.
        """
        self._places.refuse_if_full(as_expected=as_expected)

    async def predict(self, photograph: bytes | View) -> Outcome:
        """Answer one photograph.

        Args:
            photograph: An encoded image, as it came; or bare pixels, uint8 (rows, columns, 3), RGB in [0, 255].

        Raises:
            ImageError: The bytes are not one photograph.
            OverloadedError: Too many photographs are being decoded or wait for the model.
            DeadlineExceededError: The answer did not come in time.
            PredictionError: The model failed.
        """
        with self._places.keep() as (place,):
            async with self.in_time():
                return await self._predict(photograph, place)

    async def predict_all(self, photographs: Sequence[bytes | View]) -> list[Outcome | CatdogError]:
        """Answer many photographs, some of them at a time, so that one caller does not fill the queue.

        Args:
            photographs: Encoded images, as they came, or bare pixels: each as `predict` takes it.

        Returns:
            In their order, for each its outcome, or what `predict` would raise; one deadline is that of them all.

        Raises:
            OverloadedError: There is no room for as many as are in work at a time; none of them was begun on.
        """
        free: asyncio.Queue[Place] = asyncio.Queue()
        end = self._end()

        async def answer(photograph: bytes | View) -> Outcome | CatdogError:
            try:
                async with _Until(end, self.limits.deadline_seconds):
                    place = await free.get()
                    self._places.take(place)
                    try:
                        return await self._predict(photograph, place)
                    finally:
                        free.put_nowait(place)
            except CatdogError as error:
                return error

        with self._places.keep(min(len(photographs), TOGETHER, self.limits.queue_limit)) as places:
            for place in places:
                free.put_nowait(place)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(answer(photograph)) for photograph in photographs]
        return [task.result() for task in tasks]

    async def draw(self, photograph: Decoded, evidence: ActivationMap) -> bytes:
        """Draw evidence over a photograph, off the event loop.

        Args:
            photograph: Of an outcome.
            evidence: float32 (h, w), one label's map.

        Returns:
            A PNG.
        """
        drawing = partial(overlay, photograph.shown, photograph.width, photograph.height, evidence)
        return await self._batcher.run(drawing, is_next=True)  # it has waited in the queue already

    async def aside(self, work: Callable[[], T]) -> T:
        """Do what takes a while on a thread, in a place; photographs that come of it take theirs afterwards.

        Args:
            work: What it returns and raises is returned and raised.

        Raises:
            OverloadedError: Too many photographs are being decoded or wait for the model.
        """
        with self._places.keep(is_expected=False):
            return await self._batcher.run(work)

    def in_time(self) -> AbstractAsyncContextManager[None]:
        """Let a block end in the time that an answer may take, all its parts together.

        Raises:
            DeadlineExceededError: It did not.
        """
        return _Until(self._end(), self.limits.deadline_seconds)

    def _end(self) -> float | None:
        """Return until when an answer that is asked for now is worth something; None is for ever."""
        seconds = self.limits.deadline_seconds
        return None if seconds is None else asyncio.get_running_loop().time() + seconds

    async def _predict(self, photograph: bytes | View, place: Place) -> Outcome:
        size, max_pixels = self.manifest.input_size, self.limits.max_pixels
        if isinstance(photograph, bytes):
            decoding = partial(decode, photograph, size, max_pixels=max_pixels)
        else:
            decoding = partial(from_pixels, photograph, size, max_pixels=max_pixels)
        outcome = await self._batcher.submit(decoding, partial(self._places.leave, place))
        if not are_probabilities(outcome.look.probabilities, len(self.manifest.labels)):
            raise PredictionError("The network gave no probabilities for this photograph.")
        return outcome
