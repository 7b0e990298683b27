"""The limit: decode and predict in one process, no HTTP; a process of its own for each layout of threads.

    python -m benchmarks.limit FOLDER SECONDS CALLERS BATCH PRECISION

prints one line of JSON. CALLERS 0 takes one photograph at a time through the service's own classifier, for latency.
"""

import itertools
import json
import resource
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.contenders import knobs, ours
from benchmarks.figures import difference
from benchmarks.handover import hand_over
from catdog_api.artifact import Manifest
from catdog_api.classifier import load
from catdog_api.tensors import Images, Probabilities

WARM_UP_BATCHES = 5


class Predicts(Protocol):
    """What can be measured: a `Classifier`, or what answers as one."""

    manifest: Manifest

    def predict(self, images: Images) -> Probabilities:
        """Predict a batch."""


def main(folder: Path, seconds: float, callers: int, batch: int, precision: str) -> dict[str, Any]:
    """Measure one layout.

    Args:
        folder: Holds the photographs; the right answers lie beside it.
        seconds: For how long.
        callers: Threads that each decode and predict; 0 measures latency.
        batch: Images in one call of the network.
        precision: `float32` or `bfloat16`.
    """
    photographs = [path.read_bytes() for path in sorted(folder.glob("[0-9]*"))]
    if callers == 0:
        return {"median_ms": latency(photographs, seconds, ours.load())}
    classifier = load(knobs.model(), precision)
    manifest = classifier.manifest
    found = throughput(photographs, seconds, callers, batch, classifier)
    images = np.stack([ours.read(data, manifest) for data in photographs])
    answers = [ours.answer(row, manifest) for row in classifier.predict(images)]
    expected = json.loads((folder.parent / "expected.json").read_text(encoding="utf-8"))["ours"]
    return {**found, "difference": max(map(difference, answers, expected))}


def latency(photographs: list[bytes], seconds: float, classifier: Predicts) -> float:
    """Return the median of decode and predict of one photograph after the other, milliseconds."""
    times = []
    deadline = time.monotonic() + seconds
    for data in itertools.cycle(photographs):
        started = time.perf_counter()
        classifier.predict(ours.read(data, classifier.manifest)[None])
        times.append(time.perf_counter() - started)
        if time.monotonic() > deadline:
            break
    return 1000 * statistics.median(times)


def throughput(
    photographs: list[bytes], seconds: float, callers: int, batch: int, classifier: Predicts
) -> dict[str, float]:
    """Let every caller decode and predict batch after batch; return images, seconds and CPU seconds."""
    counts = [0] * callers
    barrier = threading.Barrier(callers + 1)
    ended = threading.Event()

    def work(caller: int) -> None:
        turns = itertools.islice(itertools.cycle(photographs), caller, None)
        for turn in itertools.count():
            if turn == WARM_UP_BATCHES:
                barrier.wait()
            images = [ours.read(data, classifier.manifest) for data in itertools.islice(turns, batch)]
            classifier.predict(np.stack(images))
            if ended.is_set():
                return
            counts[caller] += batch if turn >= WARM_UP_BATCHES else 0

    threads = [threading.Thread(target=work, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    barrier.wait()
    started, cpu_started = time.monotonic(), _cpu_seconds()
    time.sleep(seconds)
    images, cpu, elapsed = sum(counts), _cpu_seconds() - cpu_started, time.monotonic() - started
    ended.set()
    for thread in threads:
        thread.join()
    return {"requests": images, "seconds": elapsed, "server_cpu_seconds": cpu, "client_cpu_seconds": 0.0}


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    _, given, duration, several, size, kind = sys.argv
    hand_over(main(Path(given), float(duration), int(several), int(size), kind))
