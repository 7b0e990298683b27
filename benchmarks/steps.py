"""What a photograph costs at each step of README's *Growing*, measured on this machine.

    PYTHONPATH=src:deploy/ray python -m benchmarks.steps

Each step has both cores, with wrk beside it, and is started anew for every window; each round begins with the next.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.figures import CORES, rate_without_client
from benchmarks.handover import hand_over, handed_over
from benchmarks.loading import ClientError, load
from benchmarks.photographs import write_raw
from benchmarks.processes import PROC, adopt_orphans, peak_memory, proportional, tree
from benchmarks.registry import ROOT, chosen
from benchmarks.run import machine, rotated
from benchmarks.servers import free_port, serving

STEPS: Mapping[str, Mapping[str, str]] = {
    "one process": {},
    "two workers": {"CATDOG_WORKERS": "2"},
    "Kubernetes, a pod": {"CATDOG_CORE_LIMIT": str(CORES), "CATDOG_DRAIN_SECONDS": "5"},
    "Ray": {"RAY_SERVE_ENABLE_HA_PROXY": "0"},
    "Ray with HAProxy": {"RAY_SERVE_ENABLE_HA_PROXY": "1"},
}
"""The environment of each; a pod's is that of its container, which takes no time of its own."""

RAY, REPLICA, PROXY, SERVICE = "Ray", "replica", "proxy", "service"
"""The roles: `RAY` is what all others of a cluster are, and `SERVICE` every process where there is none."""

ROLES = {b"ray::ServeReplica": REPLICA, b"ray::ProxyActor": PROXY, b"ray::HAProxy": PROXY, b"haproxy": PROXY}
"""What the processes of a cluster are, by what they call themselves."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how much.

    Attributes:
        rounds: How often each step is measured.
        seconds: Of a measured window.
        warm_up_seconds: Of load before it.
        callers: Each with one request under way.
    """

    rounds: int = 3
    seconds: float = 30
    warm_up_seconds: float = 10
    callers: int = 16


QUICK = Scale(rounds=1, seconds=2, warm_up_seconds=1)


def measure(step: str, scale: Scale) -> dict[str, Any]:
    """Start a step, measure one window of it, and end it.

    Returns:
        `images_per_second` with the client's time taken out; `cpu_ms` of an image, and the `memory_mb` that was held
        after it, by role; the most that all held together while warming up or then, `peak_mb`; and the mean
        `photograph_bytes` and `answer_bytes`, the latter with its header.

    Raises:
        ClientError: wrk is missing, or a request failed.
        StartError: The service does not come to answer.
        TimeoutError: A node of Ray's does not start.
    """
    with tempfile.TemporaryDirectory(prefix="catdog-steps-") as name:
        folder = Path(name)
        bodies = write_raw(folder)
        photograph_bytes = sum(path.stat().st_size for path in bodies) / len(bodies)
        with _cluster(folder) if step.startswith(RAY) else _service(folder, STEPS[step]) as url:

            def press(seconds: float, started: Callable[[int], None] = lambda _: None) -> Any:  # noqa: ANN401
                return load(url, "image/jpeg", bodies, connections=scale.callers, seconds=seconds, started=started)

            client: list[int] = []
            with peak_memory(lambda: client[0] if client else None) as most:
                press(scale.warm_up_seconds, client.append)
                peak = most()
            before = tree()
            seen = press(scale.seconds)
            spent = {pid: seconds - before.get(pid, 0.0) for pid, seconds in tree().items()}
            held = {pid: float(proportional(pid)) for pid in spent}
            roles = {pid: role(pid, step) for pid in spent}
    if seen.failed or not seen.requests:
        raise ClientError(f"{seen.failed} of {seen.requests} requests failed")
    return {
        "images": seen.requests,
        "images_per_second": rate_without_client(asdict(seen)),
        "cpu_ms": _sums(spent, roles, 1000 / seen.requests),
        "memory_mb": _sums(held, roles, 1e-6),
        "peak_mb": max(peak / 1e6, sum(held.values()) / 1e6),
        "photograph_bytes": photograph_bytes,
        "answer_bytes": seen.received_bytes / seen.requests,
    }


def role(pid: int, step: str) -> str:
    """Return what a process does in a step; raises OSError if it has ended."""
    if not step.startswith(RAY):
        return SERVICE
    title = (PROC / str(pid) / "cmdline").read_bytes()
    command = Path(title.split(b"\0")[0].decode(errors="replace")).name.encode()
    return next((name for start, name in ROLES.items() if command.startswith(start)), RAY)


def _sums(values: Mapping[int, float], roles: Mapping[int, str], unit: float) -> dict[str, float]:
    sums: Counter[str] = Counter()
    for pid, value in values.items():
        sums[roles[pid]] += value * unit  # type: ignore[assignment]  # a counter adds up whatever is given
    return dict(sums)


@contextmanager
def _service(folder: Path, setting: Mapping[str, str]) -> Iterator[str]:
    def answers(url: str) -> bool:
        photograph = (folder / "00.jpg").read_bytes()
        answer = httpx.post(url, content=photograph, headers={"Content-Type": "image/jpeg"}, trust_env=False)
        return answer.is_success

    with serving(chosen(["service-raw"])[0], setting, answers, folder) as server:
        yield server.url


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    """Run a node of two cores, with one replica that has both."""
    # Not at the top: a variable of the step's says which proxy, and Ray reads it when it is imported.
    import catdog_ray  # noqa: PLC0415
    from ray import serve  # noqa: PLC0415

    from benchmarks.cluster import ENVIRONMENT, Nodes  # noqa: PLC0415

    os.environ.update(ENVIRONMENT)
    port = free_port()
    with Nodes.started(folder, 1, cpus=CORES):
        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
        deployment: Any = catdog_ray.Catdog  # which is not seen
        serve.run(deployment.options(num_replicas=1, autoscaling_config=None).bind())
        yield f"http://127.0.0.1:{port}/predict"


def _apart(step: str, *options: str) -> dict[str, Any]:
    """Measure a step in a process of its own; raises CalledProcessError."""
    command = [sys.executable, "-m", "benchmarks.steps", "--step", step, *options]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env={**os.environ, **STEPS[step]}
    )
    return handed_over(ran.stdout)


def main() -> None:
    """Measure, and write `steps.json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="seconds: tries it, measures nothing")
    parser.add_argument("--step", choices=STEPS, help="this one alone, once, and nothing written")
    arguments = parser.parse_args()
    scale = QUICK if arguments.quick else Scale()
    if arguments.step:
        adopt_orphans()
        hand_over(measure(arguments.step, scale))
        return
    out = ROOT / "benchmarks" / ("quick" if arguments.quick else "results")
    out.mkdir(exist_ok=True)
    results: dict[str, Any] = {"machine": machine(), **asdict(scale), "windows": {step: [] for step in STEPS}}
    for turn in range(scale.rounds):
        for step in rotated(list(STEPS), turn):
            window = _apart(step, *(["--quick"] if arguments.quick else []))
            results["windows"][step].append(window)
            print(step, json.dumps(window), flush=True)
    (out / "steps.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
