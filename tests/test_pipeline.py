"""What the pipeline keeps of those who wait in it no more, and what it says of the time of those who wait."""

import asyncio
import gc
import time
import weakref
from dataclasses import replace

import pytest
from PIL import Image

from catdog_api.errors import OverloadedError
from catdog_api.offline import Unobserved
from catdog_api.pipeline import Limits, Pipeline
from catdog_api.queues import MAX_BATCH
from tests.fakes import ColourClassifier, GatedClassifier, LongWork
from tests.images import RED, encode

WAIT = 10
LIMITS = Limits(model_threads=1, max_pixels=10_000, queue_limit=64, deadline_seconds=None)


class Work:
    """Something to do on a thread, which has an upload in its hands."""

    def __call__(self) -> None:
        """Do it."""


async def test_what_is_given_up_before_its_turn_is_not_kept_while_a_thread_works_on() -> None:
    pipeline = Pipeline(ColourClassifier(), LIMITS, Unobserved())
    pipeline.start()
    work = LongWork()
    first = asyncio.create_task(pipeline.aside(work))
    await asyncio.to_thread(work.entered.wait, WAIT)
    first.cancel()  # its thread cannot be stopped
    await asyncio.wait({first})
    given_up = Work()
    kept = weakref.ref(given_up)
    second = asyncio.create_task(pipeline.aside(given_up))
    await asyncio.sleep(0.05)
    second.cancel()
    await asyncio.wait({second})
    del given_up, second
    gc.collect()
    assert kept() is None
    work.gate.set()
    await asyncio.wait_for(pipeline.aside(Work()), WAIT)  # the thread is free again
    pipeline.close()


def test_a_thread_that_works_on_when_the_event_loop_has_ended_does_not_complain() -> None:
    pipeline = Pipeline(ColourClassifier(), LIMITS, Unobserved())
    pipeline.start()
    work = LongWork()

    async def leave_it() -> None:
        task = asyncio.create_task(pipeline.aside(work))
        await asyncio.to_thread(work.entered.wait, WAIT)
        task.cancel()

    asyncio.run(leave_it())
    work.gate.set()
    pipeline.close()  # an exception in the thread would fail the test, as any warning does


async def test_what_is_done_aside_has_a_place_meanwhile() -> None:
    pipeline = Pipeline(ColourClassifier(), replace(LIMITS, queue_limit=1), Unobserved())
    pipeline.start()
    work = LongWork()
    first = asyncio.create_task(pipeline.aside(work))
    await asyncio.to_thread(work.entered.wait, WAIT)
    with pytest.raises(OverloadedError):
        await pipeline.aside(Work())
    work.gate.set()
    await first
    await pipeline.aside(Work())
    pipeline.close()


async def test_who_waits_to_be_decoded_waits_in_the_queue() -> None:
    classifier = GatedClassifier()
    pipeline = Pipeline(classifier, LIMITS, Unobserved())
    pipeline.start()
    photograph = encode(Image.new("RGB", (40, 30), RED), "JPEG")
    first = asyncio.create_task(pipeline.predict(photograph))
    await asyncio.to_thread(classifier.entered.wait, WAIT)
    began = time.monotonic()
    asked = [asyncio.create_task(pipeline.predict(photograph)) for _ in range(2 * MAX_BATCH)]
    await asyncio.sleep(0.1)
    classifier.gate.set()
    *_, last = await asyncio.gather(first, *asked)
    assert 0.1 <= last.queue_seconds <= sum(last.stage_seconds.values()) <= time.monotonic() - began
    pipeline.close()
