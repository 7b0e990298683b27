"""One run: tune every contender, then rounds of all of them in rotated order; all of it kept as JSON."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import in_process
from benchmarks.figures import CORES, rate
from benchmarks.loading import ClientError
from benchmarks.measure import SERVER_CORE, Bench, Scale, measure, sweep
from benchmarks.photographs import draw, draw_large, write_bodies
from benchmarks.processes import adopt_orphans
from benchmarks.registry import OURS, ROOT, Contender
from benchmarks.report import markdown, plot_stages
from benchmarks.servers import ENVIRONMENT, StartError

RESULTS = "results.json"

T = TypeVar("T")


def run(contenders: Sequence[Contender], scale: Scale, out: Path) -> None:
    """Measure the contenders and the limit, and write results, report and plot.

    Args:
        contenders: In the first round's order.
        scale: How long and how much.
        out: Folder for `results.json`, `report.md` and `stages.png`; the results are written after every round.

    Raises:
        CalledProcessError: An environment or the limit failed.
        ClientError: wrk is missing, or did not report.
        OSError: The folder cannot be written.
    """
    adopt_orphans()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="catdog-benchmark-") as name:
        bench, batch_difference = _prepare(contenders, scale, Path(name))
        results: dict[str, Any] = {"machine": machine(), "scale": asdict(scale)}
        results |= {"tuning": _tune(bench, contenders), "rounds": []}
        for turn in range(scale.rounds):
            results["rounds"].append(_round(bench, contenders, turn, results["tuning"], batch_difference))
            write(results, out)


def write(results: dict[str, Any], out: Path) -> None:
    """Write results, report and plot; raises OSError."""
    (out / RESULTS).write_text(json.dumps(results, indent=1), encoding="utf-8")
    (out / "report.md").write_text(markdown(results), encoding="utf-8")
    plot_stages(results["rounds"], out / "stages.png")


def rotated(contenders: Sequence[T], turn: int) -> list[T]:
    """Return the order of a round: each begins with the next contender."""
    start = turn % len(contenders)
    return [*contenders[start:], *contenders[:start]]


def fastest(tried: Sequence[dict[str, Any]], default: dict[str, Any]) -> dict[str, Any]:
    """Return the setting with the highest rate, the default where none was tried or came to answer."""
    answering = [window for window in tried if "error" not in window]
    setting: dict[str, Any] = max(answering, key=rate)["setting"] if answering else default
    return setting


def _prepare(contenders: Sequence[Contender], scale: Scale, folder: Path) -> tuple[Bench, float]:
    """Draw the photographs, write their bodies, and have the right answers computed."""
    photographs, large = draw(scale.photographs), draw_large()
    fields = {None, *(contender.field for contender in contenders)}
    bodies = {field: write_bodies(photographs, large, field, folder / (field or "raw")) for field in fields}
    environment = {**os.environ, **ENVIRONMENT}
    command = [sys.executable, "-m", "benchmarks.reference", str(folder)]
    subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return Bench(scale, folder, bodies, expected), expected["batch_difference"]


def _tune(bench: Bench, contenders: Sequence[Contender]) -> dict[str, list[dict[str, Any]]]:
    """Sweep what has more than one setting; a quick run leaves it out."""
    seconds = bench.scale.sweep_seconds
    if not seconds:
        return {}
    tuning: dict[str, list[dict[str, Any]]] = {}
    for contender in contenders:
        if len(contender.settings) > 1:
            print(f"sweep: {contender.name}", flush=True)
            tuning[contender.name] = sweep(bench, contender)
    if OURS in {contender.name for contender in contenders}:
        print("sweep: the limit", flush=True)
        raw = bench.folder / "raw"
        tuning["limit"] = [in_process.limit(layout, raw, seconds) for layout in in_process.LAYOUTS]
    return tuning


def _round(
    bench: Bench, contenders: Sequence[Contender], turn: int, tuning: dict[str, Any], batch_difference: float
) -> dict[str, Any]:
    measured: dict[str, Any] = {"batch_difference": batch_difference}
    for contender in rotated(contenders, turn):
        print(f"round {turn + 1} of {bench.scale.rounds}: {contender.name}", flush=True)
        setting = fastest(tuning.get(contender.name, []), dict(contender.settings[0]))
        measured[contender.name] = _or_error(lambda: measure(bench, contender, setting))  # noqa: B023  # called at once
        # At once, because they are compared: a quarter of an hour later the machine is another.
        if contender.name == OURS:
            print(f"round {turn + 1} of {bench.scale.rounds}: in process", flush=True)
            raw, seconds = bench.folder / "raw", bench.scale.seconds
            layout = in_process.Layout(**fastest(tuning.get("limit", []), in_process.LAYOUTS[0]._asdict()))
            measured["limit"] = in_process.limit(layout, raw, seconds)
            measured["in_process"] = in_process.latency(raw, seconds, SERVER_CORE)
    return measured


def _or_error(attempt: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what was measured, or why it could not be: one contender's failure is not the run's."""
    try:
        return attempt()
    except StartError as error:
        print(error, file=sys.stderr)
        return {"error": str(error)}


def machine() -> str:
    """Say what the figures are of: processor, cores, kernel, Python."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    cores = len(os.sched_getaffinity(0))
    if cores != CORES:
        raise ClientError(f"The figures are for {CORES} cores, and this process may use {cores}: try taskset.")
    return f"{model}, {cores} cores, Linux {platform.release()}, Python {platform.python_version()}"
