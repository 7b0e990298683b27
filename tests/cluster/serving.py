"""The application on the tests' Ray cluster, and what its tests ask it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from catdog_ray import Catdog
from ray import serve

from benchmarks.cluster import Nodes, later_port
from benchmarks.photographs import draw
from tests.cluster.callers import PATIENCE

NAME = "catdog"
PHOTOGRAPHS = draw(4)
FIXED: dict[str, Any] = {"num_replicas": 2, "autoscaling_config": None, "ray_actor_options": {"num_cpus": 1}}


@pytest.fixture(scope="module")
def url(nodes: Nodes) -> Iterator[str]:  # noqa: ARG001  # the cluster is there
    """Serve with the application's options, but for two replicas of one core each, one a node; return the address."""
    port = later_port()
    # The address is the head's, which lives on; each node with a replica has a proxy of its own, as `serve.yaml` says.
    serve.start(proxy_location="EveryNode", http_options={"host": "127.0.0.1", "port": port})
    deploy()
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()


def deploy(**options: Any) -> None:  # noqa: ANN401  # Ray's own
    """Bring the application to these options, and wait until it is there."""
    serve.run(Catdog.options(**{**FIXED, **options}).bind(), name=NAME)  # type: ignore[attr-defined]  # a deployment


def has_all(nodes: Nodes) -> bool:
    """Say whether every node has a replica, and a proxy that passes requests on."""
    with suppress(httpx.TransportError):  # a proxy that is not there yet, or not ready
        answers = [get(f"{node.proxy}/-/healthz") for node in nodes.workers]
        return replicas() == len(nodes.workers) and all(answer.is_success for answer in answers)
    return False


def get(address: str) -> httpx.Response:
    """Ask for something, with patience."""
    return httpx.get(address, timeout=PATIENCE, trust_env=False)


def replicas() -> int:
    """Return how many replicas take requests on."""
    states: dict[str, int] = serve.status().applications[NAME].deployments[NAME].replica_states
    return states.get("RUNNING", 0)
