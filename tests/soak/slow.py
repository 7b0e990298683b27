"""Clients of a bad kind, in a process of their own: one that is busy with them would see others late.

Run as `python -m tests.soak.slow PORT KIND CLIENTS SECONDS`: says a line when it could begin, begins when it is said
one, and in the end says as JSON how long the service bore each, seconds.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import uvloop

from catdog_api.bounded import HEAD_LINES, MAX_PIPELINED
from catdog_api.protocol import BYTES_PER_SECOND, READING_SECONDS, SLOW_SECONDS
from tests.raw_client import assert_refused_or_answered, exchange
from tests.raw_requests import HEADERS, PART, odd_requests
from tests.serving import HEAD

TCP_CLOSE = 7  # the state that TCP_INFO begins with, tcp(7); a client that does not read learns it nowhere else
GET_LARGE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: catdog.test\r\n\r\n"

OTHERS = (b"GET / HTTP/1.1\r\nHost:c\r\n" + b"a:b\r\n" * (HEAD_LINES // MAX_PIPELINED - 1) + b"\r\n") * 1000

ODD = odd_requests(10**6)

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


async def body_by_bits_after_a_good_start() -> AsyncIterator[bytes]:
    """Send twice as much of a photograph at once as must come in the time, and then 500 bytes of it every second."""
    yield HEAD % 10**6 + bytes(2 * SLOW_SECONDS * BYTES_PER_SECOND)
    for _ in range(4 * SLOW_SECONDS):
        yield b"x" * 500
        await asyncio.sleep(1)


async def never_reading() -> AsyncIterator[bytes]:
    """Ask for more than all buffers hold."""
    yield 12 * GET_LARGE
    await asyncio.sleep(2 * READING_SECONDS)


async def never_reading_and_asking_on() -> AsyncIterator[bytes]:
    """Ask for more than all buffers hold, and for a thousand things behind it."""
    yield 2 * GET_LARGE + OTHERS
    await asyncio.sleep(2 * READING_SECONDS)


async def gigabyte() -> AsyncIterator[bytes]:
    """Send a gigabyte as a form's file, in chunks; not without a pause."""
    await asyncio.sleep(1)
    yield b"\r\n".join([b"POST /predict HTTP/1.1", *HEADERS, b"Transfer-Encoding: chunked", b""])
    yield b"\r\n%x\r\n%s\r\n" % (len(PART), PART)
    for _ in range(1024):
        yield b"100000\r\n" + bytes(1024**2) + b"\r\n"


async def odd(port: int) -> float:
    """Send the next odd request, hold its answers to the promise, and return how long that took."""
    made, sent = next(ODD)
    began = time.monotonic()
    assert_refused_or_answered(await exchange(f"http://127.0.0.1:{port}", sent), made)
    return time.monotonic() - began


async def seconds_until_closed(say: Say, port: int, *, reads: bool = True) -> float:
    """Connect, be slow, and return how long the service bore it."""
    with socket.socket() as connection:
        if not reads:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", port))
        began = time.monotonic()
        saying = asyncio.create_task(_say(connection, say))
        try:
            if not reads:
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


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of client.

    Attributes:
        once: Does it once to a port, and returns how long the service bore it, seconds.
        promised: How long the service promises to bear it, seconds.
        clients: How many at once.
    """

    once: Callable[[int], Coroutine[None, None, float]]
    promised: float = SLOW_SECONDS
    clients: int = 300


KINDS = {
    "no byte": Kind(partial(seconds_until_closed, nothing)),
    "header dribbled": Kind(partial(seconds_until_closed, header_by_header)),
    "body dribbled": Kind(partial(seconds_until_closed, body_by_bits)),
    "good start, then dribbled": Kind(partial(seconds_until_closed, body_by_bits_after_a_good_start)),
    "answer not read": Kind(partial(seconds_until_closed, never_reading, reads=False), READING_SECONDS),
    "pipelined headers, answers not read": Kind(
        partial(seconds_until_closed, never_reading_and_asking_on, reads=False), READING_SECONDS
    ),
    "a gigabyte": Kind(partial(seconds_until_closed, gigabyte), clients=1),
    "odd requests": Kind(odd, clients=4),
}


async def hold(port: int, kind: Kind, until: float) -> list[float]:
    """Keep one client attached until then, one after another; return how long each was borne, seconds."""
    borne = [await kind.once(port)]
    while time.monotonic() < until:
        borne.append(await kind.once(port))
    return borne


async def main(port: int, kind: Kind, clients: int, seconds: float) -> None:
    """Hold on to the service with so many at once."""
    print("ready", flush=True)  # noqa: T201  # to whoever started it
    sys.stdin.readline()
    until = time.monotonic() + seconds
    held = await asyncio.gather(*(hold(port, kind, until) for _ in range(clients)))
    print(json.dumps([each for one in held for each in one]))  # noqa: T201


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), KINDS[sys.argv[2]], int(sys.argv[3]), float(sys.argv[4])))
