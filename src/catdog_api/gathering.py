"""The series of several workers as one: what each counts in a file of its own, added up wherever it is asked for."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where the files lie; prometheus-client looks once, while it is imported, and counts in memory where it is not set."""

_LIVE_FILE = re.compile(r"gauge_live\w+_(\d+)\.db")
_ENDED_FILE = re.compile(r"ended_(\d+)_([\d.e+]+)_([\d.e+-]+)")  # process id, start, seconds of the processor
_COUNTED = ("counter", "histogram")  # what a worker has counted stays true when it has ended
_START, _PROCESSOR = "process_start_time_seconds", "process_cpu_seconds"


def folder() -> str | None:
    """Return where the workers count, None where there is but one process."""
    return os.environ.get(FOLDER_VARIABLE)


def gather(folder: str) -> CollectorRegistry:
    """Return a registry of what all workers have counted, those that have ended included."""
    registry = CollectorRegistry()
    _Counted(registry, folder)  # type: ignore[no-untyped-call]  # published half typed
    registry.register(_Processes(folder))
    return registry


def forget(pid: int, folder: str) -> None:
    """Drop what was true of a worker only while it lived; what it has counted stays.

    Its parent calls this before it asks for the exit status: until then the kernel knows what the worker had counted.

    Args:
        pid: Of the worker, whose end is waited for.
        folder: Where the workers count.
    """
    with suppress(AttributeError, OSError, KeyError):  # where the system has no such call, or no /proc
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        known = _values(_metrics_of(pid))
        # In the name, for a file is there at once and its content is not.
        Path(folder, f"ended_{pid}_{known[_START]}_{known[_PROCESSOR]}").touch()
    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]


def hand_on(ended: int, pid: int, folder: str) -> None:
    """Let a worker count on where one that has ended stopped: two files for each that ever was would fill the memory.

    Its parent calls this before the worker counts anything.

    Args:
        ended: The process id of the one.
        pid: That of the other.
        folder: Where the workers count.
    """
    for kind in _COUNTED:
        with suppress(FileNotFoundError):  # it ended before it had counted anything
            Path(folder, f"{kind}_{ended}.db").rename(Path(folder, f"{kind}_{pid}.db"))


def _metrics_of(pid: int) -> Iterable[Metric]:
    return ProcessCollector(pid=partial(str, pid), registry=None).collect()


def _values(metrics: Iterable[Metric]) -> dict[str, float]:
    return {metric.name: metric.samples[0].value for metric in metrics}


class _Counted(MultiProcessCollector):
    """What the workers have counted; of a file that one of them is just making, and of one that is just gone, nothing.

    prometheus-client makes a file before it gives it its size, and would fail on one that is empty in between.
    """

    def collect(self) -> Iterable[Metric]:
        """Read the files, and add up; anew where one has come, gone or been handed on meanwhile."""
        while True:
            files = self._files()
            with suppress(FileNotFoundError):
                metrics: Iterable[Metric] = self.merge(files)  # type: ignore[no-untyped-call]  # likewise
                if files == self._files():
                    return metrics

    def _files(self) -> list[str]:
        return sorted(str(path) for path in Path(self._path).glob("*.db") if _holds_something(path))


def _holds_something(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_size > 0
    return False


class _Processes(Collector):
    """`process_*` of all workers together: the sum, of their starts the first; pages they share count twice.

    Of those that have ended it is the processor's time alone: a counter that falls looks as if all had begun anew.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Read them from /proc; of a worker that ends meanwhile nothing is told that is true only of the living."""
        series: dict[str, list[Metric]] = defaultdict(list)
        spent: dict[tuple[int, float], float] = {}
        for pid in self._living():
            metrics = list(_metrics_of(pid))
            for metric in metrics:
                series[metric.name].append(metric)
            known = _values(metrics)
            if _PROCESSOR in known:
                spent[pid, known[_START]] = known[_PROCESSOR]
        spent |= self._ended()  # after the living: who ends in between is among both, and counted once
        for name, metrics in series.items():
            values = [metric.samples[0].value for metric in metrics]
            total = min(values) if name == _START else sum(spent.values() if name == _PROCESSOR else values)
            metrics[0].samples = [metrics[0].samples[0]._replace(value=total)]
            yield metrics[0]

    def _living(self) -> set[int]:
        found = [_LIVE_FILE.fullmatch(path.name) for path in Path(self._folder).iterdir()]
        return {int(match[1]) for match in found if match}

    def _ended(self) -> dict[tuple[int, float], float]:
        found = [_ENDED_FILE.fullmatch(path.name) for path in Path(self._folder).iterdir()]
        return {(int(match[1]), float(match[2])): float(match[3]) for match in found if match}
