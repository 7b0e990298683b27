"""In which type a run computes: the one in which this processor is faster."""

import time

import keras


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
