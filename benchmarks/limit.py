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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.contenders import knobs, ours
from benchmarks.figures import difference
from catdog_api.artifact import Manifest, read_manifest
from catdog_api.labels import softmax
from catdog_api.tensors import Images, Probabilities

WARM_UP_BATCHES = 5


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
        return {"median_ms": latency(photographs, seconds)}
    manifest = read_manifest(knobs.model())
    predict = network(precision, manifest)
    found = throughput(photographs, seconds, callers, batch, predict, manifest)
    images = np.stack([ours.read(data, manifest) for data in photographs])
    answers = [ours.answer(row, manifest) for row in predict(images)]
    expected = json.loads((folder.parent / "expected.json").read_text(encoding="utf-8"))["ours"]
    return {**found, "difference": max(map(difference, answers, expected))}


def latency(photographs: list[bytes], seconds: float) -> float:
    """Return the median of decode and predict of one photograph, milliseconds."""
    classifier = ours.load()
    times = []
    deadline = time.monotonic() + seconds
    for data in itertools.cycle(photographs):
        started = time.perf_counter()
        classifier.predict(ours.read(data, classifier.manifest)[None])
        times.append(time.perf_counter() - started)
        if time.monotonic() > deadline:
            break
    return 1000 * statistics.median(times)


def network(precision: str, manifest: Manifest) -> Callable[[Images], Probabilities]:
    """Return the network as one traced function, its layers computing in a precision."""
    model = keras.models.load_model(knobs.model(), compile=False)
    if precision == "bfloat16":
        for layer in model.layers:
            layer.dtype_policy = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    size = manifest.input_size
    logits = tf.function(
        lambda images: tf.cast(model(images, training=False), tf.float32),
        input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)],
        autograph=False,
    )
    return lambda images: softmax(logits(tf.constant(images)).numpy(), manifest.temperature)


def throughput(  # noqa: PLR0913, PLR0917  # a layout has that many sides
    photographs: list[bytes],
    seconds: float,
    callers: int,
    batch: int,
    predict: Callable[[Images], Probabilities],
    manifest: Manifest,
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
            predict(np.stack([ours.read(data, manifest) for data in itertools.islice(turns, batch)]))
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
    print("result " + json.dumps(main(Path(given), float(duration), int(several), int(size), kind)))
