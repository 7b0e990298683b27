"""Requests that two parsers may read in two ways, by the hundred: the service finds none that h11 does not find.

h11 stands for the proxy in front: what it would pass on as one request must not become two.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random

import h11
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from catdog_api.admission import Admission
from catdog_api.app import create_app
from catdog_api.idle_connections import IdleConnections
from catdog_api.protocol import Protocol
from catdog_api.settings import Settings
from tests.test_protocol_readers import StuckTransport

COUNT = 600
TURNS = 40  # of the event loop, for requests one after the other
Found = list[tuple[str, bytes, bytes]]
"""Method, target and body of each request."""

LENGTHS = (
    *(b"Content-Length: " + length for length in (b"5", b"0", b"05", b"5 ", b"6", b"1000", b"5, 5", b"+5")),
    b"Content-Length: 5\r\nContent-Length: 5",
    b"content-length:5",
)
CODINGS = tuple(
    b"Transfer-Encoding: " + coding
    for coding in (
        b"chunked",
        b"Chunked ",
        b"\tchunked",
        b"identity",
        b"gzip, chunked",
        b"chunked, chunked",
        b", chunked",
        b"chunked;q=1",
    )
)
OTHERS = (
    b"Connection: close",
    b"Connection: Upgrade\r\nUpgrade: h2c",
    b"Connection: Upgrade, close\r\nUpgrade: websocket",
    b"Upgrade: h2c",
    b"Expect: 100-continue",
    b"Connection: Transfer-Encoding",
    b"X:",
)
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
BODIES = (
    b"",
    b"hello",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\n",
    b"2\r\nhe\r\n03\r\nllo\r\n000\r\n\r\n",
    b"0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
    HIDDEN,
    b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
)


class Transport(StuckTransport):
    """A connection on which the test has all to say."""

    def resume_reading(self) -> None:
        """Have nothing more to read."""


@pytest.fixture
def transport() -> Iterator[StuckTransport]:
    """Return such a connection."""
    with socket.socket() as end:
        yield Transport(end)


def odd_request(chance: Random) -> bytes:
    """Return a request whose length is said in an odd way, or otherwise than it is."""
    lines = [b"Host: a", *chance.sample([*LENGTHS, *CODINGS], chance.choice([0, 1, 1, 1, 2]))]
    lines += chance.sample(OTHERS, chance.choice([0, 1]))
    chance.shuffle(lines)
    method = chance.choice([b"POST", b"POST", b"GET", b"HEAD", b"OPTIONS", b"CONNECT"])
    version = chance.choice([b"1.1", b"1.1", b"1.1", b"1.0"])
    start = b"%s /%c HTTP/%s" % (method, chance.choice(b"abc"), version)
    return b"\r\n".join([start, *lines, b"", chance.choice(BODIES)])


def found_by_h11(stream: bytes) -> Found:
    """Return what h11 takes for requests, each refused at its end."""
    parser, found = h11.Connection(h11.SERVER), []
    parser.receive_data(stream)
    try:
        while not isinstance(event := parser.next_event(), type) and not isinstance(event, h11.ConnectionClosed):
            if isinstance(event, h11.Request):
                request, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                found.append((request.method.decode(), request.target, body))
                parser.send(h11.Response(status_code=405, headers=[("Content-Length", "0")]))
                parser.send(h11.EndOfMessage())
                parser.start_next_cycle()
    except (h11.RemoteProtocolError, h11.LocalProtocolError):  # what follows is no HTTP, or behind the last request
        pass
    return found


async def found_by_the_service(pieces: Sequence[bytes], transport: StuckTransport, admission: Admission) -> Found:
    """Return what an application is given."""
    found: Found = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        found.append((scope["method"], scope["raw_path"], body))
        await send({"type": "http.response.start", "status": 405, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    given = {"config": config, "server_state": ServerState(), "app_state": {}}
    protocol = Protocol(admission=admission, idle=IdleConnections(1), **given)
    transport.closing = False
    protocol.connection_made(transport)
    for piece in pieces:
        if not transport.closing:
            protocol.data_received(piece)
        for _ in range(TURNS):
            await asyncio.sleep(0)
    protocol.connection_lost(None)
    return found


@pytest.mark.parametrize("cuts", [0, 2], ids=["at-once", "in-pieces"])
async def test_it_finds_no_request_that_another_parser_does_not_find(cuts: int, transport: StuckTransport) -> None:
    admission: Admission = create_app(Settings()).state.admission
    alike = 0
    for number in range(COUNT):
        chance = Random(f"{cuts} {number}")  # noqa: S311  # the same in each run
        stream = b"".join(odd_request(chance) for _ in range(chance.randint(1, 3)))
        at = [0, *sorted(chance.randrange(len(stream)) for _ in range(cuts)), len(stream)]
        pieces = [stream[start:stop] for start, stop in pairwise(at) if start < stop]
        expected, found = found_by_h11(stream), await found_by_the_service(pieces, transport, admission)
        assert found == expected[: len(found)], stream
        alike += found == expected
    assert alike > COUNT / 2
