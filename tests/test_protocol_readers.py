"""Clients that do not read their answers, over real sockets and a stuck one; the seconds are shortened."""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from catdog_api.app import create_app
from catdog_api.bounded import HEAD_BYTES
from catdog_api.idle_connections import IdleConnections
from catdog_api.protocol import Protocol
from catdog_api.settings import Settings
from tests.serving import ServeAndAsk, answer, connect, received

SLOW = 0.25
"""Seconds, where the service has 10."""

CLOSED = 7
"""The state that TCP_INFO begins with, tcp(7); a client that does not read learns it nowhere else."""

HALF_A_HEAD = b"GET /health/live HTTP/1.1\r\nHost: catdog.test\r\n"

BOUND = 8
"""Seconds that a test waits for the service to act: much more than it takes, for a machine with other things to do."""


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catdog_api.protocol.SLOW_SECONDS", SLOW)


def test_an_answer_that_nobody_reads_is_not_kept(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("catdog_api.protocol.READING_SECONDS", SLOW)
    get = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: catdog.test\r\n\r\n"

    def ask(url: str) -> None:
        with connect(url, get) as quick:
            length = len(answer(quick))
        with connect(url, 12 * get) as slow:
            deadline = time.monotonic() + BOUND
            while slow.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != CLOSED:  # nor by the kernel
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert len(received(slow)) < 12 * length

    serve_and_ask(ask)
    assert '"level": "error"' not in capsys.readouterr().err  # none of the twelve answers went on to nobody


class StuckTransport(asyncio.Transport):
    """A connection whose other end takes nothing, so that closing it never ends."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__(extra={"socket": end})
        self.closing = False
        self.untaken = 0
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        """Return what the other end has not taken."""
        return self.untaken

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep nothing."""

    def pause_reading(self) -> None:
        """Have nothing more to read."""

    def is_closing(self) -> bool:
        """Return whether it was told to close."""
        return self.closing

    def close(self) -> None:
        """Begin to close."""
        self.closing = True

    def abort(self) -> None:
        """Note that it was given up."""
        self.aborted.set()


@pytest.fixture
def transport() -> Iterator[StuckTransport]:
    """Return such a connection."""
    with socket.socket() as end:
        yield StuckTransport(end)


def connection(**given: Any) -> Protocol:  # noqa: ANN401  # uvicorn's own
    """Return the service's end of a connection."""
    app = create_app(Settings())
    config = uvicorn.Config(app, lifespan="off", log_config=None, **given)
    ours = {"admission": app.state.admission, "idle": IdleConnections(1)}
    return Protocol(config=config, server_state=ServerState(), app_state={}, **ours)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([HALF_A_HEAD + b"\r\n"], id="after-a-pause"),
        pytest.param([HALF_A_HEAD + b"Connection: close\r\n\r\n"], id="at-once"),
        pytest.param([HALF_A_HEAD + b"X: ", b"x" * (HEAD_BYTES + 1)], id="refused"),
    ],
)
async def test_closing_does_not_wait_for_a_reader_for_ever(
    pieces: list[bytes], transport: StuckTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.protocol.READING_SECONDS", 0.1)
    protocol = connection(timeout_keep_alive=0)
    protocol.connection_made(transport)
    for piece in pieces:
        protocol.data_received(piece)
    await asyncio.wait_for(transport.aborted.wait(), BOUND)
    protocol.connection_lost(None)


async def test_a_reader_that_goes_on_is_kept_and_one_that_is_refused_is_timed_once(
    transport: StuckTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.protocol.READING_SECONDS", 0.1)
    protocol = connection()
    protocol.connection_made(transport)
    protocol.pause_writing()
    protocol.resume_writing()
    await asyncio.sleep(0.2)
    assert not transport.aborted.is_set()
    protocol.data_received(b"MEOW / HTTP/1.1\r\n\r\n")
    protocol.pause_writing()
    protocol.resume_writing()  # a few bytes read do not win more time once the connection closes
    await asyncio.sleep(1.5 * SLOW)
    assert transport.aborted.is_set()
    protocol.connection_lost(None)


async def test_a_reader_is_kept_for_as_long_as_it_keeps_the_pace(
    transport: StuckTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.protocol.READING_SECONDS", 0.1)
    protocol = connection()
    transport.untaken = 10**6
    protocol.connection_made(transport)
    protocol.pause_writing()
    for _ in range(20):
        transport.untaken -= 1000  # in 10 ms; a hundred in 100 ms are asked
        await asyncio.sleep(0.01)
    assert not transport.aborted.is_set()
    await asyncio.wait_for(transport.aborted.wait(), BOUND)
    protocol.connection_lost(None)
