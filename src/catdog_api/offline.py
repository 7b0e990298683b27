"""Answers for many files without a server: the pipeline behind the API, kept full, its answers in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any

from catdog_api.errors import ImageError, NotAnImageError, PredictionError
from catdog_api.finding import Source
from catdog_api.pipeline import Pipeline
from catdog_api.problems import problem_of
from catdog_api.schemas import Prediction
from catdog_api.sniffing import DOCUMENTS, sniff

AHEAD = 32  # files in work at once: enough to fill every batch, and a bound on the memory


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
        """Hear how many images wait now."""

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
    working: deque[asyncio.Task[Answer]] = deque()
    try:
        for source in sources:
            working.append(asyncio.create_task(_answer(pipeline, source)))
            if len(working) == AHEAD:
                yield await working.popleft()
        while working:
            yield await working.popleft()
    finally:
        for task in working:
            task.cancel()


async def _answer(pipeline: Pipeline, source: Source) -> Answer:
    try:
        data = await asyncio.to_thread(source.read)
        outcome = await pipeline.predict(data)
        prediction = Prediction.of(pipeline.manifest, outcome.photograph, outcome.look.probabilities)
    except OSError as error:
        return Answer(source, {"problem": {"title": "Unreadable file", "detail": error.strerror or str(error)}})
    except ImageError as error:
        if not source.named and (isinstance(error, NotAnImageError) or sniff(data) in DOCUMENTS):
            return Answer(source, None)
        return Answer(source, {"problem": problem_of(error).model_dump()})
    except PredictionError as error:
        return Answer(source, {"problem": problem_of(error).model_dump()})
    return Answer(source, prediction.model_dump())
