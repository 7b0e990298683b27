"""The Open Inference Protocol seen from outside: its endpoints, its limits, and its errors in their own shape."""

import asyncio
import json
import time
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from catdog_api import open_inference
from catdog_api.inference_request import Inference, read_inference
from tests.conftest import Serve
from tests.fakes import ColourClassifier, FailingClassifier, GatedClassifier
from tests.images import BLUE, RED, encode, quarters
from tests.tensors import INFER, LENGTH, binary, photographs, pixels, prefixed

RED_FILE, BLUE_FILE = (encode(Image.new("RGB", (40, 30), colour), "PNG") for colour in (RED, BLUE))
BOTH = photographs(RED_FILE, BLUE_FILE)
KEY = "0123456789abcdef"


async def infer(client: httpx.AsyncClient, *inputs: object, **members: object) -> httpx.Response:
    """Ask for an answer to a request in JSON."""
    return await client.post(INFER, json={"inputs": inputs, **members})


def assert_refused(response: httpx.Response, status: int, words: str = "") -> None:
    """Hold a refusal to the protocol's shape."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert words in response.json()["error"]


async def test_server_and_model_say_what_they_are(serve: Serve) -> None:
    client = await serve()
    server = (await client.get("/v2")).json()
    assert (server["name"], server["extensions"]) == ("catdog-api", ["binary_tensor_data"])
    assert (await client.get("/v2/")).json() == server
    for path in ("/v2/models/fake", "/v2/models/fake/versions/0.0.1"):
        model = (await client.get(path)).json()
        assert (model["name"], model["versions"], model["platform"]) == ("fake", ["0.0.1"], "tensorflow_keras")
        assert [tuple(tensor.values())[:3] for tensor in model["inputs"] + model["outputs"]] == [
            ("photographs", "BYTES", [-1]),
            ("pixels", "UINT8", [-1, -1, -1, 3]),
            ("label", "BYTES", [-1]),
            ("probabilities", "FP32", [-1, 3]),
        ]
        assert [tensor["parameters"] for tensor in model["inputs"]] == [{"one_of": ["photographs", "pixels"]}] * 2
        assert model["outputs"][1]["parameters"] == {"labels": ["cat", "dog", "neither"]}


async def test_all_is_live_and_ready_and_at_the_end_no_more(serve: Serve) -> None:
    client = await serve()
    answers = {
        "/v2/health/live": {"live": True},
        "/v2/health/ready": {"ready": True},
        "/v2/models/fake/ready": {"name": "fake", "ready": True},
        "/v2/models/fake/versions/0.0.1/ready": {"name": "fake", "ready": True},
    }
    assert {path: (await client.get(path)).json() for path in answers} == answers
    client._transport.app.state.ready = False  # type: ignore[attr-defined]  # noqa: SLF001  # as when the end has begun
    assert (await client.get("/v2/health/live")).status_code == 200
    for path in list(answers)[1:]:
        assert_refused(await client.get(path), 503, "starting or ending")


async def test_photographs_are_answered_together_as_each_would_be_alone(serve: Serve) -> None:
    classifier = ColourClassifier()
    client = await serve(classifier, queue_limit=16)
    response = await infer(client, photographs(*[RED_FILE, BLUE_FILE] * 20), id="a")
    answer = response.json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("fake", "0.0.1", "a")
    label, probabilities = answer["outputs"]
    assert label == {"name": "label", "datatype": "BYTES", "shape": [40], "data": ["cat", "neither"] * 20}
    alone = [(await client.post("/predict", files={"file": file})).json() for file in (RED_FILE, BLUE_FILE)]
    assert probabilities["shape"] == [40, 3]
    assert probabilities["data"][:6] == [value for one in alone for value in one["probabilities"].values()]
    assert max(classifier.batches) > 1


@pytest.mark.parametrize("size", [(64, 48), (32, 32), (1, 1), (5, 900)])
async def test_pixels_are_answered_as_the_file_that_has_them_is(size: tuple[int, int], serve: Serve) -> None:
    client = await serve()
    drawn = quarters(*size)
    array = np.asarray(drawn)[None]
    body, headers = binary(pixels(array), array.tobytes())
    answers = [
        await infer(client, photographs(encode(drawn, "PNG"))),
        await infer(client, pixels(array)),
        await client.post(INFER, content=body, headers=headers),
    ]
    assert [answer.json()["outputs"] for answer in answers] == [answers[0].json()["outputs"]] * 3


async def test_outputs_come_behind_the_json_in_the_order_asked_for(serve: Serve) -> None:
    client = await serve()
    body, headers = binary(BOTH, prefixed([RED_FILE, BLUE_FILE]), parameters={"binary_data_output": True})
    response = await client.post("/v2/models/fake/versions/0.0.1/infer", content=body, headers=headers)
    assert response.headers["Content-Type"] == "application/octet-stream"
    end = int(response.headers[LENGTH])
    head, behind = json.loads(response.content[:end]), response.content[end:]
    assert [output["parameters"] for output in head["outputs"]] == [{"binary_data_size": 18}, {"binary_data_size": 24}]
    assert not any("data" in output for output in head["outputs"])
    assert behind[:18] == prefixed([b"cat", b"neither"])
    in_json = (await infer(client, BOTH)).json()["outputs"][1]["data"]
    assert np.frombuffer(behind[18:], "<f4").tolist() == in_json


async def test_one_bad_photograph_refuses_the_call_and_is_named(serve: Serve) -> None:
    client = await serve()
    assert_refused(await infer(client, photographs(RED_FILE, b"buy milk")), 400, "Photograph 1 of 2, counted from 0: ")
    assert_refused(await infer(client, photographs(RED_FILE[:60])), 400, "ends early or is damaged")
    assert_refused(await infer(client, photographs(b"")), 400)
    text = (await client.get("/metrics")).text
    assert 'catdog_refused_total{reason="not-an-image"} 1.0' in text
    assert 'catdog_requests_total{method="POST",route="/v2/models/{model}/infer",status="400"} 3.0' in text


async def test_one_deadline_is_that_of_the_reading_and_of_the_answers(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_slowly(*arguments: Any) -> Inference:  # noqa: ANN401  # whatever it is called with
        time.sleep(0.8)
        return read_inference(*arguments)

    monkeypatch.setattr(open_inference, "read_inference", read_slowly)
    classifier = GatedClassifier()
    client = await serve(classifier, deadline_seconds=1)
    started = time.monotonic()
    assert_refused(await infer(client, BOTH), 504, "within 1 seconds")
    classifier.gate.set()
    assert time.monotonic() - started < 1.6


async def test_answers_are_counted(serve: Serve) -> None:
    client = await serve()
    await infer(client, BOTH)
    text = (await client.get("/metrics")).text
    assert 'catdog_answers_total{label="cat"} 1.0' in text
    assert 'catdog_stage_duration_seconds_count{stage="predict"} 2.0' in text


async def test_too_much_is_refused(serve: Serve) -> None:
    client = await serve(max_batch_files=1, max_upload_bytes=10_000, max_pixels=1_000)
    assert_refused(await infer(client, BOTH), 400, "at most 1")
    assert_refused(await client.post(INFER, content=bytes(10_001)), 413, "10,000 bytes")
    assert_refused(await infer(client, pixels(np.zeros((1, 40, 26, 3), np.uint8))), 413, "26 x 40 pixels")
    assert_refused(await infer(client, photographs(RED_FILE)), 413, "40 x 30 pixels")


async def test_a_model_that_hangs_or_fails_is_an_error_of_the_protocol(serve: Serve) -> None:
    gated = GatedClassifier()
    client = await serve(gated, deadline_seconds=0.2)
    late = await infer(client, BOTH)
    gated.gate.set()
    assert_refused(late, 504, "no answer within 0.2 seconds")
    broken = await serve(FailingClassifier(failing=range(100)))
    assert_refused(await infer(broken, BOTH), 500, "The model failed")


async def test_a_full_queue_says_when_to_come_again(serve: Serve) -> None:
    gated = GatedClassifier()
    client = await serve(gated, queue_limit=1, deadline_seconds=5)
    waiting = []
    for _ in range(2):  # one in the model, one in the queue
        waiting.append(asyncio.create_task(infer(client, photographs(RED_FILE))))
        await asyncio.sleep(0.1)
    full = await infer(client, photographs(RED_FILE))
    gated.gate.set()
    assert_refused(full, 503, "no room for 1 more")
    assert int(full.headers["Retry-After"]) >= 1
    assert [(await task).status_code for task in waiting] == [200, 200]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models", 404),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/fake/versions/2", 404),
        ("GET", "/v2/models/other/ready", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/fake/versions/0.0.2/infer", 404),
        ("GET", "/v2/models/%ED%A0%80", 404),
        ("GET", INFER, 405),
        ("POST", "/v2", 405),
    ],
)
async def test_what_is_not_there_is_an_error_of_the_protocol_too(
    method: str, path: str, status: int, serve: Serve
) -> None:
    assert_refused(await (await serve()).request(method, path), status)


async def test_what_only_begins_alike_is_a_problem_as_ever(serve: Serve) -> None:
    response = await (await serve()).get("/v2x")
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[" * 9_000, b'{"inputs": [', b"null", b"5", b'{"inputs": NaN}', b"{}" * 200_000],
    ids=["nothing", "no utf-8", "deep", "cut", "null", "a number", "nan", "long"],
)
async def test_a_body_that_is_no_request_is_refused(body: bytes, serve: Serve) -> None:
    assert_refused(await (await serve()).post(INFER, content=body), 400)


async def test_half_a_letter_in_what_an_error_quotes_does_not_break_it(serve: Serve) -> None:
    body = json.dumps({"inputs": [pixels(np.zeros((1, 1, 1, 3), np.uint8), name="\ud800\n<é>")]})
    assert_refused(await (await serve()).post(INFER, content=body), 400)


async def test_half_a_letter_is_an_id_like_any_other(serve: Serve) -> None:
    body = json.dumps({"id": "\ud800", "inputs": [BOTH]})
    assert (await (await serve()).post(INFER, content=body)).json()["id"] == "\ud800"


async def test_keys_and_rates_guard_the_model_and_not_the_probes(serve: Serve) -> None:
    client = await serve(api_keys=KEY, rate_limit=3)
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/fake/ready"):
        assert (await client.get(path)).status_code == 200
    for refused in (await infer(client, BOTH), await client.get("/v2/models/fake"), await client.get("/v2/models/x")):
        assert_refused(refused, 401, "X-API-Key")
        assert refused.headers["WWW-Authenticate"] == "ApiKey"
    client.headers["X-API-Key"] = KEY
    assert (await infer(client, BOTH)).status_code == 200
    assert (await client.get("/v2/models/fake/versions/0.0.1")).status_code == 200
    assert (await client.get("/model")).status_code == 200
    fast = await infer(client, BOTH)  # one rate for all that is guarded
    assert_refused(fast, 429, "At most 3")
    assert int(fast.headers["Retry-After"]) >= 1


async def test_pages_elsewhere_may_send_and_read_the_length(serve: Serve) -> None:
    client = await serve(cors_origins="*")
    asked = {
        "Origin": "http://a.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": LENGTH,
    }
    assert (await client.options(INFER, headers=asked)).status_code == 200
    answer = await client.get("/v2", headers={"Origin": "http://a.test"})
    assert LENGTH in answer.headers["Access-Control-Expose-Headers"]
