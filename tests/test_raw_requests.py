"""Requests that break HTTP or multipart in hundreds of ways, over real sockets: 4xx or closed, and others go on."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.background import background
from tests.fakes import ColourClassifier
from tests.raw_client import assert_refused_or_answered, exchange
from tests.raw_requests import BODY, HEADERS, odd_requests, request
from tests.serving import received

COUNT = 450
AT_ONCE = 50
GIGABYTE = 1024**3
LIMIT = 10 * 1024**2


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a small model, with little patience."""
    monkeypatch.setattr("catdog_api.protocol.SLOW_SECONDS", 0.5)
    with background(ColourClassifier()) as url:
        yield url


async def test_odd_requests_are_refused_or_answered_and_right_ones_go_on(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: Counter[int] = Counter()
    places = asyncio.Semaphore(AT_ONCE)

    async def send(number: int, made: str, sent: bytes) -> None:
        async with places:
            found = await exchange(address, sent, vanish=number % 10 == 0)
        assert_refused_or_answered(found, made)
        seen.update(reply.status for reply in found)

    await asyncio.gather(*(send(number, *odd) for number, odd in enumerate(odd_requests(COUNT))))
    assert {200, 400, 408, 415, 422} <= set(seen)
    (right,) = await exchange(address, request(BODY))
    assert right.status == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert "upgrade" not in caplog.text  # nobody can act on that


@pytest.mark.parametrize("kind", ["image/jpeg", "multipart/form-data; boundary=edge"])
def test_a_gigabyte_in_chunks_is_refused_early(address: str, kind: str) -> None:
    lines = [b"POST /predict HTTP/1.1", HEADERS[0], b"Content-Type: " + kind.encode(), b"Transfer-Encoding: chunked"]
    first = BODY.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    megabyte = b"100000\r\n" + bytes(1024**2) + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=10) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", b"%x" % len(first), first, b""]))
        try:
            while sent < GIGABYTE:
                connection.sendall(megabyte)
                sent += len(megabyte)
        except OSError:
            pass
        content = received(connection)
    assert sent < 4 * LIMIT
    assert b" 413 " in content.split(b"\r\n")[0]
