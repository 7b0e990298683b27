"""From what was measured on one machine to what a step beyond it costs: the tables of README's *Growing*.

`python -m benchmarks.growing` prints them, from what `benchmarks.steps` measured and from what `growing.json` assumes;
nothing in them is worked out by hand.
"""

import json
import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import CORES

ASSUMED = Path(__file__).with_name("growing.json")
MEASURED = Path(__file__).with_name("results") / "steps.json"
MILLION = 1_000_000
GIGABIT = 1e9
GIGABYTE = 1e9

ENGINES = {"Kubernetes": "Kubernetes, a pod", "Ray": "Ray", "Ray with HAProxy": "Ray with HAProxy"}
"""What runs in a pod of each; on Ray a pod is a node, with a replica, a proxy and Ray's own processes."""


def read() -> dict[str, Any]:
    """Return what is assumed, under `windows` what was measured, by step, and `photograph_bytes` and `answer_bytes`."""
    figures: dict[str, Any] = json.loads(ASSUMED.read_text(encoding="utf-8"))
    windows = json.loads(MEASURED.read_text(encoding="utf-8"))["windows"]
    every = [window for of_step in windows.values() for window in of_step]
    sizes = {name: _median(window[name] for window in every) for name in ("photograph_bytes", "answer_bytes")}
    return {**figures, **sizes, "windows": windows}


def cpu_ms(figures: Mapping[str, Any], step: str) -> float:
    """Return the CPU time of an image in a step, all processes together, ms."""
    return _median(sum(window["cpu_ms"].values()) for window in figures["windows"][step])


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def full_next(figures: Mapping[str, Any], machines: int) -> tuple[str, float]:
    """Return whose network is first as busy as one may be, and at how many images a second.

    Photographs come in through the entrance, one machine, and leave it again for the pods: each direction of its
    network carries them and the answers. Of a machine with pods one direction has photographs, the other answers.

    Args:
        figures: As `read` returns them.
        machines: How many have pods.
    """
    assumed = figures["assumed"]
    photograph, answer = (8 * figures[f"{what}_bytes"] / GIGABIT for what in ("photograph", "answer"))
    full = {
        "entrance": assumed["entrance_gigabits_per_second"] / (photograph + answer),
        "machines": machines * assumed["node"]["gigabits_per_second"] / max(photograph, answer),
    }
    first = min(full, key=full.__getitem__)
    return first, assumed["utilization"] * full[first]


def steps(figures: Mapping[str, Any]) -> str:
    """Write the table of the steps: what two cores answer, and what a million images cost; idle cores cost, too."""
    lines = [
        "| step | images/s on two cores | CPU ms an image | MB | core-hours a million | $ a million |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    price = figures["assumed"]["dollars_per_core_hour"]
    for step, windows in figures["windows"].items():
        rate, memory = (_median(window[name] for window in windows) for name in ("images_per_second", "peak_mb"))
        hours = CORES * MILLION / rate / 3600
        lines.append(
            f"| {step} | {rate:.0f} | {cpu_ms(figures, step):.1f} | {memory:,.0f} | {hours:.1f} | {hours * price:.2f} |"
        )
    return "\n".join(lines)


def plan(figures: Mapping[str, Any]) -> str:
    """Write the table of what so many images a second take, in pods or replicas of two cores."""
    assumed = figures["assumed"]
    rate, share, node, price = (
        assumed[name] for name in ("images_per_second", "utilization", "node", "dollars_per_core_hour")
    )
    inwards, outwards = (rate * figures[f"{what}_bytes"] * 8 / GIGABIT for what in ("photograph", "answer"))
    columns = []
    for engine, step in ENGINES.items():
        busy = figures["busy_percent"][engine]
        pods = math.ceil(rate * cpu_ms(figures, step) / 1000 / (busy / 100) / CORES)
        held = pods * _median(window["peak_mb"] for window in figures["windows"][step]) * MILLION / GIGABYTE
        with_new = pods + max(1, math.ceil(pods * figures["surge_percent"][engine] / 100))
        by_cores = (node["cores"] - node["reserved_cores"]) // CORES
        by_memory = int((node["memory_gb"] - node["reserved_gb"]) // figures["asked_for_gb"][engine])
        machines, with_new_machines = (math.ceil(count / min(by_cores, by_memory)) for count in (pods, with_new))
        dollars = machines * node["cores"] * price
        first, full = full_next(figures, machines)
        columns.append(
            {
                f"for {rate:,} images/s": engine,
                "pods of two cores, and how busy": f"{pods}, {busy}%",
                "their memory, GB: held, and asked for": f"{held:.0f}, {pods * figures['asked_for_gb'][engine]:.0f}",
                f"machines of {node['cores']} cores and {node['memory_gb']} GB": machines,
                "while a new version comes: pods, machines": f"{with_new}, {with_new_machines}",
                "$ an hour": f"{dollars:.2f}",
                "$ a million images": f"{dollars / 3600 / rate * MILLION:.2f}",
                "Gbit/s in and out, altogether": f"{inwards:.1f}, {outwards:.2f}",
                "Gbit/s in, a machine": f"{inwards / machines:.2f}",
                f"network {share:.0%} busy next, and at how many images/s": f"{first}, {full:,.0f}",
            }
        )
    head, *rows = (f"| {name} | {' | '.join(str(column[name]) for column in columns)} |" for name in columns[0])
    return "\n".join([head, f"|---|{'--:|' * len(columns)}", *rows])


if __name__ == "__main__":
    found = read()
    print(steps(found), plan(found), sep="\n\n")
