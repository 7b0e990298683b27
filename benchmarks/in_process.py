"""Runs `benchmarks.limit`: layout after layout in processes of their own, in this service's environment."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.environments import prepare
from benchmarks.handover import handed_over
from benchmarks.registry import OURS, ROOT
from benchmarks.servers import ENVIRONMENT


class Layout(NamedTuple):
    """How one process may spend its cores; the environment's names are TensorFlow's."""

    callers: int
    threads: int
    batch: int
    precision: str


LAYOUTS = tuple(
    Layout(callers, threads, batch, precision)
    for precision in ("float32", "bfloat16")
    for callers, threads in ((1, 2), (2, 1), (2, 2), (3, 1))
    for batch in (8, 16)
)


def limit(layout: Layout, photographs: Path, seconds: float) -> dict[str, Any]:
    """Measure the throughput of one layout.

    Raises:
        CalledProcessError: It failed.
    """
    arguments = [str(layout.callers), str(layout.batch), layout.precision]
    return {"setting": layout._asdict(), **_run([], arguments, photographs, seconds, layout.threads)}


def latency(photographs: Path, seconds: float, core: int) -> dict[str, float]:
    """Measure decode and predict of one photograph at a time: `shared_ms` on all cores, `apart_ms` on one.

    Raises:
        CalledProcessError: It failed.
    """
    pinned = ["taskset", "--cpu-list", str(core)]
    arguments = ["0", "1", "float32"]
    return {
        "shared_ms": _run([], arguments, photographs, seconds)["median_ms"],
        "apart_ms": _run(pinned, arguments, photographs, seconds)["median_ms"],
    }


def _run(
    pinned: Sequence[str], arguments: Sequence[str], photographs: Path, seconds: float, threads: int | None = None
) -> dict[str, Any]:
    environment = {**os.environ, **ENVIRONMENT}
    if threads is not None:
        environment["TF_NUM_INTRAOP_THREADS"] = str(threads)
    python = str(prepare(OURS) / "python")
    command = [*pinned, python, "-m", "benchmarks.limit", str(photographs), str(seconds), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    return handed_over(done.stdout)
