"""Throughput against the nodes of a Ray cluster on this machine: with the true model, and with one that waits.

    PYTHONPATH=src:deploy/ray python -m benchmarks.nodes

A node has one core and one replica of one core; with the true model there can be as many as the machine has cores. Past
that `benchmarks.waiting` stands in, which waits as long as the true model computes. All else of a replica computes, and
is soon too much for these cores; so a second one waits many times as long, which leaves them idle, and shows whether
requests are shared out so that no node is without one. How much a proxy passes on, README's *Growing* says.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import catdog_ray
from ray import serve

from benchmarks.cluster import ENVIRONMENT, Nodes
from benchmarks.figures import CORES
from benchmarks.loading import ClientError, load
from benchmarks.photographs import write_raw
from benchmarks.processes import adopt_orphans, cpu_seconds
from benchmarks.registry import ROOT
from benchmarks.report import plot_nodes
from benchmarks.run import machine
from benchmarks.servers import free_port
from benchmarks.waiting import Waiting, measured_seconds
from catdog_api.app import load_model
from catdog_api.artifact import read_manifest
from catdog_api.settings import read_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

STAND_INS = {"waiting": 1, "slower": 40}
"""Each with how many times as long as the true model it takes."""

CALLERS = {"true": 8, "waiting": 8, "slower": 4}  # a node; fewer where a batch takes long, so that a window has many
NAME = "catdog"


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how much.

    Attributes:
        seconds: Of a measured window.
        warm_up_seconds: Of load before it.
        nodes: How many, ascending; with the true model no more of them than `CORES`.
    """

    seconds: int = 40
    warm_up_seconds: int = 5
    nodes: tuple[int, ...] = (1, 2, 4, 6)


QUICK = Scale(seconds=4, warm_up_seconds=1, nodes=(1, 2))


def measure(scale: Scale) -> dict[str, Any]:
    """Measure all points, from one node on.

    Raises:
        ClientError: There are other cores than these figures are for, wrk is missing, or requests fail.
        TimeoutError: A node does not start.
    """
    results: dict[str, Any] = {"machine": machine(), "is_quick": scale == QUICK, **asdict(scale)}
    model = load_model(read_settings({"core_limit": 1, "model_threads": 1}))
    model.warm_up()
    seconds = measured_seconds(model)
    results |= {
        "stand_ins": STAND_INS,
        "callers_a_node": CALLERS,
        "precision": model.precision,
        "batch_seconds": seconds,
    }
    results["windows"] = {kind: [] for kind in CALLERS}
    os.environ.update(ENVIRONMENT, CATDOG_PRECISION=model.precision)
    true: Any = catdog_ray.Catdog  # a deployment, which is not seen
    deployments = {"true": true}
    for kind, times in STAND_INS.items():
        deployments[kind] = true.options(func_or_class=_replica([times * value for value in seconds]))
    cores, port = sorted(os.sched_getaffinity(0)), free_port()
    with tempfile.TemporaryDirectory() as folder, Nodes.started(Path(folder), 0, cpus=1) as nodes:
        bodies = write_raw(Path(folder))
        # On the head, as behind one load balancer: it shares the cores with the nodes, and so do the callers.
        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
        for count in scale.nodes:
            while len(nodes.workers) < count:
                nodes.add(1, cores[len(nodes.workers) % len(cores)])
            for kind, deployment in deployments.items():
                if kind in STAND_INS or count <= CORES:
                    _serve(deployment, count)
                    window = _window(f"http://127.0.0.1:{port}/predict", bodies, CALLERS[kind] * count, scale)
                    results["windows"][kind].append({"nodes": count, **window})
                    print(kind, json.dumps(window), flush=True)
    return results


def _replica(seconds: Sequence[float]) -> type[Any]:
    """Return the class of a replica whose model waits so long, as `Waiting` takes it."""

    def build() -> "FastAPI":
        app = catdog_ray.build()
        app.state.load = lambda settings: Waiting(read_manifest(settings.model), seconds)
        return app

    @serve.ingress(build)
    class Replica:
        """One replica. Lives as long as its process."""

    return Replica


def _serve(deployment: Any, count: int) -> None:  # noqa: ANN401  # Ray's own
    """Have one replica on each of so many nodes, in the place of those before, and wait until all are there."""
    serve.delete(NAME)
    one_a_node = {"max_replicas_per_node": 1, "ray_actor_options": {"num_cpus": 1}}
    serve.run(deployment.options(num_replicas=count, autoscaling_config=None, **one_a_node).bind(), name=NAME)


def _window(url: str, bodies: Sequence[Path], callers: int, scale: Scale) -> dict[str, Any]:
    """Measure one window of load, after some to warm up.

    Returns:
        `images_per_second`; `cpu_ms` of an image, the callers' left out; `busy`, the share of this machine's cores that
        was, callers and all; latencies; and the means of the stages that the service names.

    Raises:
        ClientError: wrk is missing, or a request failed.
    """
    load(url, "image/jpeg", bodies, connections=callers, seconds=scale.warm_up_seconds)
    before = cpu_seconds()
    seen = load(url, "image/jpeg", bodies, connections=callers, seconds=scale.seconds)
    cpu = cpu_seconds() - before
    if seen.failed or not seen.requests:
        raise ClientError(f"{seen.failed} of {seen.requests} requests failed")
    return {
        "images_per_second": seen.requests / seen.seconds,
        "cpu_ms": 1000 * cpu / seen.requests,
        "busy": (cpu + seen.client_cpu_seconds) / seen.seconds / len(os.sched_getaffinity(0)),
        "p50_ms": seen.p50_ms,
        "p99_ms": seen.p99_ms,
        "stages_ms": seen.stages_ms,
    }


def main() -> None:
    """Measure, and write `nodes.json` and `nodes.png`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nodes", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two nodes, seconds: tries it, measures nothing")
    is_quick = parser.parse_args().quick
    out = ROOT / "benchmarks" / ("quick" if is_quick else "results")
    out.mkdir(exist_ok=True)
    adopt_orphans()
    results = measure(QUICK if is_quick else Scale())
    (out / "nodes.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    plot_nodes(results, out / "nodes.png")
    print(out / "nodes.png")


if __name__ == "__main__":
    main()
