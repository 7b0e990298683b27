"""SIGTERM at random moments under load, again and again: no request that was accepted is lost, and the grace ends it.

What is accepted: a request on a connection that was made (the caller's connect has succeeded) and that was sent, all of
it, before the service closed that connection. It gets a whole answer, whatever its status. A connect that is refused
after the listener has closed is none.

On a connection that is kept, each answer after the signal says `Connection: close`, and a caller that heeds it sends
nothing more. That leaves one race, which HTTP has by its nature (RFC 9112, section 9.5): a caller that had its answer
before the signal, idles for longer than the last call of one second, and sends just as the connection closes. The
callers here send their next request at once, so that no idle connection of theirs is that old, and nothing is excused.

A slow client, whose body would not be whole for half an hour, is attached each time: the grace cuts it off.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest
import uvloop

from tests.errands import wait_until
from tests.service import started
from tests.soak.calls import LOST, REFUSED
from tests.soak.client import Load, press
from tests.soak.figures import Record
from tests.soak.scale import times
from tests.soak.slow import body_by_bits, seconds_until_closed

WORKERS = {1: times(50), 2: times(20)}
"""How many end in order, so often."""

CALLERS = 8  # of each kind: those that keep their connection, and those that open one for each request
LONGEST_SECONDS = 2.0  # from the load's start to the signal
GRACE_SECONDS, SLACK_SECONDS = 3, 1.5
BOUND = 60


async def press_until_it_ends(port: int, photographs: Sequence[bytes], end: float, process: int) -> list[Load]:
    """Call on in both ways beside a slow client, have the signal sent in the midst of it, and return all calls."""
    asyncio.get_running_loop().call_later(end, os.kill, process, signal.SIGTERM)
    kept, opened = (
        press(port, photographs, callers=CALLERS, seconds=BOUND, keep_alive=keep_alive) for keep_alive in (True, False)
    )
    of_kept, of_opened, _ = await asyncio.gather(kept, opened, seconds_until_closed(body_by_bits, port))
    return [of_kept, of_opened]


def all_serve(log: Path, workers: int) -> bool:
    """Say whether each worker has its model."""
    return log.read_text().count(" is loaded") == workers


@pytest.mark.parametrize(("workers", "ends"), WORKERS.items())
def test_no_accepted_request_is_lost_when_the_service_is_told_to_end(
    workers: int, ends: int, photographs: Sequence[bytes], record: Record, tmp_path: Path
) -> None:
    chance = Random(4)  # noqa: S311  # no secret
    statuses: Counter[int] = Counter()
    took: list[float] = []
    for number in range(ends):
        log = tmp_path / f"{number}.log"
        with started(log, "--workers", str(workers), "--grace-seconds", str(GRACE_SECONDS)) as service:
            wait_until(partial(all_serve, log, workers), BOUND)
            end = chance.uniform(0.2, LONGEST_SECONDS)
            began = time.monotonic()
            loads = uvloop.run(press_until_it_ends(service.port, photographs, end, service.process.pid))
            assert service.process.wait(BOUND) == 0
            took.append(time.monotonic() - began - end)
        for load in loads:
            statuses.update(load.statuses)
    found = {"ends": ends, "statuses": {str(key): count for key, count in sorted(statuses.items())}}
    name = "SIGTERM under load" if workers == 1 else f"SIGTERM under load, {workers} workers"
    record(name, {**found, "lost": statuses[LOST], "longest_end_seconds": max(took)})
    assert statuses[LOST] == 0
    assert statuses[REFUSED] == 2 * CALLERS * ends, "somebody was let off before the listener closed"
    assert statuses.keys() <= {200, 503, 504, REFUSED}
    assert min(took) > GRACE_SECONDS, "the slow client was let go earlier"
    assert max(took) < GRACE_SECONDS + SLACK_SECONDS
