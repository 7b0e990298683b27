"""The client: wrk, one thread of it, for so many seconds; and what it reports."""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.handover import handed_over

SCRIPT = Path(__file__).with_name("load.lua")
TIMEOUT_SECONDS = 60  # of one request; a slow contender is slow, not failed


class ClientError(Exception):
    """wrk is missing, or did not report."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one client saw in one window.

    Attributes:
        requests: Answered, whatever the status.
        failed: Of another status than 2xx or 3xx, or broken.
        seconds: Of the window.
        received_bytes: Of all answers, with their headers.
        p50_ms: Median latency; p90_ms and p99_ms likewise.
        stages_ms: Mean of each stage in `Server-Timing`, where there is one.
        client_cpu_seconds: What wrk itself took.
    """

    requests: int
    failed: int
    seconds: float
    received_bytes: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    stages_ms: dict[str, float] = field(default_factory=dict)
    client_cpu_seconds: float = 0.0


def parse_report(output: str, client_cpu_seconds: float = 0.0) -> Load:
    """Read what `load.lua` writes at the end of wrk's output.

    Raises:
        ClientError: It is not there.
    """
    try:
        return Load(**handed_over(output), client_cpu_seconds=client_cpu_seconds)
    except ValueError as error:
        raise ClientError(f"wrk did not report: {output[-500:]!r}") from error


def load(  # noqa: PLR0913  # a load has that many sides
    url: str,
    content_type: str,
    bodies: Sequence[Path],
    *,
    connections: int,
    seconds: float,
    core: int | None = None,
    started: Callable[[int], None] = lambda _: None,
) -> Load:
    """Send the bodies in turn, over so many connections, for so long.

    Args:
        url: Where to.
        content_type: Of every body.
        bodies: Their files.
        connections: Each with one request under way.
        seconds: How long; wrk knows whole seconds.
        core: The one core that wrk may use; None for any.
        started: Is told wrk's process id.

    Raises:
        ClientError: wrk is missing, or did not report.
    """
    pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
    shape = ["--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s"]
    command = [*pinned, "wrk", *shape, "--timeout", f"{TIMEOUT_SECONDS}s", "--script", str(SCRIPT), url]
    try:
        process = subprocess.Popen(
            [*command, "--", content_type, *map(str, bodies)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except FileNotFoundError as error:
        raise ClientError(f"{error.filename} is needed: install Debian's package of that name.") from error
    started(process.pid)
    assert process.stdout is not None  # noqa: S101  # it is piped
    with process.stdout as stream:
        output = stream.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return parse_report(output, usage.ru_utime + usage.ru_stime)
