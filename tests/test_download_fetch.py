"""`training.fetch` against a real HTTP server on loopback that misbehaves as asked."""

import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest

from training import fetch as room
from training.fetch import ChecksumError, DownloadError, RemoteFile, fetch

CONTENT = np.random.default_rng(1).bytes(100_000)
OTHER = np.random.default_rng(2).bytes(100_000)
HALF = 50_000


@dataclass(frozen=True)
class Answer:
    """How one request is answered: well, unless something here says otherwise."""

    content: bytes = CONTENT
    validators: tuple[tuple[str, str], ...] = (("ETag", '"v1"'),)
    status: int = 200
    breaks_after_bytes: int | None = None
    heeds_range: bool = True
    heeds_if_range: bool = True
    tells_length: bool = True
    range_offset_bytes: int = 0


class Publisher:
    """A server on loopback, and who fetches from it. Each request uses up an answer of the plan; the last one stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = [Answer()]
        self.requests: list[tuple[str | None, str | None]] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.requests.append((self.headers["Range"], self.headers["If-Range"]))
                give(self, publisher.plan.pop(0) if len(publisher.plan) > 1 else publisher.plan[0])

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def file(self, content: bytes = CONTENT) -> RemoteFile:
        """Describe the file that the publisher ought to have."""
        url = f"http://127.0.0.1:{self.server.server_port}/pets.zip"
        return RemoteFile(url, "pets.zip", len(content), hashlib.sha256(content).hexdigest())

    def fetch(self, remote: RemoteFile | None = None) -> bytes:
        """Fetch the file into the folder, without pauses between two tries."""
        with httpx.Client(trust_env=False, timeout=5) as client:
            return fetch(remote or self.file(), self.folder, client, backoff_seconds=0).read_bytes()

    def names(self) -> list[str]:
        """List what is in the folder."""
        return sorted(path.name for path in self.folder.iterdir())


def give(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    if answer.status != 200:
        handler.send_error(answer.status)
        return
    condition = handler.headers["If-Range"]
    same = condition is None or not answer.heeds_if_range or condition in dict(answer.validators).values()
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers["Range"] or "") if answer.heeds_range and same else None
    start = int(asked[1]) if asked else 0
    if start >= len(answer.content):
        handler.send_error(416)
        return
    handler.send_response(206 if asked else 200)
    if asked:
        first = start + answer.range_offset_bytes
        handler.send_header("Content-Range", f"bytes {first}-{len(answer.content) - 1}/{len(answer.content)}")
    if answer.tells_length:
        handler.send_header("Content-Length", str(len(answer.content) - start))
    for name, value in answer.validators:
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(answer.content[start:][: answer.breaks_after_bytes])


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    publisher = Publisher(tmp_path)
    thread = threading.Thread(target=publisher.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()
    thread.join()


def test_a_whole_file_arrives_in_one_request(publisher: Publisher) -> None:
    assert publisher.fetch() == CONTENT
    assert publisher.requests == [(None, None)]
    assert publisher.names() == ["pets.zip"]


def test_a_file_that_is_there_is_not_asked_for_again(publisher: Publisher) -> None:
    (publisher.folder / "pets.zip").write_bytes(CONTENT)
    assert publisher.fetch() == CONTENT
    assert publisher.requests == []


def test_a_file_that_is_there_and_wrong_is_deleted_with_an_error(publisher: Publisher) -> None:
    (publisher.folder / "pets.zip").write_bytes(OTHER)
    with pytest.raises(ChecksumError, match="It has been deleted"):
        publisher.fetch()
    assert publisher.names() == []


def test_a_download_that_breaks_off_goes_on_where_it_stopped(publisher: Publisher) -> None:
    publisher.plan = [Answer(breaks_after_bytes=HALF), Answer()]
    assert publisher.fetch() == CONTENT
    assert publisher.requests == [(None, None), (f"bytes={HALF}-", '"v1"')]


def test_the_next_run_goes_on_where_the_last_gave_up(publisher: Publisher) -> None:
    publisher.plan = [Answer(breaks_after_bytes=HALF), Answer(status=503)]
    with pytest.raises(DownloadError, match=r"given up after 5 tries; 50,000 of 100,000 bytes .* 503"):
        publisher.fetch()
    publisher.plan, publisher.requests = [Answer()], []
    assert publisher.fetch() == CONTENT
    assert publisher.requests == [(f"bytes={HALF}-", '"v1"')]
    assert publisher.names() == ["pets.zip"]


def test_a_run_killed_before_the_last_rename_needs_no_request(publisher: Publisher) -> None:
    (publisher.folder / "pets.zip.part").write_bytes(CONTENT)
    assert publisher.fetch() == CONTENT
    assert publisher.requests == []


def test_a_line_that_breaks_often_but_brings_something_gets_there(publisher: Publisher) -> None:
    content = bytes(room.PROGRESS_BYTES * (room.TRIES + 2))
    publisher.plan = [Answer(content, breaks_after_bytes=room.PROGRESS_BYTES)]
    assert publisher.fetch(publisher.file(content)) == content
    assert len(publisher.requests) == room.TRIES + 2


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(Answer(heeds_range=False), id="ignores ranges"),
        pytest.param(Answer(range_offset_bytes=1), id="sends a range that was not asked for"),
        pytest.param(Answer(validators=(("ETag", '"v2"'),), heeds_if_range=False), id="sends a range of a new version"),
        pytest.param(Answer(status=416), id="refuses the range"),
    ],
)
def test_a_server_that_cannot_go_on_sends_the_file_from_its_beginning(publisher: Publisher, second: Answer) -> None:
    publisher.plan = [Answer(breaks_after_bytes=HALF), second, Answer()]
    assert publisher.fetch() == CONTENT


def test_a_file_that_changed_between_two_tries_is_not_glued_to_the_old_one(publisher: Publisher) -> None:
    changed = Answer(OTHER, validators=(("ETag", '"v2"'),))
    publisher.plan = [Answer(breaks_after_bytes=HALF), replace(changed, breaks_after_bytes=HALF + 9), changed]
    assert publisher.fetch(publisher.file(OTHER)) == OTHER
    assert publisher.requests[1:] == [(f"bytes={HALF}-", '"v1"'), (f"bytes={HALF + 9}-", '"v2"')]


@pytest.mark.parametrize(
    ("validators", "condition"),
    [
        pytest.param((("ETag", 'W/"v1"'), ("Last-Modified", "Mon, 1 Jan")), "Mon, 1 Jan", id="weak tag and date"),
        pytest.param((), None, id="none"),
    ],
)
def test_only_a_strong_validator_conditions_a_range(
    publisher: Publisher, validators: tuple[tuple[str, str], ...], condition: str | None
) -> None:
    publisher.plan = [Answer(validators=validators, breaks_after_bytes=HALF), Answer(validators=validators)]
    assert publisher.fetch() == CONTENT
    assert publisher.requests[1] == (f"bytes={HALF}-", condition)


def test_wrong_bytes_are_deleted_and_the_next_run_begins_anew(publisher: Publisher) -> None:
    publisher.plan = [Answer(OTHER), Answer()]
    with pytest.raises(ChecksumError, match=r"pets.zip from .* has SHA-256 \w{64} where \w{64} is recorded"):
        publisher.fetch()
    assert publisher.names() == []
    assert publisher.fetch() == CONTENT


@pytest.mark.parametrize(
    ("answer", "tries", "message"),
    [
        pytest.param(Answer(status=404), 1, "answers 404", id="not found"),
        pytest.param(Answer(status=500), room.TRIES, "answers 500", id="server error"),
        pytest.param(Answer(status=429), room.TRIES, "answers 429", id="too many requests"),
        pytest.param(Answer(CONTENT[:-1]), 1, "99,999 bytes where 100,000 are recorded", id="another length"),
        pytest.param(Answer(CONTENT + b"?", tells_length=False), 1, "more than the 100,000 bytes", id="too long"),
        pytest.param(Answer(breaks_after_bytes=0), room.TRIES, "0 of 100,000 bytes", id="nothing comes"),
        pytest.param(Answer(CONTENT[:-1], tells_length=False), room.TRIES, "ended early", id="too short"),
    ],
)
def test_what_does_not_pass_is_told_and_what_may_pass_is_tried_again(
    publisher: Publisher, answer: Answer, tries: int, message: str
) -> None:
    publisher.plan = [answer]
    with pytest.raises(DownloadError, match=message):
        publisher.fetch()
    assert len(publisher.requests) == tries


def test_an_address_where_nobody_listens_is_told(tmp_path: Path) -> None:
    silent = Publisher(tmp_path)
    silent.server.server_close()
    with pytest.raises(DownloadError, match="given up after 5 tries; 0 of 100,000 bytes"):
        silent.fetch()


def test_a_disk_that_is_too_small_is_told_before_anything_is_sent(publisher: Publisher) -> None:
    huge = replace(publisher.file(), size_bytes=2 * shutil.disk_usage("/").total)
    with pytest.raises(DownloadError, match=r"needs another .* bytes free"):
        publisher.fetch(huge)
    assert publisher.requests == []
