"""The command of the benchmark: `python -m benchmarks`, or `make bench`."""

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError

from benchmarks.loading import ClientError
from benchmarks.measure import QUICK, Scale
from benchmarks.registry import ROOT, chosen
from benchmarks.run import run


def main() -> None:
    """Measure; exit with status 1 and one line where that cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the contenders side by side.")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these contenders alone")
    parser.add_argument("--quick", action="store_true", help="seconds, no sweep: tries the harness, measures nothing")
    parser.add_argument("--rounds", type=int, help=f"how often all is measured (default: {Scale().rounds})")
    parser.add_argument("--out", type=Path, help="folder for the results (default: benchmarks/results, or quick)")
    arguments = parser.parse_args()
    out = arguments.out or ROOT / "benchmarks" / ("quick" if arguments.quick else "results")
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit("benchmarks: ended")
    )  # by unwinding, which ends the contender too
    scale = QUICK if arguments.quick else Scale()
    if arguments.rounds:
        scale = replace(scale, rounds=arguments.rounds)
    try:
        run(chosen(arguments.only), scale, out)
    except CalledProcessError as error:
        sys.exit(f"benchmarks: {error}\n{error.stderr or ''}")
    except (ClientError, ValueError) as error:
        sys.exit(f"benchmarks: {error}")
    print((out / "report.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
