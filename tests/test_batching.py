"""Batches, their bounds, and who is hurt when one fails."""

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

from catdog_api import queues
from catdog_api.batching import Batcher
from catdog_api.decoding import Decoded, from_pixels
from catdog_api.errors import NotAnImageError, PredictionError
from catdog_api.outcome import Outcome
from catdog_api.queues import MAX_BATCH
from catdog_api.tensors import Image, Images, Look
from tests.fakes import ColourClassifier, FailingClassifier, GatedClassifier, LongWork, Witness

RED, GREEN, BLUE = (np.full((32, 32, 3), colour, np.uint8) for colour in ([255, 0, 0], [0, 255, 0], [0, 0, 255]))


Start = Callable[..., Batcher]

pytestmark = pytest.mark.usefixtures("patient")


@pytest.fixture
def start() -> Iterator[Start]:
    """Start batchers, and close them when the test is over."""
    started = []

    def start_one(look: Callable[[Images], list[Look]], witness: Witness | None = None, threads: int = 1) -> Batcher:
        batcher = Batcher(look, threads, witness or Witness())
        batcher.start()
        started.append(batcher)
        return batcher

    yield start_one
    for batcher in started:
        batcher.close()


def decoding(image: Image) -> Callable[[], Decoded]:
    return partial(from_pixels, image, len(image), max_pixels=image.size)


async def ask(batcher: Batcher, image: Image) -> Outcome:
    return await batcher.submit(decoding(image), lambda: None)


async def behind_the_gate(batcher: Batcher, classifier: GatedClassifier) -> "asyncio.Task[object]":
    """Occupy the model with one image, so that what is submitted next must wait."""
    first = asyncio.create_task(ask(batcher, RED))
    await asyncio.to_thread(classifier.entered.wait, 10)
    return first


async def submitted(batcher: Batcher, images: list[Image]) -> "list[asyncio.Task[object]]":
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(ask(batcher, image)) for image in images]
    await asyncio.sleep(0)
    return tasks


async def test_everyone_gets_the_answer_to_their_own_image(start: Start) -> None:
    batcher = start(ColourClassifier().look)
    answers = await asyncio.gather(*(ask(batcher, image) for image in [RED, GREEN, BLUE] * 20))
    assert [int(np.argmax(answer.look.probabilities)) for answer in answers] == [0, 1, 2] * 20


async def test_a_lone_request_does_not_wait_for_company(start: Start) -> None:
    classifier = ColourClassifier()
    answer = await ask(start(classifier.look), RED)
    assert classifier.batches == [1]
    assert answer.queue_seconds >= 0
    assert answer.predict_seconds > 0


async def test_what_arrives_while_the_model_is_busy_becomes_one_batch(start: Start) -> None:
    classifier = GatedClassifier()
    batcher = start(classifier.look)
    first = await behind_the_gate(batcher, classifier)
    rest = await submitted(batcher, [GREEN] * (MAX_BATCH + 2))
    classifier.gate.set()
    await asyncio.gather(first, *rest)
    assert classifier.batches == [1, MAX_BATCH, 2]


async def test_a_waiter_that_left_costs_the_model_nothing(start: Start) -> None:
    classifier = GatedClassifier()
    batcher = start(classifier.look)
    first = await behind_the_gate(batcher, classifier)
    (leaver,) = await submitted(batcher, [GREEN])
    leaver.cancel()
    await asyncio.wait({leaver})
    (stayer,) = await submitted(batcher, [BLUE])
    classifier.gate.set()
    await asyncio.gather(first, stayer)
    assert classifier.batches == [1, 1]


async def test_a_failed_batch_fails_only_its_own_and_the_thread_lives_on(start: Start) -> None:
    batcher = start(FailingClassifier(failing=[0]).look)
    with pytest.raises(PredictionError):
        await ask(batcher, RED)
    assert np.argmax((await ask(batcher, GREEN)).look.probabilities) == 1


async def test_a_model_that_loses_a_row_fails_the_batch_and_not_the_thread(start: Start) -> None:
    rows = iter([0, 1])
    batcher = start(lambda images: ColourClassifier().look(images)[: next(rows)])
    with pytest.raises(PredictionError):
        await ask(batcher, RED)
    assert np.argmax((await ask(batcher, RED)).look.probabilities) == 0


async def test_closing_answers_what_was_taken_on() -> None:
    classifier = GatedClassifier()
    batcher = Batcher(classifier.look, 1, Witness())
    batcher.start()
    first = await behind_the_gate(batcher, classifier)
    rest = await submitted(batcher, [GREEN, BLUE])
    classifier.gate.set()
    await asyncio.to_thread(batcher.close)
    answers = await asyncio.gather(first, *rest)
    assert len(answers) == 3


async def test_a_batch_whose_waiters_all_left_before_it_was_formed_is_passed_over(start: Start) -> None:
    classifier = GatedClassifier()
    batcher = start(classifier.look)
    first = await behind_the_gate(batcher, classifier)
    leavers = await submitted(batcher, [GREEN, GREEN])
    for leaver in leavers:
        leaver.cancel()
    await asyncio.wait(leavers)
    classifier.gate.set()
    await first
    await ask(batcher, BLUE)
    assert classifier.batches == [1, 1]


async def test_who_submits_and_who_watches_hear_when_the_model_begins(start: Start) -> None:
    classifier, witness = GatedClassifier(), Witness()
    batcher = start(classifier.look, witness=witness)
    begun: list[str] = []
    first = asyncio.create_task(batcher.submit(decoding(RED), lambda: begun.append("first")))
    await asyncio.to_thread(classifier.entered.wait, 10)
    rest = [
        asyncio.create_task(batcher.submit(decoding(RED), partial(begun.append, name))) for name in ("second", "third")
    ]
    await asyncio.sleep(0)
    assert begun == ["first"]
    classifier.gate.set()
    await asyncio.gather(first, *rest)
    assert begun == ["first", "second", "third"]
    assert witness.sizes == [1, 2]


async def test_a_photograph_that_cannot_be_decoded_is_its_caller_s_alone(start: Start) -> None:
    classifier = ColourClassifier()
    batcher = start(classifier.look)

    def fail() -> Decoded:
        raise NotAnImageError("It is none.")

    good, bad = await asyncio.gather(ask(batcher, GREEN), batcher.submit(fail, lambda: None), return_exceptions=True)
    assert isinstance(bad, NotAnImageError)
    assert isinstance(good, Outcome)
    assert classifier.batches == [1]


async def test_who_leaves_while_it_is_decoded_costs_the_model_nothing(start: Start) -> None:
    classifier, work = ColourClassifier(), LongWork()
    batcher = start(classifier.look)

    def decode_slowly() -> Decoded:
        work()
        return decoding(RED)()

    leaver = asyncio.create_task(batcher.submit(decode_slowly, lambda: None))
    await asyncio.to_thread(work.entered.wait, 10)
    leaver.cancel()
    await asyncio.wait({leaver})
    work.gate.set()
    await ask(batcher, GREEN)
    assert classifier.batches == [1]


async def test_what_is_decoded_does_not_wait_for_ever_for_a_batch_to_fill(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "PATIENCE_SECONDS", 0.05)
    classifier = ColourClassifier()
    batcher = start(classifier.look)

    def decode_slowly() -> Decoded:
        time.sleep(0.1)
        return decoding(GREEN)()

    slow = [asyncio.create_task(batcher.submit(decode_slowly, lambda: None)) for _ in range(3)]
    await asyncio.gather(*slow)
    assert classifier.batches == [2, 1]
