"""From what was measured on one machine to what a step beyond it costs: the tables of README's *Growing*.

`python -m benchmarks.growing` prints them from `growing.json`; nothing in them is worked out by hand.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).with_name("growing.json")
MILLION = 1_000_000
GIGABIT = 1e9
GIGABYTE = 1e9
CORES = 2  # of what was measured, and of a pod and a replica

ENGINES = {"Kubernetes": "one process", "Ray": "Ray", "Ray with HAProxy": "Ray with HAProxy"}
"""What runs in a pod or a replica of each: Kubernetes has the container as it is."""


def read() -> dict[str, Any]:
    """Return the measured figures, and what is assumed beside them."""
    figures: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return figures


def cpu_ms(figures: Mapping[str, Any], step: str) -> float:
    """Return the CPU time of an image in a step, ms.

    On a busy machine everything is slower. So what was measured there counts as a multiple of what one process took
    there, and that multiple of what one process takes on an idle one.
    """
    busy = figures["busy"]
    multiple: float = sum(busy[step]["cpu_ms"].values()) / sum(busy["one process"]["cpu_ms"].values())
    return multiple * float(figures["idle"]["cpu_ms"])


def proxy_ms(figures: Mapping[str, Any], step: str) -> float:
    """Return what Ray's proxy takes of that, ms: it is one process on a machine, and has no more than one core."""
    measured = figures["busy"][step]["cpu_ms"]
    return cpu_ms(figures, step) * float(measured.get("proxy", 0) / sum(measured.values()))


def memory_mb(figures: Mapping[str, Any], step: str) -> float:
    """Return what one process or replica of a step holds, MB: a multiple of what one process holds, as `cpu_ms` is."""
    busy = figures["busy"]
    multiple: float = busy[step]["resident_mb"] / busy["one process"]["resident_mb"]
    return multiple * float(figures["idle"]["memory_mb"])


def next_full(figures: Mapping[str, Any], step: str, machines: int) -> str:
    """Return what is as busy as the pods are where more is asked for, and at how many images a second.

    Photographs come in through an entrance, one machine, and leave it again for the pods; each direction of its network
    also carries the answers. Behind it there are as many of Ray's proxies as machines.
    """
    assumed, milliseconds = figures["assumed"], proxy_ms(figures, step)
    image_bits = 8 * (figures["photograph_bytes"] + figures["answer_bytes"])
    busy = assumed["utilization"]
    rates = {"entrance": busy * assumed["entrance_gigabits_per_second"] * GIGABIT / image_bits}
    if milliseconds:
        rates["proxies"] = busy * machines * 1000 / milliseconds
    first = min(rates, key=lambda name: rates[name])
    return f"{first}, {rates[first]:,.0f}"


def steps(figures: Mapping[str, Any]) -> str:
    """Write the table of the steps: what two cores answer, and what a million images cost."""
    lines = [
        "| step | images/s on two cores | CPU ms an image | MB | core-hours a million | $ a million |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    price = figures["assumed"]["dollars_per_core_hour"]
    for step, measured in figures["busy"].items():
        milliseconds = cpu_ms(figures, step)
        rate = figures["idle"]["images_per_second"] * figures["idle"]["cpu_ms"] / milliseconds
        hours = milliseconds * MILLION / 1000 / 3600
        is_idle = step == "one process"
        about, memory = ("", figures["idle"]["memory_mb"]) if is_idle else ("~", measured["memory_mb"])
        lines.append(
            f"| {step} | {about}{rate:.0f} | {about}{milliseconds:.1f} | {memory:,} | {about}{hours:.1f} "
            f"| {about}{hours * price:.2f} |"
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
        pods = math.ceil(rate * cpu_ms(figures, step) / 1000 / share / CORES)
        filled = math.ceil(pods / ((node["cores"] - node["reserved_cores"]) // CORES))
        proxies = math.ceil(rate * proxy_ms(figures, step) / 1000 / share)
        machines = max(filled, proxies)
        columns.append(
            {
                f"for {rate:,} images/s": engine,
                f"pods or replicas of two cores, {share:.0%} busy": pods,
                "their memory, GB: held, and asked for": (
                    f"{pods * memory_mb(figures, step) * MILLION / GIGABYTE:.0f}, "
                    f"{pods * figures['asked_for_gb'][engine]}"
                ),
                f"machines of {node['cores']} cores that they fill": filled,
                "machines that the proxies want, a core on each": proxies or "none",
                "machines, and $ an hour": f"{machines}, {machines * node['cores'] * price:.0f}",
                "Gbit/s in and out, altogether": f"{inwards:.1f}, {outwards:.2f}",
                "Gbit/s in, a machine": f"{inwards / machines:.2f}",
                f"{share:.0%} busy next, and at how many images/s": next_full(figures, step, machines),
            }
        )
    head, *rows = (f"| {name} | {' | '.join(str(column[name]) for column in columns)} |" for name in columns[0])
    return "\n".join([head, f"|---|{'--:|' * len(columns)}", *rows])


if __name__ == "__main__":
    found = read()
    print(steps(found), plan(found), sep="\n\n")
