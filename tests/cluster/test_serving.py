"""deploy/ray on two nodes with the true model: too much load, other load, another version, a node that dies."""

import asyncio
import threading
import time
from collections import Counter
from contextlib import nullcontext
from http import HTTPStatus
from types import SimpleNamespace

import httpx
import pytest
import ray
from catdog_ray import Catdog, own_settings
from ray import serve
from ray.serve.config import AutoscalingConfig

from benchmarks.cluster import PATIENCE_SECONDS, Nodes, wait_until
from catdog_api.errors import ModelStuckError
from catdog_api.settings import Settings
from tests.cluster.callers import PATIENCE, Callers
from tests.cluster.serving import NAME, PHOTOGRAPHS, deploy, get, has_all, replicas
from tests.custom_kinds import pods
from tests.kustomize import BUILDS, build, of_kind

AT_ONCE = 2
"""Requests in a replica where it matters; the others wait at the proxies."""


class Hanging(Catdog.func_or_class):  # type: ignore[name-defined]  # what a deployment holds is not known here
    """The application with a model that can be made to hang."""

    def hang(self) -> None:
        """Let no call of this replica's model return any more."""
        self.app.state.pipeline._batcher._look = lambda _: threading.Event().wait()  # noqa: SLF001  # no other way in


class Watched(Catdog.func_or_class):  # type: ignore[name-defined]  # likewise
    """The application, which can be asked for its threads."""

    def threads(self) -> dict[str, int]:
        """Count those that decode and predict, the model's calls at once, and the cores of each call."""
        import tensorflow as tf  # noqa: PLC0415  # in the replica

        pools = tf.config.threading
        return {
            "model": sum(thread.name == "model" for thread in threading.enumerate()),
            "calls": pools.get_inter_op_parallelism_threads(),
            "of one call": pools.get_intra_op_parallelism_threads(),
        }


def test_a_replica_has_the_cores_that_ray_gives_it(nodes: Nodes) -> None:  # noqa: ARG001  # the cluster is there
    assert ray.get(ray.remote(num_cpus=2)(lambda: own_settings().cores).remote()) == 2
    assert ray.get(ray.remote(num_cpus=0.5)(lambda: own_settings().cores).remote()) == 1


async def test_the_threads_of_a_replica_are_as_many_as_its_cores_whatever_else_is_set(url: str) -> None:
    others = {"CATDOG_WORKERS": "2", "CATDOG_TLS_KEY": "/nowhere"}
    for cpus in (2, 1):
        options = {"num_cpus": cpus, "runtime_env": {"env_vars": others}}
        await asyncio.to_thread(deploy, func_or_class=Watched, num_replicas=1, ray_actor_options=options)
        threads = await serve.get_app_handle(NAME).threads.remote()
        assert threads == {"model": cpus, "calls": cpus, "of one call": 1}
    assert get(f"{url}/health/ready").status_code == HTTPStatus.OK


@pytest.mark.parametrize("is_stuck", [False, True])
def test_a_replica_is_well_unless_its_model_is_stuck_and_says_its_gauges(*, is_stuck: bool) -> None:
    said: list[str] = []
    metrics = SimpleNamespace(say_again=lambda: said.append("again"))
    state = SimpleNamespace(pipeline=SimpleNamespace(is_stuck=is_stuck), metrics=metrics)
    replica = SimpleNamespace(app=SimpleNamespace(state=state))
    with pytest.raises(ModelStuckError) if is_stuck else nullcontext():
        Catdog.func_or_class.check_health(replica)  # type: ignore[attr-defined]  # a deployment
    assert said == ["again"]


def test_the_whole_application_answers_with_one_id_a_request(url: str) -> None:
    assert get(f"{url}/health/ready").json() == {"status": "ok"}
    response = get(f"{url}/nowhere")
    assert response.status_code == 404
    assert response.json()["detail"] == "There is nothing at /nowhere."
    assert len(response.headers.get_list("X-Request-ID")) == 1
    assert "<title>API explorer</title>" in get(f"{url}/docs").text


@pytest.mark.parametrize("is_announced", [True, False])
def test_an_upload_that_is_too_large_is_refused_as_on_one_machine(url: str, *, is_announced: bool) -> None:
    upload = bytes(Settings().max_upload_bytes + 1)
    content = upload if is_announced else iter([upload])
    headers = {"Content-Type": "image/jpeg"}
    response = httpx.post(f"{url}/predict", content=content, headers=headers, timeout=PATIENCE, trust_env=False)
    assert response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/too-many-bytes"


async def test_too_much_load_is_refused_as_on_one_machine(url: str) -> None:
    # A replica takes four photographs into its queue, as CATDOG_QUEUE_LIMIT says to these nodes.
    async with Callers(url, PHOTOGRAPHS, 40) as callers:
        await callers.hear(40, PATIENCE_SECONDS)
    assert callers.heard.faults == []
    assert callers.heard.refusals.keys() == {"overloaded"}


async def test_what_the_proxy_refuses_itself_reads_the_same(url: str) -> None:
    await asyncio.to_thread(deploy, max_ongoing_requests=1, max_queued_requests=1)
    async with Callers(url, PHOTOGRAPHS, 12) as callers:
        await callers.hear(12, PATIENCE_SECONDS)
    assert callers.heard.faults == []
    assert callers.heard.refusals.keys() == {"overloaded"}


async def test_replicas_are_added_and_taken_away_as_load_changes(url: str) -> None:
    scaling = AutoscalingConfig(
        min_replicas=1, max_replicas=2, target_ongoing_requests=1, upscale_delay_s=1, downscale_delay_s=2
    )
    await asyncio.to_thread(deploy, num_replicas=None, autoscaling_config=scaling)
    await asyncio.to_thread(wait_until, lambda: replicas() == 1, "one replica without load")
    async with Callers(url, PHOTOGRAPHS, 4) as callers:
        await asyncio.to_thread(wait_until, lambda: replicas() == 2, "two replicas under load")
    async with Callers(url, PHOTOGRAPHS, 1) as caller:
        await asyncio.to_thread(wait_until, lambda: replicas() == 1, "one replica under less")
        await caller.hear(1, PATIENCE_SECONDS)
    assert callers.heard.faults + caller.heard.faults == []


def precisions(url: str) -> set[str]:
    """Return in what the replicas compute; whichever answers is another's turn."""
    return {get(f"{url}/model").json()["precision"] for _ in range(8)}


async def test_another_version_takes_over_under_load_and_no_request_is_lost(url: str) -> None:
    await asyncio.to_thread(deploy)
    await asyncio.to_thread(wait_until, lambda: replicas() == 2, "two replicas")
    assert await asyncio.to_thread(precisions, url) == {"float32"}
    other = {"num_cpus": 1, "runtime_env": {"env_vars": {"CATDOG_PRECISION": "bfloat16"}}}
    async with Callers(url, PHOTOGRAPHS, 3) as callers:
        await callers.hear(10, PATIENCE_SECONDS)
        await asyncio.to_thread(deploy, ray_actor_options=other)
        await callers.hear(10, PATIENCE_SECONDS)
    assert callers.heard.faults == []
    assert not callers.heard.refusals
    assert await asyncio.to_thread(precisions, url) == {"bfloat16"}


async def test_a_replica_that_hangs_is_replaced_while_the_other_answers(url: str) -> None:
    await asyncio.to_thread(deploy, func_or_class=Hanging)
    await asyncio.to_thread(wait_until, lambda: replicas() == 2, "two replicas")
    async with Callers(url, PHOTOGRAPHS, 3) as callers:
        await callers.hear(10, PATIENCE_SECONDS)
        await serve.get_app_handle(NAME).hang.remote()
        await asyncio.to_thread(wait_until, lambda: replicas() == 1, "the one that hangs taken away")
        await callers.hear(10, PATIENCE_SECONDS)
        await asyncio.to_thread(wait_until, lambda: replicas() == 2, "another in its place")
        late = [*callers.heard.faults]
        await callers.hear(40, PATIENCE_SECONDS)
    assert callers.heard.faults == late
    assert late
    assert all(fault.startswith("504 ") for fault in late), late  # those that waited for the model
    assert callers.heard.refusals.keys() <= {"overloaded", "not-ready"}


def deploy_one_a_node(nodes: Nodes) -> None:
    """Serve anew with a replica and a proxy on each node: another version's replicas would find no node without one."""
    serve.delete(NAME)
    deploy(max_replicas_per_node=1, max_ongoing_requests=AT_ONCE)
    wait_until(lambda: has_all(nodes), "a replica and a proxy on each node")


async def test_a_node_that_dies_under_load_takes_what_it_was_working_on_and_its_own_callers_and_nothing_else(
    url: str, nodes: Nodes
) -> None:
    await asyncio.to_thread(deploy_one_a_node, nodes)
    lost, other = nodes.workers
    async with (
        Callers(url, PHOTOGRAPHS, 4) as callers,
        Callers(other.proxy, PHOTOGRAPHS, 4) as of_other,
        Callers(lost.proxy, PHOTOGRAPHS, 2) as of_lost,
    ):
        for each in (callers, of_other, of_lost):
            await each.hear(10, PATIENCE_SECONDS)
        await asyncio.to_thread(nodes.kill, lost)
        await callers.hear(20, PATIENCE_SECONDS)
        await of_other.hear(20, PATIENCE_SECONDS)
        await asyncio.to_thread(nodes.add, 2)
        await asyncio.to_thread(wait_until, lambda: has_all(nodes), "another replica on another node")
        await callers.hear(20, PATIENCE_SECONDS)
        await of_other.hear(20, PATIENCE_SECONDS)
    assert callers.heard.faults + of_other.heard.faults == []
    refusals = callers.heard.refusals + of_other.heard.refusals
    assert refusals.keys() <= {"not-ready"}
    assert refusals.total() <= AT_ONCE
    assert len(of_lost.heard.faults) == 2  # each one's connection


async def test_a_node_that_is_told_to_end_under_load_loses_nothing_and_has_the_time_for_it(
    url: str, nodes: Nodes
) -> None:
    await asyncio.to_thread(deploy_one_a_node, nodes)
    leaving, other = nodes.workers
    async with Callers(url, PHOTOGRAPHS, 2) as callers, Callers(other.proxy, PHOTOGRAPHS, 2) as of_other:
        async with Callers(leaving.proxy, PHOTOGRAPHS, 2) as of_leaving:
            await of_leaving.hear(10, PATIENCE_SECONDS)
            begun = time.monotonic()
            ending = asyncio.create_task(asyncio.to_thread(nodes.end, leaving))
            await of_leaving.hear(10, PATIENCE_SECONDS)
        await ending
        seconds = time.monotonic() - begun
        await callers.hear(20, PATIENCE_SECONDS)
        await of_other.hear(20, PATIENCE_SECONDS)
    await asyncio.to_thread(nodes.add, 2)
    heard = [each.heard for each in (callers, of_other, of_leaving)]
    assert [each.faults for each in heard] == [[]] * 3
    assert not sum((each.refusals for each in heard), Counter())
    pod = pods(of_kind(build(BUILDS["kuberay"]), "RayService"))["ray-worker"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert seconds < pod["terminationGracePeriodSeconds"] - pause
