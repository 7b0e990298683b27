"""How much of all uploads is held at once: what arrives is counted, what is too much is refused, and nothing stays."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest
from PIL import Image

from catdog_api.bodies import BODIES_AT_ONCE, WORTH_GIVING_BACK_BYTES
from tests.conftest import Serve
from tests.images import RED, encode

LIMIT = 10_000
RED_FILE = encode(Image.new("RGB", (40, 30), RED), "PNG")
RAW = {"Content-Type": "image/png"}


class Upload:
    """A body of which so many bytes are sent, and then nothing until the test lets it end."""

    def __init__(self, sent: int) -> None:
        self._sent = sent
        self.end = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Send."""
        yield bytes(self._sent)
        await self.end.wait()


def send(client: httpx.AsyncClient, upload: Upload) -> "asyncio.Task[httpx.Response]":
    """Begin to send an upload."""
    return asyncio.create_task(client.post("/predict", content=upload, headers=RAW))


async def begun(
    client: httpx.AsyncClient, count: int, sent: int
) -> tuple[list[Upload], list["asyncio.Task[httpx.Response]"]]:
    """Begin so many uploads, and wait until what they send has arrived."""
    uploads = [Upload(sent) for _ in range(count)]
    tasks = [send(client, upload) for upload in uploads]
    for _ in range(10):
        await asyncio.sleep(0)
    return uploads, tasks


async def test_uploads_for_which_there_is_no_room_are_refused_until_others_have_ended(serve: Serve) -> None:
    client = await serve(max_upload_bytes=LIMIT)
    uploads, tasks = await begun(client, BODIES_AT_ONCE, LIMIT)
    refused = await client.post("/predict", content=RED_FILE, headers=RAW)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/overloaded")
    assert int(refused.headers["Retry-After"]) >= 1
    assert not any(task.done() for task in tasks)
    for upload in uploads:
        upload.end.set()
    assert [(await task).status_code for task in tasks] == [503] + (BODIES_AT_ONCE - 1) * [415]
    assert (await client.post("/predict", content=RED_FILE, headers=RAW)).status_code == 200


async def test_those_that_keep_others_out_make_room_one_after_the_other_with_their_next_piece(serve: Serve) -> None:
    client = await serve(max_upload_bytes=LIMIT)
    uploads, tasks = await begun(client, BODIES_AT_ONCE, LIMIT - 1)
    for number in range(3):
        assert (await client.post("/predict", content=bytes(LIMIT), headers=RAW)).status_code == 503
        uploads[number].end.set()
        assert (await tasks[number]).status_code == 503
        assert (await client.post("/predict", content=RED_FILE, headers=RAW)).status_code == 200
        uploads[number] = again = Upload(LIMIT - 1)
        tasks[number] = send(client, again)
        await asyncio.sleep(0.1)
    for upload in uploads:
        upload.end.set()
    assert {(await task).status_code for task in tasks} == {415}


async def test_a_slow_caller_holds_no_more_than_it_has_sent(serve: Serve) -> None:
    client = await serve(max_upload_bytes=LIMIT)
    uploads, tasks = await begun(client, 100 * BODIES_AT_ONCE, 10)
    assert (await client.post("/predict", content=RED_FILE, headers=RAW)).status_code == 200
    for upload in uploads:
        upload.end.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("path", ["/predict", "/explain", "/predict/batch"])
async def test_a_form_is_counted_too_wherever_it_goes(path: str, serve: Serve) -> None:
    client = await serve(max_upload_bytes=LIMIT)
    uploads, tasks = await begun(client, BODIES_AT_ONCE, LIMIT)
    field = "files" if path == "/predict/batch" else "file"
    assert (await client.post(path, files={field: RED_FILE})).status_code == 503
    for upload in uploads:
        upload.end.set()
    await asyncio.gather(*tasks)
    for _ in range(2 * BODIES_AT_ONCE):
        assert (await client.post(path, files={field: RED_FILE + bytes(LIMIT // 2)})).status_code == 200


async def test_what_one_that_is_too_large_took_is_given_back(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    monkeypatch.setattr("catdog_api.bodies.give_back", lambda: given.append(True))
    limit = 2 * WORTH_GIVING_BACK_BYTES
    client = await serve(max_upload_bytes=limit)
    for size, parts, status in ((limit // 2, 3, 413), (limit // 2, 1, 415)):
        upload = (bytes(size) for _ in range(parts))
        assert (await client.post("/predict", content=to_send(upload), headers=RAW)).status_code == status
    assert given == [True]


async def test_many_small_ones_that_are_too_large_do_not_have_the_event_loop_look_for_memory_each_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bool] = []
    monkeypatch.setattr("catdog_api.bodies.give_back", lambda: given.append(True))
    client = await serve(max_upload_bytes=LIMIT)
    for _ in range(3):
        upload = (bytes(LIMIT // 2) for _ in range(3))
        assert (await client.post("/predict", content=to_send(upload), headers=RAW)).status_code == 413
    assert not given


async def to_send(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Send pieces, of which nobody is told how many there are."""
    for piece in pieces:
        yield piece
