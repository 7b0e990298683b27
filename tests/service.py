"""`catdog-api serve` as a process of its own, around the true model: where it answers, what it counts and holds."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from benchmarks.processes import memory_bytes, tree

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 180
END_SECONDS = 40  # the grace, and time for a machine with other things to do


@dataclass(frozen=True, slots=True)
class Service:
    """A service that answers; it is the only process that the tests' own has below it.

    Attributes:
        url: Where.
        process: The first one, which is the supervisor where there are several workers.
    """

    url: str
    process: "subprocess.Popen[bytes]"

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return urlsplit(self.url).port or 0

    @property
    def workers(self) -> set[int]:
        """The processes that a supervisor has started."""
        return tree().keys() - {self.process.pid}

    def count(self, series: str) -> float:
        """Return the sum of what `/metrics` says of a series, over all of its labels that are not given.

        Args:
            series: The name, and the labels as they are written there: `catdog_refused_total{reason="overloaded"}`.
        """
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        found = re.findall(rf"^{re.escape(series)}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        assert found, series
        return sum(map(float, found))

    def memory_bytes(self, besides: int | None = None, kind: str = "Pss") -> int:
        """Return what its processes hold (PSS: what they share counts once).

        Args:
            besides: A process that is none of its own, although the tests' has started it.
            kind: As for `proportional`.
        """
        return memory_bytes(besides, kind)


@contextmanager
def started(log: Path, *flags: str, module: str = "catdog_api") -> Iterator[Service]:
    """Run the service on a free port for the time of the block, and hold it to an orderly end.

    Args:
        log: Where its output goes.
        flags: Of `catdog-api serve`.
        module: What runs; one that takes the same command.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CATDOG_")}
    environment["PYTHONPATH"] = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    command = [sys.executable, "-m", module, "serve", "--port", "0", *flags]
    with (
        log.open("w") as stream,
        subprocess.Popen(command, stdout=stream, stderr=stream, env=environment) as process,  # noqa: S603  # ours
    ):
        try:
            yield Service(wait_for_address(process, log), process)
        finally:
            process.terminate()
            assert process.wait(END_SECONDS) == 0, "the service did not end in order"


def wait_for_address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Return where a service answers, once it has said so in its log; a process that has ended fails the test."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"answers at (http://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.1)
    pytest.fail(f"the service did not start: {log.read_text()}")
