"""The series of several workers as one: what each counts in a file of its own, added up wherever it is asked for."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where the files lie; prometheus-client looks once, while it is imported, and counts in memory where it is not set."""

_LIVE_FILE = re.compile(r"gauge_live\w+_(\d+)\.db")


def folder() -> str | None:
    """Return where the workers count, None where there is but one process."""
    return os.environ.get(FOLDER_VARIABLE)


def gather(folder: str) -> CollectorRegistry:
    """Return a registry of what all workers have counted, those that have ended included."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]  # published half typed
    registry.register(_Processes(folder))
    return registry


def forget(pid: int, folder: str) -> None:
    """Drop what was true of a worker only while it lived; what it has counted stays."""
    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]


class _Processes(Collector):
    """`process_*` of all living workers together: the sum, of their starts the first; pages they share count twice."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Read them from /proc; a worker that ends meanwhile is left out."""
        found = [_LIVE_FILE.fullmatch(path.name) for path in Path(self._folder).iterdir()]
        series: dict[str, list[Metric]] = defaultdict(list)
        for pid in {match[1] for match in found if match}:
            for metric in ProcessCollector(pid=partial(str, pid), registry=None).collect():
                series[metric.name].append(metric)
        for name, metrics in series.items():
            values = [metric.samples[0].value for metric in metrics]
            total = min(values) if name == "process_start_time_seconds" else sum(values)
            metrics[0].samples = [metrics[0].samples[0]._replace(value=total)]
            yield metrics[0]
