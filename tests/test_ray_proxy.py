"""What Ray's proxy says of its own accord is a problem like any other, in the shape that the path asks for."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from catdog_ray_proxy import layers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from catdog_api.bodies import BODIES_AT_ONCE

LIMIT = 10_000


def behind(app: ASGIApp) -> httpx.AsyncClient:
    """Return a client of a proxy that answers so."""
    for layer in layers():
        app = layer.cls(app, *layer.args, **layer.kwargs)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ray.test")


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        pytest.param(PlainTextResponse("", 503, {"Retry-After": "1"}), 503, "/problems/overloaded", id="full"),
        pytest.param(PlainTextResponse("", 503), 503, "/problems/not-ready", id="no-replica"),
        pytest.param(PlainTextResponse("", 408), 504, "/problems/deadline-exceeded", id="late"),
        pytest.param(PlainTextResponse("", 404), 404, "about:blank", id="nothing-there"),
        pytest.param(PlainTextResponse("", 500), 500, "about:blank", id="broken"),
    ],
)
async def test_its_refusals_are_problems(answer: Response, status: int, kind: str) -> None:
    async with behind(answer) as client:
        response = await client.get("/predict")
    assert (response.status_code, response.json()["type"]) == (status, kind)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers.get("Retry-After") == ("1" if status == 503 else None)


async def test_under_v2_they_have_the_protocol_s_own_shape() -> None:
    async with behind(PlainTextResponse("", 503, {"Retry-After": "1"})) as client:
        response = await client.post("/v2/models/catdog/infer")
    assert response.status_code == 503
    assert response.json().keys() == {"error"}
    assert response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        pytest.param("/-/healthz", PlainTextResponse("draining", 503), id="its-own-path"),
        pytest.param("/predict", JSONResponse({"type": "/problems/overloaded"}, 503), id="the-application-s-refusal"),
        pytest.param("/", PlainTextResponse("text"), id="an-answer"),
    ],
)
async def test_all_else_passes_as_it_is(path: str, answer: Response) -> None:
    async with behind(answer) as client:
        response = await client.get(path)
    assert (response.status_code, response.content) == (answer.status_code, answer.body)


async def test_the_id_is_the_one_that_the_application_has_logged() -> None:
    answer = Response()
    answer.raw_headers += [(b"x-request-id", b"application"), (b"x-request-id", b"proxy")]
    async with behind(answer) as client:
        response = await client.get("/")
    assert response.headers.get_list("X-Request-ID") == ["application"]


async def test_a_replica_that_died_on_a_request_is_said_to_be_gone() -> None:
    async def dies(scope: Scope, receive: Receive, send: Send) -> None:
        """Say nothing, as the proxy does then."""

    async with behind(dies) as client:
        response = await client.get("/predict")
    assert (response.status_code, response.json()["type"]) == (503, "/problems/not-ready")
    assert response.headers["Retry-After"] == "1"


async def full(scope: Scope, receive: Receive, send: Send) -> None:
    """Read what a caller sends until it has left, as the proxy does where there is no replica for it."""
    del scope, send
    while (await receive())["type"] != "http.disconnect":
        pass


async def sent(size: int, *, end: asyncio.Event) -> AsyncIterator[bytes]:
    """Send so many bytes in two pieces, and then nothing until the end."""
    yield bytes(size // 2)
    yield bytes(size - size // 2)
    await end.wait()


@pytest.mark.parametrize("is_announced", [True, False])
async def test_an_upload_that_is_too_large_is_refused_while_it_waits_for_a_replica(
    monkeypatch: pytest.MonkeyPatch, *, is_announced: bool
) -> None:
    monkeypatch.setenv("CATDOG_MAX_UPLOAD_BYTES", str(LIMIT))
    content = bytes(LIMIT + 1) if is_announced else sent(LIMIT + 1, end=asyncio.Event())
    async with behind(full) as client:
        response = await client.post("/predict", content=content)
    assert (response.status_code, response.json()["type"]) == (413, "/problems/too-many-bytes")


async def test_uploads_that_wait_for_a_replica_are_no_more_than_a_replica_holds_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CATDOG_MAX_UPLOAD_BYTES", str(LIMIT))
    end = asyncio.Event()
    async with behind(full) as client:
        waiting = [
            asyncio.create_task(client.post("/predict", content=sent(LIMIT, end=end))) for _ in range(BODIES_AT_ONCE)
        ]
        for _ in range(10):
            await asyncio.sleep(0)
        response = await client.post("/predict", content=bytes(1))
        assert (response.status_code, response.json()["type"]) == (503, "/problems/overloaded")
        assert response.headers["Retry-After"] == "1"
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
