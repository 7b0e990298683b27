"""More requests than the service can answer: it goes on answering as many as it can, and refuses the others at once.

The load is an open loop: times of arrival are drawn beforehand and do not wait for answers, and an answer's time counts
from then. Client and service share the machine's cores. The client is cheap (prepared bytes, uvloop, an answer's status
and length are all that it reads), and still at ten times the capacity it takes a good part of a core; so rates are
compared as `make bench` does it, with the client's processor time taken out of the window, and both are in the figures.
Of what the service itself spends on refusing, nothing is taken out.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import uvloop

from catdog_api.settings import Settings
from tests.custom_kinds import pods
from tests.kustomize import BUILDS, build, of_kind
from tests.service import Service
from tests.soak.calls import LOST
from tests.soak.client import Load, offer, quantile
from tests.soak.figures import Record
from tests.soak.measuring import CORES, MEGABYTE, alone, capacity, memory_of, probed
from tests.soak.scale import seconds

DEADLINE_SECONDS = Settings().deadline_seconds
SETTLING_SHARE = 1 / 6  # of a window: in it the service takes the memory that it needs for that load
NORMAL_AFTER_SECONDS = 2
PATIENCE_SECONDS = 1.5 * DEADLINE_SECONDS  # of a caller who is not even refused: it leaves, and the test fails


def figures(load: Load, most: Load) -> dict[str, Any]:
    """Return what a load was and what became of it, beside the capacity."""
    times = [call.seconds for call in load.answered]
    late = [call.sent - call.due for call in load.calls if call.sent]
    return {
        "capacity_per_second": len(most.answered) / most.seconds,
        "capacity_without_client_per_second": most.rate(CORES),
        "offered_per_second": len(load.calls) / load.seconds,
        "goodput_per_second": len(load.answered) / load.seconds,
        "goodput_without_client_per_second": load.rate(CORES),
        "goodput_over_capacity": len(load.answered) / load.seconds / (len(most.answered) / most.seconds),
        "goodput_over_capacity_without_client": load.rate(CORES) / most.rate(CORES),
        "client_cores": load.client_seconds / load.seconds,
        "sent_late_p99_seconds": quantile(late, 0.99),
        "statuses": {str(status): count for status, count in sorted(load.statuses.items())},
        "accepted": len(load.accepted),
        "accepted_but_late": load.statuses[504],
        "accepted_but_lost": load.statuses[LOST],
        "accepted_answered_in_time": load.share_in_time(DEADLINE_SECONDS),
        "answered_p50_seconds": quantile(times, 0.5),
        "answered_p99_seconds": quantile(times, 0.99),
    }


def test_at_three_times_its_capacity_it_answers_nearly_as_many(
    service: Service, photographs: Sequence[bytes], record: Record
) -> None:
    async def measure() -> dict[str, Any]:
        most = await capacity(service, photographs)
        rate = 3 * len(most.answered) / most.seconds
        load = await offer(service.port, photographs, rate=rate, seconds=seconds(60, 5))
        await load.finish(2 * DEADLINE_SECONDS)
        return figures(load, most)

    found = uvloop.run(measure())
    record("overload, 3 x capacity", found)
    assert found["statuses"].keys() <= {"200", "503", "504"}
    assert found["goodput_over_capacity_without_client"] >= 0.8
    assert found["accepted_answered_in_time"] >= 0.99


def test_at_ten_times_its_capacity_it_holds_no_more_memory_and_is_ready_all_the_time_and_well_at_once_when_it_is_over(
    service: Service, photographs: Sequence[bytes], record: Record
) -> None:
    async def measure() -> dict[str, Any]:
        most = await capacity(service, photographs)
        before = await alone(service, photographs)
        rate = 10 * len(most.answered) / most.seconds
        began = time.monotonic()
        with memory_of(service) as samples, probed(service) as probes:
            load = await offer(
                service.port, photographs, rate=rate, seconds=seconds(180, 8), leaves_after=lambda _: PATIENCE_SECONDS
            )
        await asyncio.sleep(NORMAL_AFTER_SECONDS)
        after = await alone(service, photographs)
        await load.finish(2 * DEADLINE_SECONDS)
        held = [size for moment, size in samples if moment > began + SETTLING_SHARE * load.seconds]
        memory = {"least_megabytes": min(held) / MEGABYTE, "most_megabytes": max(held) / MEGABYTE}
        statuses, times = zip(*probes, strict=True)
        of_probes = {"probe_statuses": sorted(set(statuses)), "probe_slowest_seconds": max(times)}
        lone = {"alone_before_seconds": before, "alone_after_seconds": after}
        return {**figures(load, most), **memory, **of_probes, **lone}

    found = uvloop.run(measure())
    record("overload, 10 x capacity", found)
    assert found["statuses"].keys() <= {"200", "503", "504"}
    assert found["most_megabytes"] <= 1.1 * found["least_megabytes"]
    assert found["alone_after_seconds"] <= 2 * found["alone_before_seconds"]
    (container,) = pods(of_kind(build(BUILDS["production"]), "Deployment"))["catdog-api"]["containers"]
    assert found["probe_statuses"] == [200]
    assert found["probe_slowest_seconds"] < container["readinessProbe"]["timeoutSeconds"]
    assert service.count("catdog_queue_depth") == 0
