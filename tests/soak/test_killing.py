"""A worker of two is killed, or hangs, under load: only what it had in flight is lost, and it is replaced.

Whose connection is whose is read from /proc. The worker is stopped first, so that what it has in flight is known when
it is killed: it takes nothing on and answers nothing any more, and whoever waits in the listener's queue goes to the
other.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
import uvloop

from catdog_api import batching, workers
from tests.service import Service, started
from tests.soak.calls import LOST, Call
from tests.soak.client import press
from tests.soak.figures import Record
from tests.soak.scale import seconds, times

KILLS = times(20)
CALLERS = 8  # of each kind: those that keep their connection, and those that open one for each request
BOUND = 120
"""Seconds in which a worker has to be replaced: to load the model takes some, beside the load."""

HUNG_SECONDS = workers.SILENCE_SECONDS + batching.STUCK_SECONDS + 5


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve with two workers."""
    with started(tmp_path_factory.mktemp("workers") / "log", "--workers", "2") as running:
        yield running


def owned(process: int, port: int) -> set[int]:
    """Return the callers' ports of the connections that a process has open.

    Args:
        process: A worker.
        port: Of the service.
    """
    inodes = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            inodes.add(descriptor.readlink().name.removeprefix("socket:[").removesuffix("]"))
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote, inode = fields[1], fields[2], fields[9]
        if int(local.rpartition(":")[2], 16) == port and inode in inodes:
            found.add(int(remote.rpartition(":")[2], 16))
    return found


def stop(process: int) -> None:
    """Stop a process; return when its event loop, which is on its first thread, has stopped."""
    os.kill(process, signal.SIGSTOP)
    while " T " not in Path(f"/proc/{process}/stat").read_text():
        time.sleep(0.001)


async def wait_for_two(service: Service, but: int = 0) -> set[int]:
    """Return the workers, once there are two that serve under load, and none of them is the one that was."""
    async with asyncio.timeout(BOUND):
        while True:
            serving = {worker for worker in service.workers - {but} if owned(worker, service.port)}
            if len(serving) == 2:
                return serving
            await asyncio.sleep(0.05)


async def calls_meanwhile(service: Service, photographs: Sequence[bytes], over: asyncio.Event) -> list[Call]:
    """Call on in both ways until told to stop; return all calls."""
    calls: list[Call] = []

    async def call_on(*, keep_alive: bool) -> None:
        while not over.is_set():
            load = await press(service.port, photographs, callers=CALLERS, seconds=1, keep_alive=keep_alive)
            calls.extend(load.calls)

    await asyncio.gather(call_on(keep_alive=True), call_on(keep_alive=False))
    return calls


async def kill_one(
    service: Service, photographs: Sequence[bytes], chance: Random
) -> tuple[list[Call], set[int], float]:
    """Kill a worker under load; return all calls, the ports of the callers that it had, and when it was replaced."""
    over = asyncio.Event()
    calling = asyncio.create_task(calls_meanwhile(service, photographs, over))
    victim = chance.choice(sorted(await wait_for_two(service)))
    await asyncio.sleep(chance.uniform(0.1, seconds(1.5, 0.5)))
    stop(victim)
    ports = owned(victim, service.port)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    await wait_for_two(service, but=victim)
    took = time.monotonic() - began
    over.set()
    return await calling, ports, took


def test_kill_9_loses_only_what_that_worker_had_in_flight_and_it_is_replaced(
    service: Service, photographs: Sequence[bytes], record: Record
) -> None:
    chance = Random(4)  # noqa: S311  # no secret
    statuses: Counter[int] = Counter()
    elsewhere, took = 0, []
    for _ in range(KILLS):
        calls, ports, replaced = uvloop.run(kill_one(service, photographs, chance))
        statuses.update(call.status for call in calls)
        elsewhere += sum(call.status == LOST and call.local_port not in ports for call in calls)
        took.append(replaced)
    found = {"kills": KILLS, "statuses": {str(key): count for key, count in sorted(statuses.items())}}
    record("kill -9 of a worker", {**found, "lost_elsewhere": elsewhere, "longest_replacement_seconds": max(took)})
    assert elsewhere == 0
    assert statuses[LOST] <= 2 * CALLERS * KILLS
    assert statuses.keys() <= {200, 503, 504, LOST}


def test_a_worker_that_hangs_is_replaced(service: Service, photographs: Sequence[bytes], record: Record) -> None:
    async def hang_one() -> tuple[float, float]:
        over = asyncio.Event()
        calling = asyncio.create_task(calls_meanwhile(service, photographs, over))
        victim = min(await wait_for_two(service))
        began = time.monotonic()
        os.kill(victim, signal.SIGSTOP)
        async with asyncio.timeout(BOUND):
            while victim in service.workers:  # noqa: ASYNC110  # the kernel's, behind /proc
                await asyncio.sleep(0.05)
        killed = time.monotonic() - began
        await wait_for_two(service, but=victim)
        over.set()
        await calling
        return killed, time.monotonic() - began

    killed, replaced = uvloop.run(hang_one())
    record("a worker that hangs", {"killed_after_seconds": killed, "replaced_after_seconds": replaced})
    assert killed < HUNG_SECONDS
