"""A cheap client: prepared bytes over raw connections on uvloop, at times that do not depend on the answers.

It has to be cheap, because it shares two cores with the service: what it took of them is told with its calls.
"""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from tests.soak.calls import LOST, REFUSED, Call, Connection

PATIENCE = 60
"""Seconds for one call, on a machine with other things to do."""


@dataclass(slots=True)
class Load:
    """Calls, and over what time they were made.

    Attributes:
        calls: In the order in which they were due.
        seconds: From the first to the last.
        client_seconds: Of the processor, which this process took meanwhile.
        connections: All that were opened.
    """

    calls: list[Call]
    seconds: float
    client_seconds: float
    connections: list[Connection] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """How often there was each."""
        return Counter(call.status for call in self.calls)

    @property
    def answered(self) -> list[Call]:
        """Those with an answer to the photograph."""
        return [call for call in self.calls if call.status == 200]

    @property
    def accepted(self) -> list[Call]:
        """Those that were taken on: answered, answered too late to be of use (504), or lost."""
        return [call for call in self.calls if call.status in {200, 504, LOST}]

    def share_in_time(self, seconds: float) -> float:
        """Return how many of the accepted had an answer to the photograph in that time, in [0, 1]."""
        return sum(call.seconds <= seconds for call in self.answered) / len(self.accepted)

    def rate(self, cores: int) -> float:
        """Return the answers a second that the service would have given had this process taken nothing from it."""
        return len(self.answered) / (self.seconds - self.client_seconds / cores)

    async def finish(self, patience_seconds: float) -> None:
        """Wait for what is still under way, and close the connections."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_seconds
        while any(not call.ended for call in self.calls) and loop.time() < deadline:  # noqa: ASYNC110  # cheap
            await asyncio.sleep(0.05)
        for connection in self.connections:
            connection.transport.abort()
        await asyncio.sleep(0.05)


def quantile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that is not exceeded by that share of them."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


class _Pool:
    """Sends calls over connections of its own, each used again once its call has ended. On the event loop.

    Args:
        port: On 127.0.0.1.
        load: Is given the connections.
        keep_alive: Whether they are used again.
    """

    def __init__(self, port: int, load: Load, *, keep_alive: bool = True) -> None:
        self._port = port
        self._load = load
        self._keep_alive = keep_alive
        self._idle: list[Connection] = []
        self.done = asyncio.Event()

    async def send(self, call: Call, request: bytes) -> Connection | None:
        """Send a call's request; return its connection, or None where that is refused: then so is the call."""
        while self._idle and not self._idle[-1].is_open:
            self._idle.pop()
        connection = self._idle.pop() if self._idle else await self._connect()
        if connection is None:
            call.status, call.ended = REFUSED, asyncio.get_running_loop().time()
        else:
            connection.send(call, request)
        return connection

    async def _connect(self) -> Connection | None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: Connection(self._ended), "127.0.0.1", self._port)
        except ConnectionError:
            return None
        self._load.connections.append(connection)
        return connection

    def _ended(self, connection: Connection) -> None:
        if connection.is_open and self._keep_alive:
            self._idle.append(connection)
        else:
            connection.transport.close()
        self.done.set()


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage during the block: among a million calls that takes half a second, in which none is sent."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def offer(  # noqa: PLR0913  # an open loop has that many sides
    port: int,
    requests: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    leaves_after: Callable[[int], float | None] = lambda _: None,
    seed: int = 4,
) -> Load:
    """Send requests at random times that are fixed beforehand (a Poisson process), whatever becomes of them.

    Returns when the last has been sent; `finish` waits for the answers.

    Args:
        port: On 127.0.0.1.
        requests: Sent in turn.
        rate: Requests a second.
        seconds: How long.
        leaves_after: For the call of that number, when it is given up, seconds; None is never.
        seed: Of the times.
    """
    loop, chance = asyncio.get_running_loop(), Random(seed)  # noqa: S311  # no secret
    load = Load([], seconds, 0.0)
    pool = _Pool(port, load)

    async def send(call: Call, number: int) -> None:
        connection = await pool.send(call, requests[number % len(requests)])
        if connection and (patience := leaves_after(number)) is not None:
            loop.call_later(patience, connection.leave, call)

    cpu, started = time.process_time(), loop.time()
    due = started
    with uncollected():
        async with asyncio.TaskGroup() as group:
            while (due := due + chance.expovariate(rate)) < started + seconds:
                await asyncio.sleep(due - loop.time())
                load.calls.append(Call(due))
                group.create_task(send(load.calls[-1], len(load.calls)))
            await asyncio.sleep(started + seconds - loop.time())
    load.client_seconds = time.process_time() - cpu
    return load


async def press(port: int, requests: Sequence[bytes], *, callers: int, seconds: float, keep_alive: bool = True) -> Load:
    """Keep so many calls under way, each caller's next one when the last was answered (a closed loop).

    A caller makes at least one call, and ends early where it finds no listener, with a call that says so.

    Args:
        port: On 127.0.0.1.
        requests: Sent in turn.
        callers: How many.
        seconds: How long.
        keep_alive: Whether a caller keeps its connection.

    Raises:
        TimeoutError: A call was neither answered nor given up.
    """
    loop = asyncio.get_running_loop()
    load = Load([], seconds, 0.0)
    cpu, started = time.process_time(), loop.time()

    async def call_on() -> None:
        pool = _Pool(port, load, keep_alive=keep_alive)
        while loop.time() < started + seconds or not load.calls:
            call = Call(loop.time())
            load.calls.append(call)
            pool.done.clear()
            async with asyncio.timeout(PATIENCE):
                if await pool.send(call, requests[len(load.calls) % len(requests)]) is None:
                    return
                await pool.done.wait()

    await asyncio.gather(*(call_on() for _ in range(callers)))
    load.client_seconds = time.process_time() - cpu
    await load.finish(0)
    return load
