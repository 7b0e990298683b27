"""deploy/ray as it is shipped: `serve run` of `serve.yaml`, and another version that is laid beside it."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
import ray
import yaml
from catdog_ray import QUEUE_LIMIT
from ray import serve
from ray.serve.schema import ServeDeploySchema, ServeInstanceDetails

from benchmarks.cluster import PATIENCE_SECONDS, Nodes, later_port, wait_until
from benchmarks.registry import ROOT
from catdog_api import __version__
from tests.cluster.callers import Callers
from tests.cluster.serving import NAME, PHOTOGRAPHS, get, replicas

SHIPPED = ROOT / "deploy" / "ray" / "serve.yaml"
NEXT = "100.0.0"


@pytest.fixture
def config() -> dict[str, Any]:
    """Return what is shipped, but for a port that is free here."""
    shipped: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    shipped["http_options"] |= {"host": "127.0.0.1", "port": later_port()}
    return shipped


@pytest.fixture
def url(nodes: Nodes, config: dict[str, Any], tmp_path: Path) -> Iterator[str]:
    """Serve by the README's command; return the address."""
    file = tmp_path / "serve.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    address, log = f"http://127.0.0.1:{config['http_options']['port']}", tmp_path / "log"
    with log.open("wb") as stream:
        command = [str(Path(sys.executable).with_name("serve")), "run", str(file)]
        environment = {**os.environ, "RAY_ADDRESS": nodes.address}
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)  # noqa: S603  # all of it is written here
    try:
        wait_until(lambda: process.poll() is not None or answers(address), "the application")
        assert process.poll() is None, log.read_text()
        yield address
    finally:
        serve.shutdown()  # as Ctrl-C does, which is nothing to a process that a shell has in its background
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def answers(address: str) -> bool:
    """Say whether the application is there, with both replicas."""
    with suppress(httpx.TransportError):
        return get(f"{address}/health/ready").status_code == HTTPStatus.OK and replicas() == 2
    return False


def beside(folder: Path) -> dict[str, str]:
    """Lay another version there; return the variables that say where it is."""
    for name in ("src", "deploy/ray", "models", "static"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "src" / "catdog_api" / "__init__.py").write_text(f'"""Another."""\n\n__version__ = "{NEXT}"\n')
    return {"PYTHONPATH": f"{folder}/src:{folder}/deploy/ray"}


def versions(address: str) -> set[str]:
    """Return those of the replicas; whichever answers is another's turn."""
    return {get(f"{address}/openapi.json").json()["info"]["version"] for _ in range(8)}


async def test_what_is_shipped_serves_and_another_version_beside_it_takes_over_under_load_and_nothing_is_lost(
    url: str, nodes: Nodes, config: dict[str, Any], tmp_path: Path
) -> None:
    client = serve.context._get_global_client()  # noqa: SLF001  # as Ray's dashboard has it for `serve deploy`
    deployment = ServeInstanceDetails(**client.get_serve_details()).applications[NAME].deployments[NAME]
    shipped = deployment.deployment_config
    assert shipped.max_ongoing_requests == 2 * QUEUE_LIMIT
    assert shipped.autoscaling_config is not None
    assert ray.available_resources().get("CPU", 0) == 0  # of two replicas with two cores, on four
    assert versions(url) == {__version__}
    await asyncio.to_thread(nodes.add, 2)
    config["applications"][0]["runtime_env"] = {"env_vars": await asyncio.to_thread(beside, tmp_path / "next")}
    try:
        async with Callers(url, PHOTOGRAPHS, 3) as callers:
            await callers.hear(10, PATIENCE_SECONDS)
            await asyncio.to_thread(client.deploy_apps, ServeDeploySchema.model_validate(config))
            await asyncio.to_thread(wait_until, lambda: versions(url) == {NEXT}, "the other version alone")
            await callers.hear(10, PATIENCE_SECONDS)
    finally:
        await asyncio.to_thread(nodes.kill, nodes.workers[-1])
    assert callers.heard.faults == []
    assert not callers.heard.refusals
