"""Half of the callers leave after 50 ms, at twice the capacity and a little more: hardly any work is done for them.

The work is counted in photographs that the model was given. Whoever stays and whoever was answered within the 50 ms has
an answer; every photograph beyond those was for somebody who had left, or too late for somebody who had not. In
processor time it is what neither answers nor refusals took: an answer at what it takes where nobody leaves and nobody
is refused, and a refusal at what is left for it where as many call and all of them stay. Some of it goes for whoever
leaves: the connection, the request, and its way through the framework to where it waits.
"""

import time
from collections.abc import Awaitable, Sequence

import uvloop

from benchmarks.processes import cpu_seconds
from tests.service import Service
from tests.soak.calls import LEFT
from tests.soak.client import Load, offer, press
from tests.soak.figures import Record
from tests.soak.measuring import CALLERS, capacity
from tests.soak.scale import seconds

PATIENCE = 0.05
"""Seconds after which every second caller leaves."""

OVERLOAD = 2.2
"""Times the capacity: those who stay alone are more than can be answered, so that everybody waits longer than that; at
more, most are refused before they could leave."""

QUIET_SECONDS = 2
REFUSAL = 503


async def spending(calling: Awaitable[Load]) -> tuple[Load, float]:
    """Return calls that have all ended, and the seconds of the processor that the service took for them."""
    spent = cpu_seconds()
    load = await calling
    await load.finish(30)
    return load, cpu_seconds() - spent


def test_less_than_a_tenth_of_the_work_is_for_callers_that_left_under_load(
    service: Service, photographs: Sequence[bytes], record: Record
) -> None:
    async def measure() -> tuple[Load, float, float]:
        most = await capacity(service, photographs)
        rate = OVERLOAD * len(most.answered) / most.seconds
        calm, spent = await spending(press(service.port, photographs, callers=CALLERS, seconds=seconds(20, 4)))
        an_answer = spent / len(calm.answered)
        staying, spent = await spending(offer(service.port, photographs, rate=rate, seconds=seconds(60, 6)))
        a_refusal = (spent - an_answer * len(staying.answered)) / staying.statuses[REFUSAL]
        before = service.count("catdog_batch_size_sum")
        load, spent = await spending(
            offer(
                service.port,
                photographs,
                rate=rate,
                seconds=seconds(60, 6),
                leaves_after=lambda number: PATIENCE if number % 2 else None,
            )
        )
        for_somebody = (an_answer * len(load.answered) + a_refusal * load.statuses[REFUSAL]) / spent
        return load, service.count("catdog_batch_size_sum") - before, for_somebody

    load, worked, for_somebody = uvloop.run(measure())
    deadline = time.monotonic() + QUIET_SECONDS
    while (depth := service.count("catdog_queue_depth")) and time.monotonic() < deadline:
        time.sleep(0.1)
    wasted = worked - len(load.answered)
    statuses = {str(status): count for status, count in sorted(load.statuses.items())}
    figures = {"photographs_in_the_model": worked, "for_nobody": wasted, "processor_time_for_somebody": for_somebody}
    record("vanishing", {"statuses": statuses, **figures})
    assert depth == 0
    assert load.statuses[LEFT] > len(load.calls) / 4
    assert wasted < worked / 10
    assert for_somebody > 0.8
