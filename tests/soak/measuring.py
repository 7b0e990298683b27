"""What the long tests measure again and again: capacity, a lone request's time, the service's memory and probes."""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection

from tests.service import Service
from tests.soak.client import Load, press
from tests.soak.scale import seconds

CORES = len(os.sched_getaffinity(0))
CALLERS = 16  # as many as the benchmarks have connections: two batches, one in the model and one on its way
LONE_CALLS = 20
MEGABYTE = 10**6
PATIENCE_SECONDS = 60  # of a probe that is not answered: then the test fails


async def capacity(service: Service, requests: Sequence[bytes]) -> Load:
    """Return what a closed loop of callers gets out of a warm service: as much as it can give."""
    await press(service.port, requests, callers=CALLERS, seconds=seconds(5))
    load = await press(service.port, requests, callers=CALLERS, seconds=seconds(20, 4))
    assert load.answered
    return load


async def alone(service: Service, requests: Sequence[bytes]) -> float:
    """Return the median time of one caller's answers, seconds; all have to be answers."""
    times: list[float] = []
    for number in range(LONE_CALLS):
        load = await press(service.port, [requests[number % len(requests)]], callers=1, seconds=0.0)
        assert set(load.statuses) == {200}, load.statuses
        times.append(load.calls[0].seconds)
    return statistics.median(times)


@contextmanager
def memory_of(
    service: Service, interval_seconds: float = 2.0, besides: int | None = None, kind: str = "Pss"
) -> Iterator[list[tuple[float, int]]]:
    """Sample during the block what the service holds: pairs of `time.monotonic` and bytes (PSS).

    Args:
        service: All of its processes together.
        interval_seconds: Between two samples; each walks the page tables, some 10 ms.
        besides: A process that is none of the service's, although this one has started it.
        kind: As for `proportional`.
    """
    samples = [(time.monotonic(), service.memory_bytes(besides, kind))]
    with _every(interval_seconds, lambda: samples.append((time.monotonic(), service.memory_bytes(besides, kind)))):
        yield samples


@contextmanager
def probed(service: Service) -> Iterator[list[tuple[int, float]]]:
    """Ask each second during the block whether the service is ready and live, on new connections, as Kubernetes does.

    Yields pairs of a status and seconds.
    """
    answers: list[tuple[int, float]] = []

    def probe() -> None:
        for path in ("/health/ready", "/health/live"):
            began = time.monotonic()
            connection = HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_SECONDS)
            connection.request("GET", path)
            answers.append((connection.getresponse().status, time.monotonic() - began))
            connection.close()

    with _every(1, probe):
        yield answers


@contextmanager
def _every(interval_seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Do something again and again during the block, in a thread, because the client's event loop may be late.

    Raises:
        Exception: What it raised.
    """
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(interval_seconds):
            act()

    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(go_on)
        try:
            yield
        finally:
            ended.set()
        acting.result()
