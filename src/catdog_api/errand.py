"""`catdog-api predict`: one errand from the files to the answers, with a progress bar and a summary."""

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from catdog_api.app import load_model
from catdog_api.artifact import read_manifest
from catdog_api.errors import SettingsError
from catdog_api.finding import Arrivals, Source, find
from catdog_api.offline import AHEAD, UNREADABLE, Answer, Unobserved, answer_all
from catdog_api.pipeline import Limits, Pipeline
from catdog_api.reporting import Earlier, Style, header, line, shown, summary
from catdog_api.settings import Settings
from catdog_api.sorting import sort_into

LOOK_SECONDS = 0.5  # between two looks at a followed folder: a file is answered about a second after it is whole


@dataclass(frozen=True, slots=True)
class Errand:
    """What a person asked for; immutable.

    Attributes:
        paths: Files, folders, patterns or "-"; none if a folder is followed.
        style: Of the answers.
        out: The file that they go to, or None for standard output.
        follow: The folder whose arrivals are answered until a signal ends it, or None.
        sort_into: Where answered files are sorted to, or None.
        link: Whether to sort links in place of copies.
    """

    paths: list[str]
    style: Style
    out: Path | None
    follow: Path | None
    sort_into: Path | None
    link: bool


def run(settings: Settings, errand: Errand) -> int:
    """Answer the files of an errand.

    Args:
        settings: Of the model and of the decoding.
        errand: What to answer, and where the answers go.

    Returns:
        How many files had no answer, those of an earlier run that this one goes on with included.

    Raises:
        ArtifactError: The model cannot be served.
        SettingsError: The output holds something other than answers, or it or a sorted file cannot be written.
        BrokenPipeError: Whoever read the answers has left.
    """
    with _output(errand, read_manifest(settings.model).labels) as (stream, earlier):
        pipeline = start(settings)
        try:
            return asyncio.run(_Runner(pipeline, errand, earlier, stream).run())
        finally:
            pipeline.close()


def start(settings: Settings) -> Pipeline:
    """Load the model, and start a pipeline that takes as many photographs as are in work at once.

    Raises:
        ArtifactError: The model cannot be served.
    """
    predictor = load_model(settings)
    predictor.warm_up()
    limits = Limits(
        model_threads=settings.threads,
        max_pixels=settings.max_pixels,
        queue_limit=AHEAD,
        deadline_seconds=None,
    )
    pipeline = Pipeline(predictor, limits, Unobserved())
    pipeline.start()
    return pipeline


@contextmanager
def _output(errand: Errand, labels: Sequence[str]) -> Iterator[tuple[TextIO, Earlier]]:
    """Open where the answers go, and read what an earlier run has left there; raises SettingsError."""
    try:
        earlier = Earlier(errand.out, errand.style, labels)
        if errand.out:
            with errand.out.open("a", encoding="utf-8") as stream:
                yield stream, earlier
        else:
            # Where the terminal's letters are few, a name is still written; and machines are written to in UTF-8.
            encoding = None if errand.style == "table" else "utf-8"
            sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")  # type: ignore[union-attr]  # it is one
            yield sys.stdout, earlier
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SettingsError(f"The answers cannot be kept: {error}") from error


class _Runner:
    """Takes the answers as they come: writes, sorts, counts. One an errand; on the event loop."""

    def __init__(self, pipeline: Pipeline, errand: Errand, earlier: Earlier, stream: TextIO) -> None:
        self._pipeline = pipeline
        self._errand = errand
        self._earlier = earlier
        self._stream = stream
        self._labels = pipeline.manifest.labels
        self._counts: Counter[str] = Counter()
        self._failed: set[str] = set()
        self._passed_over = 0

    async def run(self) -> int:
        """Answer everything; return how many files had no answer."""
        started = time.monotonic()
        if self._earlier.is_fresh:
            self._stream.write(header(self._errand.style, self._labels))
        if self._errand.follow:
            async with aclosing(_arrivals(self._errand.follow, self._not_meant())) as arrivals:
                async for sources in arrivals:
                    await self._answer(self._left(sources), None)
        else:
            left = list(self._left(find(self._errand.paths, but_not=self._not_meant())))
            await self._answer(left, len(left))
        said = self._counts.total() + len(self._failed)
        if (len(self._errand.paths), said, self._passed_over, self._earlier.count) != (1, 1, 0, 0):
            sys.stderr.write(
                summary(
                    {label: self._counts[label] for label in self._labels},
                    failed=len(self._failed),
                    passed_over=self._passed_over,
                    earlier=self._earlier.count,
                    seconds=time.monotonic() - started,
                )
            )
        return len(self._failed | self._earlier.failed)

    def _left(self, sources: Iterable[Source]) -> Iterator[Source]:
        """Pass over what an earlier run has done; what it could not answer may have arrived half-written."""
        again = self._earlier.failed if self._errand.follow else set()
        return (source for source in sources if not self._earlier.take(source.path) or shown(source.path) in again)

    async def _answer(self, sources: Iterable[Source], count: int | None) -> None:
        """Answer files; `count` is for the progress bar, which there is not where a folder is followed."""
        quiet = True if count is None else None  # None: where stderr is no terminal
        with tqdm(total=count, unit="file", leave=False, disable=quiet) as progress:
            async with aclosing(answer_all(self._pipeline, sources)) as answers:
                async for answer in answers:
                    self._keep(answer)
                    progress.update()

    def _not_meant(self) -> list[Path | int]:
        """Name what this run itself writes: where it sorts to, and the answers, which may lie among the photographs."""
        ours: list[Path | int] = [self._errand.sort_into] if self._errand.sort_into else []
        with suppress(OSError):  # standard output need not be a file
            ours.append(self._stream.fileno())
        return ours

    def _keep(self, answer: Answer) -> None:
        """Sort, then write: an answer that is written needs nothing more from a run that goes on after a kill."""
        content, path = answer.content, answer.source.path
        if content is None:
            self._passed_over += 1
            return
        if "label" in content and self._errand.sort_into:
            try:
                sort_into(self._errand.sort_into, content["label"], Path(path), link=self._errand.link)
            except FileNotFoundError:
                content = {"problem": {"title": UNREADABLE, "detail": "It has left before it was sorted."}}
        name = shown(path)
        if "label" in content:
            self._counts[content["label"]] += 1
            # It may have had a problem while it was still being written.
            self._failed.discard(name)
            self._earlier.failed.discard(name)
        else:
            self._failed.add(name)
        # Past the progress bar, where both are on one terminal.
        tqdm.write(line(self._errand.style, self._labels, path, content), file=self._stream, end="")
        self._stream.flush()


async def _arrivals(folder: Path, but_not: list[Path | int]) -> AsyncGenerator[Iterable[Source], None]:
    """Yield what arrives until SIGINT or SIGTERM; what is in work then is finished, and nothing more is begun."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set)) for number in numbers]
    arrivals = Arrivals(folder, but_not=but_not)
    said = ""
    try:
        while not stop.is_set():
            new, complaint = [], ""
            try:
                new = await asyncio.to_thread(arrivals.look)
            except OSError as error:
                complaint = f"{folder} cannot be looked into: {error.strerror}; it is waited for."
            if complaint != said:
                sys.stderr.write(f"catdog-api: {complaint or f'{folder} is there again.'}\n")
                said = complaint
            yield takewhile(lambda _: not stop.is_set(), new)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
