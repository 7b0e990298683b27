"""Other runtimes for the same network, from Keras's own export, beside Keras under `tf.function`.

    PYTHONPATH=src python -m benchmarks.runtimes

As for the limit, each decodes and predicts in one process, without HTTP: two callers with a core each, in batches of
eight; and one caller with one photograph at a time, where what a runtime costs for each call weighs most. Every runtime
is a process of its own; each round begins with the next.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import prepare
from benchmarks.figures import Figure, cpu_ms, figure, rate
from benchmarks.handover import handed_over
from benchmarks.photographs import write_raw
from benchmarks.registry import ROOT, RUNTIMES
from benchmarks.run import machine, rotated
from benchmarks.servers import ENVIRONMENT

ROUNDS, SECONDS = 3, 10.0
KERAS = "Keras, "


def table(rounds: Sequence[dict[str, Any]]) -> str:
    """Write what two callers got with batches of eight."""
    lines = ["| runtime | images/s | over Keras | CPU ms an image | largest difference |", "|---|--:|--:|--:|--:|"]
    for name in RUNTIMES:
        windows = [done[name] for done in rounds]
        ratios = _over_keras(rounds, name, rate)
        speed, cost = figure([rate(window) for window in windows]), figure([cpu_ms(window) for window in windows])
        lines.append(f"| {name} | {speed} | {ratios} | {cost} | {windows[0]['difference']:.1g} |")
    return "\n".join(lines)


def table_alone(rounds: Sequence[dict[str, Any]]) -> str:
    """Write what one caller got with one photograph at a time."""
    lines = ["| runtime | ms an image, alone | as fast as Keras, times |", "|---|--:|--:|"]
    for name in RUNTIMES:
        ratios = _over_keras(rounds, name, lambda window: 1 / window["alone_ms"])
        lines.append(f"| {name} | {figure([done[name]['alone_ms'] for done in rounds])} | {ratios} |")
    return "\n".join(lines)


def _over_keras(rounds: Sequence[dict[str, Any]], name: str, speed: Callable[[dict[str, Any]], float]) -> Figure:
    """Return a runtime's speed over that of the faster Keras of the same round."""
    best = [max(speed(done[other]) for other in RUNTIMES if other.startswith(KERAS)) for done in rounds]
    return figure([speed(done[name]) / fastest for done, fastest in zip(rounds, best, strict=True)])


def _apart(name: str, folder: Path) -> dict[str, Any]:
    """Measure a runtime in a process of its own; raises CalledProcessError."""
    command = [str(prepare("runtimes") / "python"), "-m", "benchmarks.contenders.runtimes"]
    environment = {**os.environ, **ENVIRONMENT, "TF_NUM_INTRAOP_THREADS": "1"}
    arguments = [name, str(folder), str(SECONDS)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    return handed_over(done.stdout)


def main() -> None:
    """Measure, and write `runtimes.json`."""
    results: dict[str, Any] = {"machine": machine(), "seconds": SECONDS, "rounds": []}
    with tempfile.TemporaryDirectory() as name:
        write_raw(Path(name))
        for turn in range(ROUNDS):
            results["rounds"].append({kind: _apart(kind, Path(name)) for kind in rotated(RUNTIMES, turn)})
    out = ROOT / "benchmarks" / "results" / "runtimes.json"
    out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results["rounds"]), table_alone(results["rounds"]), sep="\n\n")


if __name__ == "__main__":
    main()
