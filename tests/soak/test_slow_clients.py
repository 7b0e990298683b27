"""Clients of each bad kind, 300 of the slow ones: closed in the time that is promised, and nobody else notices."""

import asyncio
import json
import statistics
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence

import pytest
import uvloop

from tests.service import Service
from tests.soak.client import Load, offer, quantile
from tests.soak.figures import Record
from tests.soak.measuring import MEGABYTE, memory_of
from tests.soak.scale import seconds, times
from tests.soak.slow import KINDS

OTHERS_PER_SECOND = 20  # a light load, so that what is slower is so because of the slow clients
SLACK_SECONDS = 2.5  # for clocks that tick once a second, and two busy cores
WINDOW_SECONDS = 40
MAX_BYTES = 20 * MEGABYTE


async def others(service: Service, photographs: Sequence[bytes], window: float) -> Load:
    """Return what becomes of others' requests meanwhile."""
    load = await offer(service.port, photographs, rate=OTHERS_PER_SECOND, seconds=window)
    await load.finish(30)
    assert set(load.statuses) == {200}, load.statuses
    return load


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_let_go_in_time_and_cost_the_others_nothing(
    service: Service, photographs: Sequence[bytes], record: Record, kind: str
) -> None:
    window, promised = seconds(WINDOW_SECONDS, 10), KINDS[kind].promised
    clients = times(KINDS[kind].clients, min(20, KINDS[kind].clients))

    async def measure() -> tuple[list[float], Load, Load, float]:
        command = (sys.executable, "-m", "tests.soak.slow", str(service.port), kind, str(clients), str(window))
        slow = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        assert slow.stdin is not None
        assert slow.stdout is not None
        await slow.stdout.readline()  # what it shares with the service is counted by half from here on
        await others(service, photographs, seconds(10, 5))
        with memory_of(service, 1, besides=slow.pid) as before:
            idle = await others(service, photographs, window)
        with memory_of(service, 1, besides=slow.pid) as during:
            slow.stdin.write(b"\n")
            beside = await others(service, photographs, window)
        borne = json.loads((await slow.communicate())[0])
        grown = max(size for _, size in during) - statistics.median(size for _, size in before)
        return borne, idle, beside, grown

    borne, idle, beside, grown = uvloop.run(measure())
    idle_p99 = quantile((call.seconds for call in idle.answered), 0.99)
    beside_p99 = quantile((call.seconds for call in beside.answered), 0.99)
    record(
        f"slow clients, {kind}",
        {
            "clients": clients,
            "closed_after_seconds": [min(borne), max(borne)],
            "promised_seconds": promised,
            "grown_megabytes": grown / MEGABYTE,
            "others_p99_seconds": beside_p99,
            "others_p99_idle_seconds": idle_p99,
        },
    )
    assert max(borne) <= promised + SLACK_SECONDS
    assert grown < MAX_BYTES
    assert beside_p99 < 2 * idle_p99
