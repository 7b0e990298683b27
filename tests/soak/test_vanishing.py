"""Half of the callers leave after 50 ms, at twice the capacity and a little more: hardly any work is done for them.

The work is counted in photographs that the model was given. Whoever stays and whoever was answered within the 50 ms has
an answer; every photograph beyond those was for somebody who had left, or too late for somebody who had not. Counted in
processor time it is what the answers did not take, at what one takes where nobody leaves: there decoding is in it, and
refusing.
"""

import time
from collections.abc import Sequence

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


def test_less_than_a_tenth_of_the_work_is_for_callers_that_left_under_load(
    service: Service, photographs: Sequence[bytes], record: Record
) -> None:
    async def measure() -> tuple[Load, float, float]:
        most = await capacity(service, photographs)
        spent = cpu_seconds()
        calm = await press(service.port, photographs, callers=CALLERS, seconds=seconds(20, 4))
        an_answer = (cpu_seconds() - spent) / len(calm.answered)
        before, spent = service.count("catdog_batch_size_sum"), cpu_seconds()
        load = await offer(
            service.port,
            photographs,
            rate=OVERLOAD * len(most.answered) / most.seconds,
            seconds=seconds(60, 6),
            leaves_after=lambda number: PATIENCE if number % 2 else None,
        )
        await load.finish(30)
        for_answers = an_answer * len(load.answered) / (cpu_seconds() - spent)
        return load, service.count("catdog_batch_size_sum") - before, for_answers

    load, worked, for_answers = uvloop.run(measure())
    deadline = time.monotonic() + QUIET_SECONDS
    while (depth := service.count("catdog_queue_depth")) and time.monotonic() < deadline:
        time.sleep(0.1)
    wasted = worked - len(load.answered)
    statuses = {str(status): count for status, count in sorted(load.statuses.items())}
    figures = {"photographs_in_the_model": worked, "for_nobody": wasted, "processor_time_for_answers": for_answers}
    record("vanishing", {"statuses": statuses, **figures})
    assert depth == 0
    assert load.statuses[LEFT] > len(load.calls) / 4
    assert wasted < worked / 10
    assert for_answers > 0.9
