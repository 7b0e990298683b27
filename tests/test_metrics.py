"""What /metrics says after requests of every kind, and what no caller can make it say."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Receive, Scope, Send

from catdog_api.app import create_app
from catdog_api.metrics import BATCH_SIZES, PATH, STAGES, Metrics, MetricsMiddleware
from catdog_api.problems import KINDS
from catdog_api.queues import MAX_BATCH
from catdog_api.settings import Settings
from tests.conftest import Serve, submitted
from tests.fakes import MANIFEST, ColourClassifier, GatedClassifier
from tests.images import RED, encode

JPEG = encode(Image.new("RGB", (40, 30), RED), "JPEG")
ROOT = Path(__file__).resolve().parents[1]

Series = dict[tuple[str, frozenset[str]], float]
"""Values by name and label values."""


async def series(client: httpx.AsyncClient) -> Series:
    return read((await client.get("/metrics")).text)


def read(text: str) -> Series:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.values())): sample.value for sample in samples}


def value(found: Series, name: str, *labels: str) -> float:
    return found[name, frozenset(labels)]


async def test_before_any_request_all_that_can_be_counted_is_there_at_0(serve: Serve) -> None:
    found = await series(await serve())
    assert all(value(found, "catdog_refused_total", kind.name) == 0 for kind in KINDS.values())
    assert all(value(found, "catdog_answers_total", label) == 0 for label in MANIFEST.labels)
    assert all(value(found, "catdog_stage_duration_seconds_count", stage) == 0 for stage in STAGES)
    assert value(found, "catdog_batch_size_count") == value(found, "catdog_queue_depth") == 0


async def test_an_answer_is_counted_by_route_status_label_stage_and_batch(serve: Serve) -> None:
    client = await serve()
    await client.post("/predict", files={"file": JPEG})
    found = await series(client)
    assert value(found, "catdog_requests_total", "/predict", "POST", "200") == 1
    assert value(found, "catdog_request_duration_seconds_count", "/predict") == 1
    assert value(found, "catdog_answers_total", "cat") == 1
    assert value(found, "catdog_answers_total", "dog") == 0
    assert value(found, "catdog_batch_size_sum") == value(found, "catdog_batch_size_count") == 1
    assert value(found, "catdog_requests_in_flight") == 0
    stages = [value(found, "catdog_stage_duration_seconds_sum", stage) for stage in STAGES]
    assert 0 < sum(stages) < value(found, "catdog_request_duration_seconds_sum", "/predict")


async def test_the_last_stage_ends_where_the_answer_is_handed_over() -> None:
    app = create_app(Settings(), lambda _: ColourClassifier())

    async def slowly(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_slowly(message: Message) -> None:
            await asyncio.sleep(0.1 if message["type"] == "http.response.body" else 0)
            await send(message)

        await app(scope, receive, send_slowly)

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(slowly), base_url="http://catdog.test") as client,
    ):
        response = await client.post("/predict", files={"file": JPEG})
        found = await series(client)
    told = float(response.headers["server-timing"].rpartition("respond;dur=")[2]) / 1000
    counted = value(found, "catdog_stage_duration_seconds_sum", "respond")
    assert counted - told >= 0.1


async def body(size: int) -> AsyncIterator[bytes]:
    """Yield a body in two pieces, so that nothing says beforehand how long it is."""
    yield bytes(size // 2)
    yield bytes(size // 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"hello", "not-an-image", id="decoding"),
        pytest.param(b"", "empty-image", id="nothing"),
        pytest.param(bytes(4000), "too-many-bytes", id="declared-too-long"),
        pytest.param(body(4000), "too-many-bytes", id="chunked-too-long"),
    ],
)
async def test_a_refusal_is_counted_once_by_its_reason(serve: Serve, content: bytes, reason: str) -> None:
    client = await serve(max_upload_bytes=2000)
    response = await client.post("/predict", content=content, headers={"Content-Type": "image/png"})
    found = await series(client)
    refused = {labels: count for (name, labels), count in found.items() if name == "catdog_refused_total" and count}
    assert refused == {frozenset({reason}): 1}
    assert value(found, "catdog_requests_total", "/predict", "POST", str(response.status_code)) == 1


async def test_a_crash_is_counted_as_the_500_that_its_caller_gets(serve: Serve) -> None:
    class CrashingClassifier(ColourClassifier):
        def predict(self, images: object) -> object:  # type: ignore[override]  # noqa: ARG002  # it has no answer
            raise ZeroDivisionError

    client = await serve(CrashingClassifier())
    await client.post("/predict", files={"file": JPEG})
    found = await series(client)
    assert value(found, "catdog_requests_total", "/predict", "POST", "500") == 1
    assert value(found, "catdog_requests_in_flight") == 0


@pytest.mark.usefixtures("patient")
async def test_what_waits_and_what_is_in_flight_can_be_seen_while_the_model_is_busy(serve: Serve) -> None:
    classifier = GatedClassifier()
    client = await serve(classifier)
    requests = [asyncio.create_task(client.post("/predict", files={"file": JPEG}))]
    await asyncio.to_thread(classifier.entered.wait, 10)
    requests += [asyncio.create_task(client.post("/predict", files={"file": JPEG})) for _ in range(3)]
    while submitted(client) < 3:  # noqa: ASYNC110  # it has no event
        await asyncio.sleep(0.01)
    found = await series(client)
    assert value(found, "catdog_queue_depth") == 3
    assert value(found, "catdog_requests_in_flight") == 4
    classifier.gate.set()
    await asyncio.gather(*requests)
    found = await series(client)
    assert value(found, "catdog_queue_depth") == value(found, "catdog_requests_in_flight") == 0
    assert value(found, "catdog_batch_size_bucket", "3.0") - value(found, "catdog_batch_size_bucket", "2.0") == 1


async def test_no_caller_can_make_a_series(serve: Serve) -> None:
    client = await serve()

    async def ask(text: str) -> None:
        for path in (f"/{text}", f"/predict/{text}", f"/docs/{text}", f"/model?{text}", f"/metrics/{text}"):
            await client.get(path)
            await client.request(text.upper(), path, headers={"Host": text, "X-Request-ID": text})
        await client.post("/predict", files={text: (text, JPEG, text)})
        await client.post("/predict", content=JPEG, headers={"Content-Type": f"image/{text}"})

    await ask("one")
    before = await series(client)
    await ask("another")
    found = await series(client)
    assert set(found) == set(before)
    assert value(found, "catdog_requests_total", "other", "GET", "404") == 8
    assert value(found, "catdog_requests_total", "/model", "other", "405") == 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/", "200", id="page"),
        pytest.param("GET", "/health/ready", "200", id="health"),
        pytest.param("GET", "/openapi.json", "200", id="document"),
        pytest.param("GET", "/predict", "405", id="wrong-method"),
    ],
)
async def test_every_route_is_counted_under_its_template(serve: Serve, method: str, path: str, status: str) -> None:
    client = await serve()
    await client.request(method, f"{path}?query=1")
    assert value(await series(client), "catdog_requests_total", path, method, status) == 1


async def test_a_preflight_from_another_origin_is_counted_under_the_route_that_it_asks_about(serve: Serve) -> None:
    client = await serve(cors_origins="https://shelter.example")
    headers = {"Origin": "https://shelter.example", "Access-Control-Request-Method": "POST"}
    await client.options("/predict", headers=headers)
    assert value(await series(client), "catdog_requests_total", "/predict", "OPTIONS", "200") == 1


async def test_a_route_with_a_parameter_is_counted_under_its_template() -> None:
    class Route:
        path = "/cats/{name}"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        scope["route"] = Route()
        await send({"type": "http.response.start", "status": 200})

    async def send(_: object) -> None: ...

    metrics = Metrics([])
    scope = {"type": "http", "method": "GET", "path": "/cats/tom"}
    await MetricsMiddleware(app, metrics, {Route.path})(scope, None, send)  # type: ignore[arg-type]  # nothing is received
    assert value(read(metrics.expose("")[0].decode()), "catdog_requests_total", "/cats/{name}", "GET", "200") == 1


async def test_its_own_requests_are_not_counted(serve: Serve) -> None:
    client = await serve()
    await series(client)
    names = {name for name, _ in await series(client)}
    assert "catdog_requests_total" not in names
    assert "catdog_request_duration_seconds_count" not in names


async def test_the_model_is_named(serve: Serve) -> None:
    found = await series(await serve())
    assert value(found, "catdog_model_info", "fake", "0.0.1", "000000000000", "32", "float32") == 1


async def test_two_apps_in_one_process_count_apart(serve: Serve) -> None:
    first, second = await serve(), await serve()
    await first.post("/predict", files={"file": JPEG})
    assert value(await series(first), "catdog_answers_total", "cat") == 1
    assert value(await series(second), "catdog_answers_total", "cat") == 0


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        pytest.param("*/*", "text/plain; version=0.0.4", id="a-person"),
        pytest.param("application/openmetrics-text; version=1.0.0", "application/openmetrics-text", id="prometheus"),
        pytest.param("application/openmetrics-text; version=abc", "text/plain; version=0.0.4", id="nonsense"),
    ],
)
async def test_the_caller_chooses_the_form(serve: Serve, accept: str, media_type: str) -> None:
    response = await (await serve()).get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(media_type)
    assert ("# EOF" in response.text) == ("openmetrics" in media_type)


def test_the_sizes_counted_are_those_that_a_batch_can_have() -> None:
    assert list(BATCH_SIZES) == list(range(1, MAX_BATCH + 1))


def test_the_endpoint_is_where_prometheus_looks() -> None:
    assert PATH == "/metrics"


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
async def test_the_process_says_what_it_uses(serve: Serve) -> None:
    found = await series(await serve())
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert value(found, name) > 0
