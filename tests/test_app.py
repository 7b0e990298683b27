"""What a caller gets for every kind of request, around a small fake model."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.types import Message

from catdog_api.app import create_app
from catdog_api.metrics import STAGES
from catdog_api.settings import Settings
from tests.conftest import Serve, client_of
from tests.fakes import ColourClassifier, FailingClassifier, GatedClassifier
from tests.images import BLUE, RED, encode

RED_JPEG, BLUE_PNG = encode(Image.new("RGB", (40, 30), RED), "JPEG"), encode(Image.new("RGB", (20, 50), BLUE), "PNG")
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=edge"}
KILOBYTE = 1024


def part(name: str, content: bytes, filename: str | None = "x.jpg") -> bytes:
    """Return one part of a multipart body whose boundary is `edge`, without the closing line."""
    file = f'; filename="{filename}"' if filename is not None else ""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """Yield a body in pieces, so that the client sends it chunked, without saying how long it is."""
    for start in range(0, len(content), KILOBYTE):
        yield content[start : start + KILOBYTE]


def assert_problem(response: httpx.Response, status: int, name: str) -> None:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (response.status_code, body["status"], body["type"]) == (status, status, name)
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["detail"].endswith(".")
    assert "Traceback" not in body["detail"]


@pytest.mark.parametrize(
    "request_body",
    [
        pytest.param({"files": {"file": ("x.jpg", RED_JPEG)}}, id="multipart"),
        pytest.param({"files": {"file": ("x.jpg", RED_JPEG)}, "data": {"note": "hello"}}, id="multipart-and-a-field"),
        pytest.param({"content": RED_JPEG, "headers": {"Content-Type": "image/jpeg"}}, id="raw"),
        pytest.param({"content": RED_JPEG, "headers": {"Content-Type": "IMAGE/PNG; q=1"}}, id="raw-by-another-name"),
        pytest.param({"content": RED_JPEG, "headers": {"Content-Type": "application/octet-stream"}}, id="raw-bytes"),
        pytest.param({"content": pieces(RED_JPEG), "headers": {"Content-Type": "image/jpeg"}}, id="raw-chunked"),
    ],
)
async def test_a_photograph_is_answered_however_it_is_sent(serve: Serve, request_body: dict[str, Any]) -> None:
    response = await (await serve()).post("/predict", **request_body)
    assert response.status_code == 200
    answer = response.json()
    assert answer["label"] == "cat"
    assert list(answer["probabilities"]) == ["cat", "dog", "neither"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert answer["image"] == {"width": 40, "height": 30, "format": "JPEG"}
    assert answer["model"] == {"name": "fake", "version": "0.0.1"}


async def test_the_times_of_the_stages_travel_with_the_answer(serve: Serve) -> None:
    response = await (await serve()).post("/predict", files={"file": BLUE_PNG})
    stages = dict(stage.split(";dur=") for stage in response.headers["server-timing"].split(", "))
    assert list(stages) == list(STAGES)
    assert float(stages["decode"]) > 0
    assert float(stages["predict"]) > 0
    assert float(stages["respond"]) > 0


REFUSALS = [
    pytest.param({}, 422, "missing-file", id="no-body"),
    pytest.param({"content": "", "headers": {"Content-Type": "text/plain"}}, 422, "missing-file", id="empty-body"),
    pytest.param({"files": {"photo": RED_JPEG}}, 422, "missing-file", id="another-field"),
    pytest.param({"data": {"file": "text"}, "files": {"other": b"1"}}, 422, "missing-file", id="a-field-of-text"),
    pytest.param({"content": b"--edge--\r\n", "headers": BOUNDARY}, 422, "missing-file", id="no-parts"),
    pytest.param({"files": {"file": b""}}, 422, "empty-image", id="empty-file"),
    pytest.param({"content": b"", "headers": {"Content-Type": "image/png"}}, 422, "empty-image", id="empty-raw-body"),
    pytest.param({"files": [("file", RED_JPEG), ("file", RED_JPEG)]}, 422, "too-many-files", id="two-files"),
    pytest.param({"files": {"file": b"hello, world"}}, 415, "not-an-image", id="not-an-image"),
    pytest.param({"files": {"file": b"%PDF-1.7"}}, 415, "unsupported-format", id="unsupported-format"),
    pytest.param({"files": {"file": RED_JPEG[:-40]}}, 422, "truncated-image", id="truncated"),
    pytest.param({"json": {"file": "cat.jpg"}}, 415, "unsupported-media-type", id="json"),
    pytest.param({"content": b"x"}, 415, "unsupported-media-type", id="no-content-type"),
    pytest.param({"content": RED_JPEG, "headers": BOUNDARY}, 400, "malformed-upload", id="not-multipart"),
    pytest.param({"content": part("file", b"x"), "headers": BOUNDARY}, 400, "malformed-upload", id="no-closing-line"),
    pytest.param(
        {"content": b"--edge\r\n\r\nx\r\n--edge--\r\n", "headers": BOUNDARY}, 400, "malformed-upload", id="no-name"
    ),
    pytest.param(
        {"content": part("file", b"x"), "headers": {"Content-Type": "multipart/form-data"}},
        400,
        "malformed-upload",
        id="no-boundary",
    ),
    pytest.param(
        {"content": part("file", b"x") * 101 + b"--edge--\r\n", "headers": BOUNDARY},
        422,
        "too-many-files",
        id="a-hundred-files",
    ),
    pytest.param({"files": {"file": bytes(64 * KILOBYTE)}}, 413, "too-many-bytes", id="too-many-bytes"),
    pytest.param(
        {"content": pieces(bytes(64 * KILOBYTE)), "headers": {"Content-Type": "image/jpeg"}},
        413,
        "too-many-bytes",
        id="too-many-bytes-chunked",
    ),
    pytest.param(
        {"content": pieces(part("file", bytes(64 * KILOBYTE))), "headers": BOUNDARY},
        413,
        "too-many-bytes",
        id="too-many-bytes-chunked-multipart",
    ),
    pytest.param(
        {"files": {"file": encode(Image.new("1", (2000, 2000)), "PNG")}}, 413, "too-many-pixels", id="too-many-pixels"
    ),
]


@pytest.mark.parametrize(("request_body", "status", "name"), REFUSALS)
async def test_bad_input_gets_a_problem_and_the_service_goes_on(
    serve: Serve, request_body: dict[str, Any], status: int, name: str
) -> None:
    client = await serve(max_upload_bytes=32 * KILOBYTE, max_pixels=1_000_000)
    assert_problem(await client.post("/predict", **request_body), status, f"/problems/{name}")
    assert (await client.post("/predict", files={"file": RED_JPEG})).status_code == 200


async def test_a_wrong_method_is_405_and_says_which_is_right(serve: Serve) -> None:
    response = await (await serve()).get("/predict")
    assert_problem(response, 405, "about:blank")
    assert response.headers["allow"] == "POST"


async def test_a_wrong_method_where_there_is_something_to_get_says_both_ways_to_get_it(serve: Serve) -> None:
    response = await (await serve()).delete("/model")
    assert_problem(response, 405, "about:blank")
    assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/nothing/here", "/predict/", "/docs/"])
async def test_an_unknown_path_is_404(serve: Serve, method: str, path: str) -> None:
    assert_problem(await (await serve()).request(method, path), 404, "about:blank")


async def test_a_failed_batch_is_500_for_its_own_request_alone(serve: Serve) -> None:
    client = await serve(FailingClassifier(failing=[0]))
    assert_problem(await client.post("/predict", files={"file": RED_JPEG}), 500, "/problems/prediction-failed")
    assert (await client.post("/predict", files={"file": RED_JPEG})).status_code == 200


async def test_a_crash_is_a_problem_too_and_shows_nothing_of_itself(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("catdog_api.pipeline.decode", crash)
    response = await (await serve()).post("/predict", files={"file": RED_JPEG})
    assert_problem(response, 500, "about:blank")
    assert "secret" not in response.text


async def test_a_full_queue_is_503_with_retry_after(serve: Serve) -> None:
    classifier = GatedClassifier()
    client = await serve(classifier, queue_limit=1)
    busy = asyncio.create_task(client.post("/predict", files={"file": RED_JPEG}))
    await asyncio.to_thread(classifier.entered.wait, 10)
    rest = [asyncio.create_task(client.post("/predict", files={"file": RED_JPEG})) for _ in range(3)]
    refused: set[asyncio.Task[httpx.Response]] = set()
    while len(refused) < 2:
        refused |= (await asyncio.wait(set(rest) - refused, return_when=asyncio.FIRST_COMPLETED))[0]
    classifier.gate.set()
    for task in refused:
        assert_problem(task.result(), 503, "/problems/overloaded")
        assert int(task.result().headers["retry-after"]) >= 1
    assert (await busy).status_code == 200
    assert sorted([(await task).status_code for task in rest]) == [200, 503, 503]


async def test_a_passed_deadline_is_504(serve: Serve) -> None:
    classifier = GatedClassifier()
    client = await serve(classifier, deadline_seconds=0.1)
    response = await client.post("/predict", files={"file": RED_JPEG})
    classifier.gate.set()
    assert_problem(response, 504, "/problems/deadline-exceeded")


async def test_the_model_says_what_it_is(serve: Serve) -> None:
    answer = (await (await serve()).get("/model")).json()
    assert answer["labels"] == ["cat", "dog", "neither"]
    assert answer["input_size"] == 32
    assert len(answer["sha256"]) == 64
    assert answer["precision"] == "float32"


async def test_a_served_app_is_alive_and_ready(serve: Serve) -> None:
    client = await serve()
    assert (await client.get("/health/live")).json() == {"status": "ok"}
    assert (await client.get("/health/ready")).json() == {"status": "ok"}


async def test_before_its_model_is_loaded_an_app_is_alive_but_not_ready() -> None:
    async with client_of(create_app(Settings())) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert_problem(await client.get("/health/ready"), 503, "/problems/not-ready")


async def test_any_server_can_run_the_lifespan_through_the_app_itself() -> None:
    app = create_app(Settings(), lambda _: ColourClassifier())
    asked = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    told: list[str] = []

    async def receive() -> Message:
        return next(asked)

    async def send(message: Message) -> None:
        told.append(message["type"])
        assert app.state.ready == (message["type"] == "lifespan.startup.complete")

    await app({"type": "lifespan"}, receive, send)
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
