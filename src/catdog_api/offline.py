"""Answers for many files without a server: the pipeline behind the API, kept full, its answers in order."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from catdog_api.errors import CatdogError, NotAnImageError, TooManyBytesError
from catdog_api.finding import Source
from catdog_api.pipeline import Pipeline
from catdog_api.problems import problem_of
from catdog_api.schemas import Prediction
from catdog_api.sniffing import DOCUMENTS, FIRST_BYTES, sniff

AHEAD = 32  # files in work at once: enough to fill every batch
AHEAD_BYTES = 256_000_000  # likewise, of which one file may be more: a bound on the memory
MAX_BYTES = 200_000_000  # of one file: 50 megapixels, the most that are decoded by default, are 150 MB uncompressed
PIECE_BYTES = 1_048_576
UNREADABLE = "Unreadable file"
"""The title of a problem that is not the photograph's: another time it may be read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one file; immutable.

    Attributes:
        source: The file.
        content: As `/predict` answers, or a `problem`; None where the file was found in a folder and is no image.
    """

    source: Source
    content: dict[str, Any] | None


class Unobserved:
    """An observer for a pipeline whose queue nobody watches; holds nothing."""

    def queue_changed(self, depth: int) -> None:
        """Hear how many have a place now."""

    def batch_formed(self, size: int) -> None:
        """Hear how many images the model is given."""


async def answer_all(pipeline: Pipeline, sources: Iterable[Source]) -> AsyncGenerator[Answer, None]:
    """Answer files, several in work at once, in their order.

    Args:
        pipeline: Started; it takes `AHEAD` photographs into its queue.
        sources: Read as their turn comes.

    Returns:
        One answer for each; a file that cannot be read or is no photograph has a problem and fails no other.
    """
    working: deque[tuple[asyncio.Task[Answer], int]] = deque()
    try:
        for source in sources:
            size = min(source.size_bytes(), MAX_BYTES)
            while working and (len(working) == AHEAD or size + sum(held for _, held in working) > AHEAD_BYTES):
                yield await working.popleft()[0]
            working.append((asyncio.create_task(_answer(pipeline, source)), size))
        while working:
            yield await working.popleft()[0]
    finally:
        for task, _ in working:
            task.cancel()


async def _answer(pipeline: Pipeline, source: Source) -> Answer:
    try:
        reading = _read_aside(source) if source.may_never_end() else asyncio.to_thread(_read, source)
        outcome = await pipeline.predict(await reading)
    except OSError as error:
        return Answer(source, {"problem": {"title": UNREADABLE, "detail": error.strerror or str(error)}})
    except CatdogError as error:
        is_passed_over = isinstance(error, NotAnImageError) and not source.named
        return Answer(source, None if is_passed_over else {"problem": problem_of(error).model_dump()})
    prediction = Prediction.of(pipeline.manifest, outcome.photograph, outcome.look.probabilities)
    return Answer(source, prediction.model_dump())


def _read(source: Source) -> bytes:
    """Read a file to its end, if it begins like an image and is not too large.

    Raises:
        OSError: It cannot be read.
        EmptyImageError: It has no bytes.
        NotAnImageError: It begins like no image, or was found in a folder and is a document.
        TooManyBytesError: It has more than `MAX_BYTES`.
    """
    with source.open() as file:
        pieces = [file.read(FIRST_BYTES)]  # videos lie among photographs, and nothing else of them is read
        try:
            format_name = sniff(pieces[0])
        except NotAnImageError as error:  # whose sentence counts the bytes, and these are not all
            raise NotAnImageError("The file begins like no image.") from error
        if format_name in DOCUMENTS and not source.named:
            raise NotAnImageError(f"The file is a {format_name} document.")
        size = len(pieces[0])
        while piece := file.read(PIECE_BYTES):
            size += len(piece)
            if size > MAX_BYTES:
                raise TooManyBytesError(f"The file is larger than {MAX_BYTES:,} bytes, the most that are read.")
            pieces.append(piece)
    return b"".join(pieces)


async def _read_aside(source: Source) -> bytes:
    """Read on a thread that nobody waits for at the end, or Ctrl-C would be in vain until somebody writes."""
    reading: Future[bytes] = Future()
    reading.set_running_or_notify_cancel()

    def read() -> None:
        try:
            reading.set_result(_read(source))
        except BaseException as error:  # noqa: BLE001  # who waits for it must hear of any
            reading.set_exception(error)

    threading.Thread(target=read, daemon=True).start()
    return await asyncio.wrap_future(reading)
