"""Callers that leave before their answer: the model hardly works for them, and the queue is empty again."""

import asyncio
import re
from urllib.parse import urlsplit

import httpx

from tests.background import background
from tests.fakes import GatedClassifier
from tests.serving import PREDICT

CALLERS = 200
PATIENCE = 0.05
"""Seconds after which half of the callers leave."""

BOUND = 30


async def call(address: str, *, leaves: bool) -> bool:
    """Return whether the photograph was answered; who leaves does not wait for it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(address).port)
    writer.write(PREDICT)
    try:
        if leaves:
            await asyncio.sleep(PATIENCE)
            return False
        async with asyncio.timeout(BOUND):
            return (await reader.readline()).startswith(b"HTTP/1.1 200")
    finally:
        writer.close()


async def value(client: httpx.AsyncClient, series: str) -> float:
    """Return what the service counts."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", (await client.get("/metrics")).text, re.MULTILINE)
    assert found, series
    return float(found[1])


async def test_less_than_a_tenth_of_the_work_is_for_callers_that_left() -> None:
    classifier = GatedClassifier()  # slow: its first batch takes until all have left that do
    left = 'catdog_refused_total{reason="caller-left"}'
    with background(classifier, queue_limit=CALLERS) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            callers = [asyncio.create_task(call(address, leaves=number % 2 == 0)) for number in range(CALLERS)]
            async with asyncio.timeout(BOUND):
                while await value(client, left) < CALLERS / 2:  # noqa: ASYNC110  # the service's, behind a socket
                    await asyncio.sleep(PATIENCE)
            classifier.gate.set()
            answered = sum(await asyncio.gather(*callers))
            assert await value(client, "catdog_queue_depth") == 0
    assert answered == CALLERS / 2
    assert sum(classifier.batches) - answered < sum(classifier.batches) / 10
