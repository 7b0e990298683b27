"""A contender as a running process tree: started on a free port, ready at its first right answer, ended whole."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.environments import prepare
from benchmarks.processes import end_tree
from benchmarks.registry import ROOT, Contender

PATIENCE_SECONDS = 180.0
ENVIRONMENT = {
    "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}",
    "BENCHMARK_MODEL": str(ROOT / "models" / "catdog.keras"),
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "KERAS_BACKEND": "tensorflow",
    "CATDOG_LOG_LEVEL": "warning",  # no line a request; FastAPI and LitServe write none here, Flask, BentoML and Ray do
}
"""What every process that is measured, or computes what is expected, has in its own."""


class StartError(Exception):
    """A contender did not come to answer."""


@dataclass(frozen=True, slots=True)
class Server:
    """A contender that answers.

    Attributes:
        url: Where photographs are posted to.
        cold_start_seconds: From exec to its first right answer.
    """

    url: str
    cold_start_seconds: float


@contextmanager
def serving(
    contender: Contender,
    setting: Mapping[str, str],
    answers: Callable[[str], bool],
    folder: Path,
    core: int | None = None,
) -> Iterator[Server]:
    """Run a contender for the time of the block.

    Args:
        contender: Who.
        setting: Of its sweep.
        answers: Whether a photograph posted to a URL comes back with the right answer; may raise httpx.HTTPError.
        folder: For its log and whatever it writes.
        core: The one core that it may use, from its start; None for all.

    Raises:
        StartError: It ended, or gave no right answer in time.
    """
    port = free_port()
    command = [part.format(port=port) for part in contender.command]
    command[0] = str(prepare(contender.environment) / command[0])
    pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
    log = folder / f"{contender.name}.log"
    with log.open("w") as stream:
        started = time.monotonic()
        process = subprocess.Popen(
            [*pinned, *command],
            stdout=stream,
            stderr=stream,
            cwd=ROOT,
            env=_environment(setting, port, folder),
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}/predict"
            _wait(process, url, answers, log)
            yield Server(url, time.monotonic() - started)
        finally:
            end_tree(process.pid)
            process.returncode = process.returncode or 0  # `end_tree` has waited for it


def _wait(process: "subprocess.Popen[bytes]", url: str, answers: Callable[[str], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    last = "nothing answered"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if answers(url):
                return
            last = "the answer was wrong"
        except httpx.HTTPError as error:
            last = repr(error)
        time.sleep(0.05)
    # For whoever watches, and not for the results: it names what is where on this machine.
    print(log.read_text(errors="replace")[-2000:], file=sys.stderr)
    raise StartError(last)


def _environment(setting: Mapping[str, str], port: int, folder: Path) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **inherited,
        **ENVIRONMENT,
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENCHMARK_PORT": str(port),
        **setting,
    }


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
