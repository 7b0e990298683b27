"""A service that is full does no work for those whom it refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from catdog_api import pipeline
from catdog_api.decoding import decode
from tests.conftest import Serve
from tests.fakes import GatedClassifier
from tests.test_app import RED_JPEG, assert_problem

CALLERS = 10
KEY = "a-key-that-is-known"
PATHS = {
    "/predict": "/predict",
    "/predict/batch": "/predict/batch",
    "/explain": "/explain",
    "/v2/models/fake/infer": "/v2/models/{model}/infer",
    "/v2/models/fake/versions/0.0.1/infer": "/v2/models/{model}/versions/{version}/infer",
}


@asynccontextmanager
async def full(serve: Serve, **settings: object) -> AsyncIterator[httpx.AsyncClient]:
    """Serve with one photograph in the model and one that waits, which is as many as may."""
    classifier = GatedClassifier()
    client = await serve(classifier, queue_limit=1, **settings)
    keys = {"X-API-Key": KEY}
    tasks = [asyncio.create_task(client.post("/predict", files={"file": RED_JPEG}, headers=keys))]
    await asyncio.to_thread(classifier.entered.wait, 10)
    tasks.append(asyncio.create_task(client.post("/predict", files={"file": RED_JPEG}, headers=keys)))
    async with asyncio.timeout(10):
        while "catdog_queue_depth 1.0" not in (await client.get("/metrics")).text:  # noqa: ASYNC110  # as an operator
            await asyncio.sleep(0.01)
    yield client
    classifier.gate.set()
    assert [task.status_code for task in await asyncio.gather(*tasks)] == [200, 200]


@pytest.mark.parametrize(("path", "route"), PATHS.items())
async def test_where_the_queue_is_full_not_even_the_body_is_read(path: str, route: str, serve: Serve) -> None:
    read: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(0)
        yield RED_JPEG

    async with full(serve) as client:
        response = await client.post(path, content=body(), headers={"Content-Type": "image/jpeg"})
        counted = (await client.get("/metrics")).text
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.headers["X-Request-ID"]
    assert ("error" if path.startswith("/v2") else "detail") in response.json()
    assert not read
    assert f'catdog_requests_total{{method="POST",route="{route}",status="503"}} 1.0' in counted
    assert 'catdog_refused_total{reason="overloaded"} 1.0' in counted


async def test_a_full_service_still_says_what_it_is_and_where_there_is_nothing(serve: Serve) -> None:
    async with full(serve) as client:
        responses = [await client.get("/model"), await client.get("/health/ready"), await client.post("/nowhere")]
    assert [response.status_code for response in responses] == [200, 200, 404]


async def test_a_full_service_asks_nobody_for_a_key(serve: Serve) -> None:
    async with full(serve, api_keys=KEY) as client:
        assert_problem(await client.post("/predict", files={"file": RED_JPEG}), 503, "/problems/overloaded")
    assert_problem(await client.post("/predict", files={"file": RED_JPEG}), 401, "/problems/unauthorized")


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
