"""What the batcher's threads do besides photographs: in which order, and what is left of it."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from catdog_api.batching import Batcher
from tests.fakes import GatedClassifier, Witness
from tests.test_batching import GREEN, ask, behind_the_gate, decoding

pytestmark = pytest.mark.usefixtures("patient")


@pytest.fixture
def classifier() -> GatedClassifier:
    return GatedClassifier()


@pytest.fixture
def batcher(classifier: GatedClassifier) -> Iterator[Batcher]:
    """Start one thread, and end it when the test is over."""
    batcher = Batcher(classifier.look, 1, Witness())
    batcher.start()
    yield batcher
    classifier.gate.set()
    batcher.close()


class Photograph:
    """Stands for the bytes of one."""


async def test_what_is_no_photograph_is_not_waited_for_to_fill_a_batch(
    batcher: Batcher, classifier: GatedClassifier
) -> None:
    first = await behind_the_gate(batcher, classifier)
    order: list[str] = []
    photograph = asyncio.create_task(batcher.submit(decoding(GREEN), lambda: order.append("batch")))
    await asyncio.sleep(0)
    others = [
        asyncio.create_task(batcher.run(partial(order.append, name), is_next=is_next))
        for name, is_next in (("last", False), ("next", True))
    ]
    await asyncio.sleep(0)
    classifier.gate.set()
    await asyncio.gather(first, photograph, *others)
    assert order == ["next", "batch", "last"]


async def test_not_even_an_exit_in_its_work_ends_a_thread(batcher: Batcher, classifier: GatedClassifier) -> None:
    class Panic(BaseException):
        """As a library in Rust raises it."""

    def fail() -> None:
        raise Panic

    classifier.gate.set()
    with pytest.raises(Panic):
        await batcher.run(fail)
    assert np.argmax((await ask(batcher, GREEN)).look.probabilities) == 1


async def test_an_idle_thread_keeps_no_photograph(batcher: Batcher) -> None:
    photograph = Photograph()
    kept = weakref.ref(photograph)
    await batcher.run(partial(id, photograph))
    del photograph
    async with asyncio.timeout(10):
        while kept() is not None:
            await asyncio.sleep(0.01)
            gc.collect()
