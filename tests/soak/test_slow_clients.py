"""Three hundred slow clients of each kind: they are closed in the time that is promised, and nobody else notices."""

import asyncio
import socket
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

import pytest
import uvloop

from catdog_api.protocol import READING_SECONDS, SLOW_SECONDS
from tests.service import Service
from tests.serving import HEAD
from tests.soak.client import Load, offer, quantile
from tests.soak.figures import Record
from tests.soak.measuring import MEGABYTE, memory_of
from tests.soak.scale import seconds, times

CLIENTS = times(300, 20)
OTHERS_PER_SECOND = 20  # a light load, so that what is slower is so because of the slow clients
SLACK_SECONDS = 2.5  # for clocks that tick once a second, and two busy cores
WINDOW_SECONDS = 40
MOST_BYTES = 20 * MEGABYTE
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


async def others(service: Service, photographs: Sequence[bytes], window: float) -> Load:
    """Return what becomes of others' requests meanwhile."""
    load = await offer(service.port, photographs, rate=OTHERS_PER_SECOND, seconds=window)
    await load.finish(30)
    assert set(load.statuses) == {200}, load.statuses
    return load


@pytest.mark.parametrize(
    ("say", "promised"),
    [
        pytest.param(nothing, SLOW_SECONDS, id="no byte"),
        pytest.param(header_by_header, SLOW_SECONDS, id="header dribbled"),
        pytest.param(body_by_bits, SLOW_SECONDS, id="body dribbled"),
        pytest.param(never_reading, READING_SECONDS, id="answer not read"),
    ],
)
def test_slow_clients_are_let_go_in_time_and_cost_the_others_nothing(  # noqa: PLR0913, PLR0917  # as many fixtures
    service: Service,
    photographs: Sequence[bytes],
    record: Record,
    say: Say,
    promised: float,
    request: pytest.FixtureRequest,
) -> None:
    async def measure() -> tuple[list[float], Load, Load, float]:
        window = seconds(WINDOW_SECONDS, 10)
        await others(service, photographs, seconds(10, 5))
        with memory_of(service, 1) as before:
            idle = await others(service, photographs, window)
        with memory_of(service, 1) as during:
            until = time.monotonic() + window
            holding = [asyncio.create_task(hold(service.port, say, until)) for _ in range(CLIENTS)]
            beside = await others(service, photographs, window)
            borne = [each for one in await asyncio.gather(*holding) for each in one]
        grown = max(size for _, size in during) - statistics.median(size for _, size in before)
        return borne, idle, beside, grown

    borne, idle, beside, grown = uvloop.run(measure())
    idle_p99 = quantile((call.seconds for call in idle.answered), 0.99)
    beside_p99 = quantile((call.seconds for call in beside.answered), 0.99)
    name = request.node.callspec.id
    record(
        f"slow clients, {name}",
        {
            "clients": CLIENTS,
            "closed_after_seconds": [min(borne), max(borne)],
            "promised_seconds": promised,
            "grown_megabytes": grown / MEGABYTE,
            "others_p99_seconds": beside_p99,
            "others_p99_idle_seconds": idle_p99,
        },
    )
    assert max(borne) <= promised + SLACK_SECONDS
    assert grown < MOST_BYTES
    assert beside_p99 < 2 * idle_p99
