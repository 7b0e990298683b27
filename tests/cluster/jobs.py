"""`catdog-api predict --engine ray` as a process of its own on the tests' nodes."""

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.cluster import Nodes
from benchmarks.photographs import draw

PHOTOGRAPHS = dict(zip([f"photographs/2026/{number:02}.jpg" for number in range(20)], draw(20), strict=True))


def started(
    nodes: Nodes, *arguments: str, program: Sequence[str] = ("-m", "catdog_api"), stderr: int = subprocess.PIPE
) -> "subprocess.Popen[str]":
    """Start the command on the nodes."""
    command = [sys.executable, *program, "predict", "--engine", "ray", *arguments]
    environment = {**os.environ, "RAY_ADDRESS": nodes.address, "CATDOG_PRECISION": "float32"}
    return subprocess.Popen(  # noqa: S603  # all of it is written here
        command, stdout=subprocess.DEVNULL, stderr=stderr, text=True, env=environment
    )


def ended(job: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for the command; return its status, and what it says last."""
    try:
        _, said = job.communicate(timeout=900)
    finally:
        job.kill()
    return job.returncode, said.strip().split("\n")[-1]


def shelf(folder: Path, count: int = 1000) -> set[str]:
    """Put photographs into a folder; return their paths."""
    folder.mkdir()
    drawn = [*PHOTOGRAPHS.values()]
    photographs = {str(folder / f"{number:04}.jpg"): drawn[number % 20] for number in range(count)}
    for path, data in photographs.items():
        Path(path).write_bytes(data)
    return set(photographs)


@contextmanager
def watched(
    nodes: Nodes, tmp_path: Path, program: Sequence[str]
) -> Iterator[tuple["subprocess.Popen[str]", Iterator[int]]]:
    """Answer a thousand photographs; yield the command, and how many it shows on its terminal as answered."""
    shelf(tmp_path / "shelf")
    reading, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))  # on one without a size nothing is drawn

    def seen() -> Iterator[int]:
        with suppress(OSError):  # which is how a terminal ends
            while part := os.read(reading, 65536):
                yield from map(int, re.findall(r"(\d+)/1000", part.decode()))

    paths = (str(tmp_path / "shelf"), "--out", str(tmp_path / "answers.parquet"))
    with started(nodes, *paths, program=program, stderr=terminal) as job:
        os.close(terminal)
        yield job, seen()
    os.close(reading)
