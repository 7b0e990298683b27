"""What the harness sets for a contender: through the environment, which reaches the workers of every framework."""

import os
from pathlib import Path

HOST = "127.0.0.1"


def port() -> int:
    """Return the port to listen on."""
    return int(os.environ["BENCHMARK_PORT"])


def model() -> Path:
    """Return the model file; its manifest lies beside it."""
    return Path(os.environ["BENCHMARK_MODEL"])


def workers() -> int:
    """Return how many processes predict; 1 is what every framework does unasked."""
    return int(os.environ.get("BENCHMARK_WORKERS", "1"))


def batch() -> int:
    """Return the largest batch; 1 is no batching."""
    return int(os.environ.get("BENCHMARK_BATCH", "1"))


def wait_seconds() -> float:
    """Return how long a batch may wait for more images."""
    return float(os.environ.get("BENCHMARK_WAIT_SECONDS", "0.01"))
