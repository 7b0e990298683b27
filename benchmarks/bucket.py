"""How many photographs of a bucket `catdog-api predict --engine ray` answers in a second, on this machine.

    PYTHONPATH=src python -m benchmarks.bucket

The bucket is a folder. Two runs of other lengths tell what the start takes, which a bucket of millions does not notice.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.photographs import draw
from benchmarks.registry import ROOT
from benchmarks.run import machine

COUNTS = (1_000, 9_000)
ROUNDS = 3
QUICK_COUNTS = (50, 100)


def measure(count: int) -> float:
    """Return how long it takes to answer so many photographs of 500 x 375, seconds.

    Raises:
        CalledProcessError: Not all of them were answered.
    """
    with tempfile.TemporaryDirectory(prefix="catdog-bucket-") as name:
        bucket = Path(name) / "bucket"
        bucket.mkdir()
        photographs = draw()
        for number in range(count):
            (bucket / f"{number}.jpg").write_bytes(photographs[number % len(photographs)])
        to = ["--engine", "ray", "--out", f"{name}/answers.parquet"]
        command = [sys.executable, "-m", "catdog_api", "predict", str(bucket), *to]
        started = time.monotonic()
        subprocess.run(command, check=True, cwd=ROOT)
        return time.monotonic() - started


def main() -> None:
    """Measure in turns, and write `bucket.json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bucket", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a hundred photographs: tries it, measures nothing")
    is_quick = parser.parse_args().quick
    few, many = QUICK_COUNTS if is_quick else COUNTS
    rounds = [(measure(few), measure(many)) for _ in range(1 if is_quick else ROUNDS)]
    rates = [(many - few) / (long - short) for short, long in rounds]
    rate = statistics.median(rates)
    start_seconds = statistics.median(short for short, _ in rounds) - few / rate
    results = {
        "machine": machine(),
        "photographs": [few, many],
        "seconds": rounds,
        "images_per_second": {"median": rate, "least": min(rates), "most": max(rates)},
        "start_seconds": start_seconds,
    }
    out = ROOT / "benchmarks" / ("quick" if is_quick else "results")
    out.mkdir(exist_ok=True)
    (out / "bucket.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
