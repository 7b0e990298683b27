"""Figures and ratios out of raw rounds; pure."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.registry import CONTENDERS, OURS

CORES = 2
"""Of what is measured, server and client together; and of a pod and of a replica, where those are planned from it."""

Answer = Mapping[str, Any]
"""What every contender answers: `label`, and `probabilities` by label."""

Round = Mapping[str, Any]
"""By contender's name, and `limit`: what one round measured."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A median over rounds and the least and most of them."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        """Write it with its spread."""
        return f"{self.median:.3g} ({self.least:.3g} to {self.most:.3g})"


def figure(values: Sequence[float]) -> Figure:
    """Return the median of some rounds and their spread.

    Raises:
        StatisticsError: There are none.
    """
    return Figure(statistics.median(values), min(values), max(values))


def difference(answer: Answer, expected: Answer) -> float:
    """Return the largest difference of a probability, infinity for another label or other names."""
    given: dict[str, float] = answer["probabilities"]
    wanted: dict[str, float] = expected["probabilities"]
    if answer["label"] != expected["label"] or given.keys() != wanted.keys():
        return math.inf
    return max(abs(given[label] - wanted[label]) for label in wanted)


def answered(window: Mapping[str, float]) -> float:
    """Return how many images were answered, and not refused."""
    return window["requests"] - window.get("failed", 0)


def cpu_ms(window: Mapping[str, float]) -> float:
    """Return the CPU milliseconds of the server for an image, infinity where none was answered."""
    images = answered(window)
    return 1000 * window["server_cpu_seconds"] / images if images else math.inf


def rate(window: Mapping[str, float]) -> float:
    """Return the images a second."""
    return answered(window) / window["seconds"]


def rate_without_client(window: Mapping[str, float]) -> float:
    """Return the images a second as if the server had all the cores: the client's CPU is taken out of the window."""
    return answered(window) / (window["seconds"] - window["client_cpu_seconds"] / CORES)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio that was asked for.

    Attributes:
        title: In the report.
        holds: What it must be, as the report says it.
        aim: What it should be.
        of: Computes it from one round; raises KeyError where a contender that it needs was not measured.
    """

    title: str
    holds: str
    aim: str
    of: Callable[[Round], float]


def _best(group: str) -> Callable[[Round], float]:
    names = [contender.name for contender in CONTENDERS if contender.group == group]

    def best(measured: Round) -> float:
        values = [cpu_ms(measured[name]["full"]) for name in names if "full" in measured.get(name, {})]
        if not values:
            raise KeyError(group)
        return min(values) / _ours(measured)

    return best


def _ours(measured: Round) -> float:
    return cpu_ms(measured[OURS]["full"])


RATIOS = (
    Ratio("CPU per image: Flask over this service", ">= 8", "15", lambda m: cpu_ms(m["flask"]["full"]) / _ours(m)),
    Ratio(
        "rate over Flask's, client's CPU taken out",
        ">= 12",
        "25",
        lambda m: rate_without_client(m[OURS]["full"]) / rate_without_client(m["flask"]["full"]),
    ),
    Ratio("CPU per image: best as documented over this service", ">= 1.5", "2", _best("documented")),
    Ratio("CPU per image: best with our decode and predict over this service", ">= 1.1", "1.3", _best("inside")),
    Ratio("CPU per image: the limit over this service", ">= 0.80", "0.95", lambda m: cpu_ms(m["limit"]) / _ours(m)),
    Ratio(
        "one client's median latency over decode + predict in process, one core each",
        "<= 1.25",
        "1.1",
        lambda m: m[OURS]["apart_alone"]["p50_ms"] / m["in_process"]["apart_ms"],
    ),
    Ratio(
        "the same with both cores",
        "<= 1.25",
        "1.1",
        lambda m: m[OURS]["alone"]["p50_ms"] / m["in_process"]["shared_ms"],
    ),
    Ratio(
        "latency of 12 megapixels over 500 x 375",
        "<= 6",
        "4",
        lambda m: m[OURS]["apart_large"]["p50_ms"] / m[OURS]["apart_alone"]["p50_ms"],
    ),
    Ratio(
        "peak memory under full load over Flask's",
        "<= 1.3",
        "1.0",
        lambda m: m[OURS]["peak_bytes"] / m["flask"]["peak_bytes"],
    ),
    Ratio(
        "largest difference of a probability, alone against under concurrency",
        "<= 0.001",
        "",
        lambda m: m[OURS]["difference"]["concurrent"],
    ),
    Ratio(
        "largest difference of a probability, alone against in a batch", "<= 0.001", "", lambda m: m["batch_difference"]
    ),
)


def ratio(asked: Ratio, rounds: Sequence[Round]) -> Figure | None:
    """Return a ratio over all rounds, each taken within its round; None where a contender was left out or gave none."""
    try:
        return figure([asked.of(measured) for measured in rounds])
    except (KeyError, ZeroDivisionError):
        return None


def met(asked: Ratio, found: Figure) -> bool:
    """Return whether the median holds what was asked."""
    comparison, bound = asked.holds.split()
    return found.median >= float(bound) if comparison == ">=" else found.median <= float(bound)
