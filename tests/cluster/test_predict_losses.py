"""What `catdog-api predict --engine ray` makes of a node that dies, and of a cluster that gives up."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
import ray
from pyarrow import fs
from pyarrow import parquet as pq

from benchmarks.cluster import Node, Nodes, wait_until
from catdog_api import actor, cluster
from catdog_api.artifact import read_manifest
from catdog_api.errors import SettingsError
from catdog_api.offline import Answer
from catdog_api.parquet import Stored
from catdog_api.settings import Settings
from tests.cluster.jobs import ended, shelf, started

PROCESS = "ray::MapWorker(MapBatches(Photographs))"
"""How Ray names a process with a model, before what it is at."""


def is_at_work(node: Node) -> bool:
    return node.runs(f"{PROCESS}.submit")


def begins(node: Node) -> bool:
    return node.runs(f"{PROCESS}.__init__")


def while_both_work(nodes: Nodes) -> Node:
    """Wait until each node has had photographs; return the one to lose."""
    idle = [*nodes.workers]  # Ray begins with one process, and adds the others

    def are_at_work() -> bool:
        idle[:] = [node for node in idle if not is_at_work(node)]
        return not idle

    wait_until(are_at_work, "photographs on each node")
    return nodes.workers[0]


def while_one_begins(nodes: Nodes) -> Node:
    """Wait until a node both works and begins to with another process, which Ray Data does not get over by itself."""
    found: list[Node] = []

    def one_begins() -> bool:
        found[:] = [node for node in nodes.workers if is_at_work(node) and begins(node)]
        return bool(found)

    wait_until(one_begins, "a process that begins beside another")
    return found[0]


@pytest.mark.parametrize("wait", [while_both_work, while_one_begins])
def test_a_job_that_loses_a_node_ends_with_every_row(
    nodes: Nodes, tmp_path: Path, wait: Callable[[Nodes], Node]
) -> None:
    photographs = shelf(tmp_path / "photographs", 4000)
    with started(nodes, str(tmp_path / "photographs"), "--out", str(tmp_path / "answers.parquet")) as job:
        nodes.kill(wait(nodes))
        status, said = ended(job)
    nodes.add(2)
    assert status == 0, said
    rows = pq.read_table(tmp_path / "answers.parquet").to_pylist()
    assert sorted(row["path"] for row in rows) == sorted(photographs)
    assert all(row["label"] and not row["error"] for row in rows)


def given(*bring: Sequence[int]) -> Callable[[object, Sequence[Stored]], Iterator[pa.Table]]:
    """Return what stands for Ray Data: each time it brings some of what is left, and then a process has died."""
    times = iter(bring)

    def given(_: object, left: Sequence[Stored]) -> Iterator[pa.Table]:
        for number in next(times):
            yield pa.table({"path": [left[number].path], "number": [number]})
        raise ray.exceptions.ActorUnavailableError("It had not begun.", None)

    return given


@pytest.mark.usefixtures("nodes")
def test_what_is_left_is_given_to_ray_again_while_that_brings_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_given", given([1, 3], [0], []))
    found = [Stored(f"{number}.jpg", True, fs.LocalFileSystem(), 1) for number in range(5)]  # noqa: FBT003  # as it is
    answered = cluster._answered(Settings(), found)  # noqa: SLF001  # what `run` writes down
    assert [next(answered)["path"].to_pylist() for _ in range(3)] == [["1.jpg"], ["3.jpg"], ["0.jpg"]]
    with pytest.raises(ray.exceptions.ActorUnavailableError):
        next(answered)


@pytest.mark.parametrize(
    "error", [ray.exceptions.RayError("Traceback\n  of pages\nNo core is left."), ConnectionError("No core is left.")]
)
def test_what_ends_a_job_is_said_in_one_line(error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def answered(*_: object) -> Iterator[pa.Table]:
        raise error
        yield

    monkeypatch.setattr(cluster, "_answered", answered)
    with pytest.raises(SettingsError) as said:
        cluster.run(Settings(), [str(tmp_path)], str(tmp_path / "answers"))
    assert str(said.value) == "The Ray cluster gave up: No core is left."


def test_what_was_answered_before_a_job_gave_up_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    manifest = read_manifest(Settings().model)

    def answered(*_: object) -> Iterator[pa.Table]:
        yield actor._table(manifest, [Answer(Stored("a.jpg", True, fs.LocalFileSystem(), 1), {"label": "cat"})])  # noqa: FBT003, SLF001  # what an actor gives
        raise ray.exceptions.RayError("No core is left.")

    monkeypatch.setattr(cluster, "_answered", answered)
    with pytest.raises(SettingsError, match="No core is left"):
        cluster.run(Settings(), [str(tmp_path)], str(tmp_path / "answers"))
    assert pq.read_table(tmp_path / "answers")["path"].to_pylist() == ["a.jpg"]
