"""What the pipeline keeps of those who wait in it no more."""

import asyncio
import gc
import threading
import weakref

from catdog_api.offline import Unobserved
from catdog_api.pipeline import Limits, Pipeline
from tests.fakes import ColourClassifier

WAIT = 10


class Work:
    """Something to do on a decoder's thread, which has an upload in its hands."""

    def __call__(self) -> None:
        """Do it."""


async def test_what_is_given_up_before_its_turn_is_not_kept_while_a_thread_works_on() -> None:
    limits = Limits(model_threads=1, decode_threads=1, max_pixels=100, queue_limit=10, deadline_seconds=None)
    pipeline = Pipeline(ColourClassifier(), limits, Unobserved())
    entered, gate = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        gate.wait(WAIT)

    first = asyncio.create_task(pipeline.aside(work))
    await asyncio.to_thread(entered.wait, WAIT)
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
    gate.set()
    await asyncio.wait_for(pipeline.aside(Work()), WAIT)  # the thread is free again
    pipeline.close()
