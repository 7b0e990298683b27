"""deploy/ray's series through Ray's own metrics: those of all replicas add up."""

import asyncio
import re
import time
from http import HTTPStatus

from benchmarks.cluster import PATIENCE_SECONDS, Nodes, wait_until
from tests.cluster.callers import Callers
from tests.cluster.serving import PHOTOGRAPHS, get, replicas

FORGOTTEN_SECONDS = 30  # after which Ray does not expose a gauge any more that nobody has set again: 20, and some more


async def test_the_series_of_all_replicas_add_up(url: str, nodes: Nodes) -> None:
    counted = await asyncio.to_thread(settled, nodes)
    async with Callers(url, PHOTOGRAPHS, 3) as callers:
        await callers.hear(20, PATIENCE_SECONDS)
    await asyncio.to_thread(
        wait_until,
        lambda: counted_on(nodes, "answers_total") - counted == callers.heard.answers,
        "as many counted as answered",
    )
    ours = series(await asyncio.to_thread(lambda: get(url + "/metrics").text), "")
    rays = series("\n".join([get(node.metrics).text for node in nodes.workers]), "ray_")
    del ours["catdog_refused"]  # of which Ray has those alone that have happened
    assert {name: rays.get(name, set()) & labels for name, labels in ours.items()} == ours


async def test_what_a_gauge_has_said_once_is_there_for_as_long_as_it_is_true(url: str, nodes: Nodes) -> None:
    assert (await asyncio.to_thread(get, url + "/health/ready")).status_code == HTTPStatus.OK
    await asyncio.to_thread(
        wait_until, lambda: counted_on(nodes, "model_info") == replicas(), "what model each replica serves"
    )
    await asyncio.sleep(FORGOTTEN_SECONDS)
    assert counted_on(nodes, "model_info") == replicas()


async def test_what_replicas_refuse_is_counted(url: str, nodes: Nodes) -> None:
    async with Callers(url, PHOTOGRAPHS, 40) as callers:
        await callers.hear(40, PATIENCE_SECONDS)
    await asyncio.to_thread(wait_until, lambda: counted_on(nodes, "refused_total") > 0, "a refusal counted")
    assert counted_on(nodes, "refused_total") <= callers.heard.refusals["overloaded"]  # the proxy's own are not its


def series(text: str, prefix: str) -> dict[str, set[str]]:
    """Return the names of the labels of each family of the service's own; less a histogram's bounds."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(
        rf"^{prefix}(catdog_\w+?)(?:_total|_bucket|_count|_sum)?(?:\{{(.*)\}})? ", text, re.MULTILINE
    ):
        if not name.endswith("_created"):
            found.setdefault(name, set()).update(set(re.findall(r'(\w+)="', labels)) - {"le"})
    return found


def settled(nodes: Nodes) -> float:
    """Return what is counted once all of it has come to where it is asked for, which takes Ray some seconds."""
    before, counted = -1.0, counted_on(nodes, "answers_total")
    while before != counted:
        time.sleep(5)
        before, counted = counted, counted_on(nodes, "answers_total")
    return counted


def counted_on(nodes: Nodes, name: str) -> float:
    """Return the sum of a series over all nodes, replicas and labels, as Ray exposes it."""
    texts = [get(node.metrics).text for node in nodes.workers]
    found = [re.findall(rf"^ray_catdog_{name}\{{.*\}} (\S+)$", text, re.MULTILINE) for text in texts]
    return sum(float(value) for values in found for value in values)
