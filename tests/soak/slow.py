"""Three hundred slow clients of a kind, in a process of their own: one that is busy with them would see others late.

Run as `python -m tests.soak.slow PORT KIND CLIENTS SECONDS`: says a line when it could begin, begins when it is said
one, and in the end says as JSON how long the service bore each, seconds.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import uvloop

from catdog_api.protocol import READING_SECONDS, SLOW_SECONDS
from tests.serving import HEAD

TCP_CLOSE = 7  # the state that TCP_INFO begins with, tcp(7); a client that does not read learns it nowhere else
GET_LARGE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: catdog.test\r\n\r\n"

Say = Callable[[], AsyncIterator[bytes]]


async def nothing() -> AsyncIterator[bytes]:
    """Say nothing at all."""
    await asyncio.sleep(4 * SLOW_SECONDS)
    yield b""


async def header_by_header() -> AsyncIterator[bytes]:
    """Begin a request, and add a little to its header every second."""
    yield b"POST /predict HTTP/1.1\r\nHost: catdog.test\r\n"
    for _ in range(4 * SLOW_SECONDS):
        yield b"X-More: and more\r\n"
        await asyncio.sleep(1)


async def body_by_bits() -> AsyncIterator[bytes]:
    """Announce a photograph, and send 500 bytes of it every second."""
    yield HEAD % 10**6
    for _ in range(4 * SLOW_SECONDS):
        yield b"x" * 500
        await asyncio.sleep(1)


async def never_reading() -> AsyncIterator[bytes]:
    """Ask for more than all buffers hold."""
    yield 12 * GET_LARGE
    await asyncio.sleep(2 * READING_SECONDS)


async def seconds_until_closed(port: int, say: Say) -> float:
    """Connect, be slow, and return how long the service bore it."""
    with socket.socket() as connection:
        if say is never_reading:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", port))
        began = time.monotonic()
        saying = asyncio.create_task(_say(connection, say))
        try:
            if say is never_reading:
                while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != TCP_CLOSE:  # noqa: ASYNC110  # the kernel's
                    await asyncio.sleep(0.25)
            else:
                with suppress(ConnectionError):
                    while await loop.sock_recv(connection, 4096):
                        pass
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
        return time.monotonic() - began


async def _say(connection: socket.socket, say: Say) -> None:
    with suppress(ConnectionError):
        async for piece in say():
            await asyncio.get_running_loop().sock_sendall(connection, piece)


async def hold(port: int, say: Say, until: float) -> list[float]:
    """Keep one slow client attached until then, one after another; return how long each was borne, seconds."""
    borne = [await seconds_until_closed(port, say)]
    while time.monotonic() < until:
        borne.append(await seconds_until_closed(port, say))
    return borne


KINDS = {
    "no byte": (nothing, SLOW_SECONDS),
    "header dribbled": (header_by_header, SLOW_SECONDS),
    "body dribbled": (body_by_bits, SLOW_SECONDS),
    "answer not read": (never_reading, READING_SECONDS),
}
"""What each does, and how long the service promises to bear it, seconds."""


async def main(port: int, kind: str, clients: int, seconds: float) -> None:
    """Hold on to the service with so many at once."""
    print("ready", flush=True)  # noqa: T201  # to whoever started it
    sys.stdin.readline()
    until = time.monotonic() + seconds
    held = await asyncio.gather(*(hold(port, KINDS[kind][0], until) for _ in range(clients)))
    print(json.dumps([each for one in held for each in one]))  # noqa: T201


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
