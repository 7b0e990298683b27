"""`POST /predict/batch`: many photographs in one request, each with its own answer or problem."""

import asyncio
import time

import httpx
import pytest
from PIL import Image

from tests.conftest import Serve, submitted
from tests.fakes import ColourClassifier, FailingClassifier, GatedClassifier
from tests.images import BLUE, RED, encode
from tests.test_app import assert_problem

RED_FILE, BLUE_FILE = (encode(Image.new("RGB", (40, 30), colour), "PNG") for colour in (RED, BLUE))


async def ask(client: httpx.AsyncClient, *files: tuple[str, bytes], field: str = "files") -> httpx.Response:
    """Send named files in one request."""
    return await client.post("/predict/batch", files=[(field, file) for file in files])


async def test_each_file_is_answered_as_it_would_be_alone_in_the_order_of_the_files(serve: Serve) -> None:
    client = await serve()
    files = [(f"{number}.png", RED_FILE if number % 3 else BLUE_FILE) for number in range(40)]
    response = await ask(client, *files)
    assert response.status_code == 200
    answers = response.json()["answers"]
    assert [answer.pop("file") for answer in answers] == [name for name, _ in files]
    alone = [(await client.post("/predict", files={"file": data})).json() for _, data in files[:2]]
    assert answers == [alone[0] if number % 3 == 0 else alone[1] for number in range(40)]


async def test_a_bad_file_fails_only_itself_and_says_why(serve: Serve) -> None:
    client = await serve()
    response = await ask(client, ("a.png", RED_FILE), ("notes.txt", b"buy milk"), ("b.png", BLUE_FILE[:60]))
    good, text, cut = response.json()["answers"]
    assert response.status_code == 200
    assert good["label"] == "cat"
    assert (text["file"], text["problem"]["type"], text["problem"]["status"]) == (
        "notes.txt", "/problems/not-an-image", 415,
    )  # fmt: skip
    assert cut["problem"]["type"] == "/problems/truncated-image"


async def test_photographs_on_which_the_model_fails_have_a_problem_each(serve: Serve) -> None:
    client = await serve(FailingClassifier(failing=range(100)))
    response = await ask(client, ("a.png", RED_FILE), ("b.png", RED_FILE))
    assert [answer["problem"]["type"] for answer in response.json()["answers"]] == ["/problems/prediction-failed"] * 2


async def test_one_request_does_not_fill_the_queue(serve: Serve) -> None:
    classifier = ColourClassifier()
    client = await serve(classifier, queue_limit=16)
    response = await ask(client, *[("a.png", RED_FILE)] * 64)
    assert [answer.get("label") for answer in response.json()["answers"]] == ["cat"] * 64
    assert max(classifier.batches) > 1


async def test_one_deadline_is_that_of_all_files(serve: Serve) -> None:
    classifier = GatedClassifier()
    client = await serve(classifier, deadline_seconds=0.5)
    started = time.monotonic()
    response = await ask(client, *[("a.png", RED_FILE)] * 64)  # of which 16 are in work at a time
    seconds = time.monotonic() - started
    classifier.gate.set()
    problems = {answer["problem"]["type"] for answer in response.json()["answers"]}
    assert problems == {"/problems/deadline-exceeded"}
    assert seconds < 1.5


async def test_where_there_is_no_room_for_those_in_work_at_a_time_the_request_is_refused_as_a_whole(
    serve: Serve,
) -> None:
    classifier = GatedClassifier()
    client = await serve(classifier, queue_limit=8)
    first = asyncio.create_task(ask(client, ("a.png", RED_FILE)))
    await asyncio.to_thread(classifier.entered.wait, 10)
    waits = asyncio.create_task(ask(client, ("a.png", RED_FILE)))
    while submitted(client) < 1:  # noqa: ASYNC110  # it has no event
        await asyncio.sleep(0.01)
    response = await ask(client, *[("a.png", RED_FILE)] * 8)
    assert_problem(response, 503, "/problems/overloaded")
    assert response.headers["Retry-After"] == "1"
    classifier.gate.set()
    assert [(await task).status_code for task in (first, waits)] == [200, 200]
    text = (await client.get("/metrics")).text
    assert 'catdog_request_duration_seconds_count{route="/predict/batch"} 2.0' in text  # of a refusal nothing
    assert classifier.batches == [1, 1]


async def test_a_queue_that_is_shorter_than_what_is_in_work_at_a_time_serves_all_files(serve: Serve) -> None:
    client = await serve(queue_limit=4)
    response = await ask(client, *[("a.png", RED_FILE)] * 9)
    assert [answer.get("label") for answer in response.json()["answers"]] == ["cat"] * 9


@pytest.mark.parametrize(
    ("files", "field", "status", "kind"),
    [
        pytest.param([("a.png", RED_FILE)] * 4, "files", 422, "too-many-files", id="too-many"),
        pytest.param([("a.png", RED_FILE)], "file", 422, "missing-file", id="another-field"),
        pytest.param([("a.png", b"0" * 5_000)] * 3, "files", 413, "too-many-bytes", id="too-many-bytes-together"),
    ],
)
async def test_a_request_that_asks_too_much_is_refused_as_a_whole(
    files: list[tuple[str, bytes]], field: str, status: int, kind: str, serve: Serve
) -> None:
    client = await serve(max_batch_files=3, max_upload_bytes=10_000)
    response = await ask(client, *files, field=field)
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{kind}")


@pytest.mark.parametrize("content_type", ["image/png", ""])
async def test_a_body_that_is_no_form_is_refused_with_what_is_wanted(content_type: str, serve: Serve) -> None:
    client = await serve()
    response = await client.post("/predict/batch", content=RED_FILE, headers={"Content-Type": content_type})
    assert (response.status_code, response.json()["type"]) == (415, "/problems/unsupported-media-type")
    assert "each in a field 'files'" in response.json()["detail"]


async def test_answers_are_counted_by_label_and_stage_and_problems_by_reason(serve: Serve) -> None:
    client = await serve()
    await ask(client, ("a.png", RED_FILE), ("notes.txt", b"buy milk"), ("b.png", RED_FILE))
    text = (await client.get("/metrics")).text
    assert 'catdog_answers_total{label="cat"} 2.0' in text
    assert 'catdog_stage_duration_seconds_count{stage="predict"} 2.0' in text
    assert 'catdog_stage_duration_seconds_count{stage="parse"} 0.0' in text
    assert 'catdog_refused_total{reason="not-an-image"} 1.0' in text
