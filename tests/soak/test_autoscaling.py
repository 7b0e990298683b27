"""What autoscalers act upon, against what is asked of a service: how busy its cores are, and how many requests it has.

In an open loop, as those come of whom nobody waits for another; of a share of the capacity, and of more than that. The
settings are as they are, which on two cores are those of a pod and of a replica of `deploy/ray`. The client shares the
cores, and what it takes counts for nobody.
"""

import re
from collections.abc import Sequence

import numpy as np
import uvloop

from benchmarks.growing import read
from benchmarks.processes import cpu_seconds
from tests.kustomize import BUILDS, build, of_kind
from tests.service import ROOT, Service
from tests.soak.client import offer
from tests.soak.figures import Record
from tests.soak.measuring import CORES, capacity
from tests.soak.scale import seconds

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5)
TOLERANCE = 1.1
"""Kubernetes leaves as many pods as there are while they are busier than they are to be by no more than that."""


def test_a_service_that_is_full_is_given_help(service: Service, photographs: Sequence[bytes], record: Record) -> None:
    async def measure() -> list[dict[str, float]]:
        most = await capacity(service, photographs)
        windows = []
        for share in SHARES:
            spent, rate = cpu_seconds(), share * len(most.answered) / most.seconds
            load = await offer(service.port, photographs, rate=rate, seconds=seconds(20, 4))
            busy = (cpu_seconds() - spent) / load.seconds / CORES
            await load.finish(30)
            windows.append(
                {
                    "share_of_capacity": share,
                    "asked_per_second": len(load.calls) / load.seconds,
                    "answered_per_second": len(load.answered) / load.seconds,
                    "client_cores": load.client_seconds / load.seconds,
                    "busy": busy,
                    "requests_at_once": sum(call.seconds for call in load.answered) / load.seconds,  # by Little's law
                }
            )
        return windows

    windows = uvloop.run(measure())
    record("autoscaling", {"windows": windows})
    (cpu, _) = of_kind(build(BUILDS["production"]), "HorizontalPodAutoscaler")["spec"]["metrics"]
    target = cpu["resource"]["target"]["averageUtilization"] / 100
    assert all(window["busy"] > TOLERANCE * target for window in windows if window["share_of_capacity"] >= 1)
    busy, at_once = ([window[name] for window in windows] for name in ("busy", "requests_at_once"))
    (ongoing,) = re.findall(r"^ONGOING = (\d+)$", (ROOT / "deploy/ray/catdog_ray.py").read_text(), re.MULTILINE)
    rays = read()["busy_percent"]["Ray"] / 100
    assert abs(np.interp(rays, busy, at_once) - int(ongoing)) < 1.5
