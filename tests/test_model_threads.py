"""Several threads on the same queues: they work at once, and one that fails, hangs or dies harms no other."""

import asyncio
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from catdog_api import batching
from catdog_api.batching import Batcher
from catdog_api.errors import PredictionError
from catdog_api.tensors import Images, Probabilities
from tests.fakes import ColourClassifier, Witness
from tests.test_batching import BLUE, GREEN, RED, ask

BOUND = 8
"""Seconds that a test waits for a thread to act: much more than it takes, for a machine with other things to do."""


class MoodyClassifier(ColourClassifier):
    """Hangs on red until the test opens the gate, fails on green, ends its thread on black, and answers the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.gate = threading.Event()

    def predict(self, images: Images) -> Probabilities:
        """Do as the first image says."""
        if (images[0] == RED).all():
            self.entered.set()
            assert self.gate.wait(10), "the test forgot to open the gate"
        if (images[0] == GREEN).all():
            raise PredictionError("It is green.")
        if not images[0].any():
            raise SystemExit
        return super().predict(images)


@pytest.fixture
def classifier() -> MoodyClassifier:
    return MoodyClassifier()


@pytest.fixture
def batcher(classifier: MoodyClassifier) -> Iterator[Batcher]:
    """Start two threads, and end them when the test is over."""
    batcher = Batcher(classifier.look, 2, Witness())
    batcher.start()
    yield batcher
    classifier.gate.set()
    batcher.close()


async def hang(batcher: Batcher, classifier: MoodyClassifier) -> "asyncio.Task[object]":
    """Occupy one of the threads."""
    hanging = asyncio.create_task(ask(batcher, RED))
    await asyncio.to_thread(classifier.entered.wait, BOUND)
    return hanging


async def until_stuck(batcher: Batcher) -> None:
    deadline = time.monotonic() + BOUND
    while not batcher.is_stuck:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_while_one_thread_is_busy_another_answers(batcher: Batcher, classifier: MoodyClassifier) -> None:
    hanging = await hang(batcher, classifier)
    answer = await asyncio.wait_for(ask(batcher, BLUE), BOUND)
    assert np.argmax(answer.look.probabilities) == 2
    assert not batcher.is_stuck
    classifier.gate.set()
    await hanging


async def test_a_batch_that_fails_leaves_the_other_threads_batch_alone(
    batcher: Batcher, classifier: MoodyClassifier
) -> None:
    hanging = await hang(batcher, classifier)
    with pytest.raises(PredictionError):
        await ask(batcher, GREEN)
    classifier.gate.set()
    await hanging
    assert classifier.batches == [1]


async def test_one_thread_that_hangs_is_seen_though_the_other_goes_on(
    batcher: Batcher, classifier: MoodyClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "STUCK_SECONDS", 0.05)
    hanging = await hang(batcher, classifier)
    await until_stuck(batcher)
    await asyncio.wait_for(ask(batcher, BLUE), BOUND)
    assert batcher.is_stuck
    classifier.gate.set()
    await hanging


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_one_thread_that_died_is_seen_though_the_other_goes_on(batcher: Batcher) -> None:
    lost = asyncio.create_task(ask(batcher, np.zeros_like(RED)))
    await until_stuck(batcher)
    await asyncio.wait_for(ask(batcher, BLUE), BOUND)
    assert batcher.is_stuck
    lost.cancel()


async def test_closing_answers_what_was_taken_on_and_ends_every_thread(
    batcher: Batcher, classifier: MoodyClassifier
) -> None:
    hanging = await hang(batcher, classifier)
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    classifier.gate.set()
    await asyncio.gather(hanging, closing)
    assert [thread for thread in threading.enumerate() if thread.name == "model"] == []


async def test_closing_does_not_wait_for_a_thread_that_hangs(batcher: Batcher, classifier: MoodyClassifier) -> None:
    hanging = await hang(batcher, classifier)
    started = time.monotonic()
    await asyncio.to_thread(batcher.close)
    assert time.monotonic() - started < batching.ENDING_SECONDS + 0.5
    classifier.gate.set()
    await hanging
