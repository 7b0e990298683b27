"""A service that is full does no work for those whom it refuses."""

import asyncio
from typing import Any

import pytest

from catdog_api import pipeline
from catdog_api.decoding import decode
from tests.conftest import Serve
from tests.fakes import GatedClassifier
from tests.test_app import RED_JPEG, assert_problem

CALLERS = 10


async def test_where_the_queue_is_full_nothing_is_decoded(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []

    def decode_and_count(data: bytes, *given: Any, **named: Any) -> object:  # noqa: ANN401  # passed on
        decoded.append(data)
        return decode(data, *given, **named)

    monkeypatch.setattr(pipeline, "decode", decode_and_count)
    classifier = GatedClassifier()
    client = await serve(classifier, queue_limit=1)
    busy = asyncio.create_task(client.post("/predict", files={"file": RED_JPEG}))
    await asyncio.to_thread(classifier.entered.wait, 10)
    rest = [asyncio.create_task(client.post("/predict", files={"file": RED_JPEG})) for _ in range(CALLERS)]
    refused: set[asyncio.Task[Any]] = set()
    while len(refused) < CALLERS - 1:
        refused |= (await asyncio.wait(set(rest) - refused, return_when=asyncio.FIRST_COMPLETED))[0]
    classifier.gate.set()
    for task in refused:
        assert_problem(task.result(), 503, "/problems/overloaded")
    await asyncio.gather(busy, *rest)
    assert len(decoded) == 2
