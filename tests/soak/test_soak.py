"""Half an hour at half of the capacity, with all kinds of photographs: the memory does not grow, and a leak would show.

Memory is what is of no file in the PSS of the service's processes, every five seconds: a file's share falls by some MB
while another Python runs on the machine. Before, the service is asked for twice what it can for a minute: what it holds
at its fullest it has taken then, and does not take bit by bit in the half hour, each time that by chance more callers
come together than ever before. The first sixth is not judged: in it those connections are let go that are not needed at
half of the load. `trend.py` is the judgement, for the service and for the control, which is the same service with a
leak of a kilobyte a request.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.service import Service, started
from tests.soak.client import Load, offer, quantile
from tests.soak.figures import Record
from tests.soak.measuring import MEGABYTE, capacity, memory_of
from tests.soak.mixed import mixed_requests
from tests.soak.scale import seconds
from tests.soak.trend import BLOCKS, Trend, trend

KINDS = 200
SETTLING_SHARE = 1 / 6
HALF_AN_HOUR = 1800
CONTROL_SECONDS = 600  # a leak is seen sooner than its absence
INTERVAL_SECONDS = 5


@pytest.fixture(scope="module")
def mixed() -> Sequence[bytes]:
    """Return the requests."""
    return mixed_requests(KINDS)


async def half_capacity(service: Service, mixed: Sequence[bytes], window: float) -> tuple[Load, Trend, dict[str, Any]]:
    """Return what became of that load, how the memory went, and the figures of both."""
    most = await capacity(service, mixed)
    rate = len(most.calls) / most.seconds / 2
    fullest = await offer(service.port, mixed, rate=4 * rate, seconds=seconds(60, 4))
    await fullest.finish(30)
    interval = min(INTERVAL_SECONDS, window * (1 - SETTLING_SHARE) / BLOCKS / 4)
    with memory_of(service, interval, kind="Pss_Anon") as samples:
        load = await offer(service.port, mixed, rate=rate, seconds=window)
    await load.finish(30)
    settled = [(moment, size) for moment, size in samples if moment > samples[0][0] + SETTLING_SHARE * window]
    found = trend([moment / 60 for moment, _ in settled], [size / MEGABYTE for _, size in settled])
    sizes = [size / MEGABYTE for _, size in settled]
    return (
        load,
        found,
        {
            "seconds": window,
            "requests": len(load.calls),
            "requests_per_second": rate,
            "statuses": {str(status): count for status, count in sorted(load.statuses.items())},
            "answered_p99_seconds": quantile((call.seconds for call in load.answered), 0.99),
            "slope_megabytes_a_minute": found.slope,
            "slope_margin_99_percent": found.margin,
            "memory_megabytes": [min(sizes), max(sizes)],
            "memory_megabytes_in_blocks": list(found.means),
        },
    )


def test_the_memory_does_not_grow(mixed: Sequence[bytes], record: Record, tmp_path: Path) -> None:
    with started(tmp_path / "log") as service:
        load, found, figures = uvloop.run(half_capacity(service, mixed, seconds(HALF_AN_HOUR, 60)))
    record("soak", figures)
    assert load.statuses.keys() <= {200, 415, 422}, "at half of the capacity nobody is refused for want of room"
    assert not found.grows, found


def test_a_leak_of_a_kilobyte_a_request_is_found(mixed: Sequence[bytes], record: Record, tmp_path: Path) -> None:
    with started(tmp_path / "log", module="tests.soak.leaking") as leaking:
        _, found, figures = uvloop.run(half_capacity(leaking, mixed, seconds(CONTROL_SECONDS, 60)))
    record("soak, the control that leaks", figures)
    assert found.grows, found
