"""In which type a run computes: the one in which this processor is faster."""

import time
from pathlib import Path

import keras

from training.checkpoints import load


def policy_of(checkpoint: Path) -> str:
    """Return the dtype policy that a run began with, or for a new one the faster.

    Args:
        checkpoint: Of the run; missing as long as the run is new.

    Returns:
        `mixed_bfloat16` or `float32`.

    Raises:
        OSError: The checkpoint cannot be read.
        CheckpointError: The file is no checkpoint.
    """
    return str(load(checkpoint)[1]["precision"]) if checkpoint.exists() else faster_policy()


def faster_policy() -> str:
    """Return the dtype policy in which this processor runs a convolution faster, by trying both.

    Returns:
        `mixed_bfloat16` or `float32`.
    """
    return "mixed_bfloat16" if _seconds("bfloat16") < _seconds("float32") else "float32"


def _seconds(dtype: str) -> float:
    pixels, kernel = keras.ops.ones((32, 32, 32, 64), dtype), keras.ops.ones((3, 3, 64, 64), dtype)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        float(keras.ops.sum(keras.ops.conv(pixels, kernel, padding="same")))
        times.append(time.perf_counter() - started)
    return min(times)
