"""What is measured of one contender: windows of load against its processes, on shared cores and on separate ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.agreement import answers_rightly, compare
from benchmarks.figures import Answer
from benchmarks.loading import load
from benchmarks.photographs import Bodies
from benchmarks.processes import cpu_seconds, peak_memory
from benchmarks.registry import Contender
from benchmarks.servers import Server, StartError, serving

SERVER_CORE, CLIENT_CORE = 0, 1


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how much.

    Attributes:
        rounds: How often everything is measured.
        seconds: Of a measured window.
        warm_up_seconds: Of load before the first.
        sweep_seconds: Of a window of the sweep; 0 leaves it out. 4 s picked wrong settings.
        connections: Of full load.
        photographs: In the fixed set.
    """

    rounds: int = 3
    seconds: float = 10
    warm_up_seconds: float = 5
    sweep_seconds: float = 10
    connections: int = 16
    photographs: int = 64


QUICK = Scale(rounds=1, seconds=2, warm_up_seconds=1, sweep_seconds=0, connections=4, photographs=8)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs.

    Attributes:
        scale: How long and how much.
        folder: For logs and bodies.
        bodies: By multipart field, None for raw.
        expected: The right answers by decoder, `plain` or `ours`.
    """

    scale: Scale
    folder: Path
    bodies: Mapping[str | None, Bodies]
    expected: Mapping[str, Sequence[Answer]]

    @contextmanager
    def serving(self, contender: Contender, setting: Mapping[str, str], core: int | None = None) -> Iterator[Server]:
        """Run a contender that answers rightly; raises StartError."""
        bodies, expected = self.bodies[contender.field], self.expected[contender.decoding]
        with serving(
            contender, setting, lambda url: answers_rightly(url, bodies, expected), self.folder, core
        ) as server:
            yield server

    def window(
        self, server: Server, bodies: Bodies, connections: int, core: int | None = None, *, large: bool = False
    ) -> dict[str, Any]:
        """Measure one window: what the client saw, and the CPU seconds of the server's processes."""
        before = cpu_seconds()
        paths = [bodies.large] if large else bodies.paths
        seconds = self.scale.seconds
        seen = load(server.url, bodies.content_type, paths, connections=connections, seconds=seconds, core=core)
        return {**asdict(seen), "server_cpu_seconds": cpu_seconds() - before}


def measure(bench: Bench, contender: Contender, setting: Mapping[str, str]) -> dict[str, Any]:
    """Measure a contender once.

    Returns:
        `full` and `alone` with all cores for both; `apart`, `apart_alone` and `apart_large` with one each; the most
        memory under full load, the differences of its answers, and its cold starts, on all cores and on one.

    Raises:
        StartError: It does not come to answer.
        ClientError: wrk is missing, or did not report.
    """
    bodies, full = bench.bodies[contender.field], bench.scale.connections
    with bench.serving(contender, setting) as server:
        found: dict[str, Any] = {"cold_start_seconds": [server.cold_start_seconds]}
        _warm_up(bench, server, bodies)
        found["full"] = bench.window(server, bodies, full)
        found["alone"] = bench.window(server, bodies, 1)
        found["peak_bytes"] = _peak(bench, server, bodies)
        found["difference"] = compare(server.url, bodies, bench.expected[contender.decoding], full)
    with bench.serving(contender, setting, SERVER_CORE) as server:
        found["cold_start_seconds"].append(server.cold_start_seconds)
        _warm_up(bench, server, bodies)
        found["apart"] = bench.window(server, bodies, full, CLIENT_CORE)
        found["apart_alone"] = bench.window(server, bodies, 1, CLIENT_CORE)
        found["apart_large"] = bench.window(server, bodies, 1, CLIENT_CORE, large=True)
    return found


def sweep(bench: Bench, contender: Contender) -> list[dict[str, Any]]:
    """Try every setting of a contender under full load.

    Returns:
        Each setting with its window, or with an `error` where it does not come to answer; in their order.

    Raises:
        ClientError: wrk is missing, or did not report.
    """
    bodies = bench.bodies[contender.field]
    found = []
    for setting in contender.settings:
        try:
            with bench.serving(contender, setting) as server:
                _warm_up(bench, server, bodies)
                window = bench.window(server, bodies, bench.scale.connections)
        except StartError as error:
            window = {"error": str(error)}
        found.append({"setting": dict(setting), **window})
    return found


def _warm_up(bench: Bench, server: Server, bodies: Bodies, started: Callable[[int], None] = lambda _: None) -> None:
    connections, seconds = bench.scale.connections, bench.scale.warm_up_seconds
    load(server.url, bodies.content_type, bodies.paths, connections=connections, seconds=seconds, started=started)


def _peak(bench: Bench, server: Server, bodies: Bodies) -> int:
    """Press once more, outside of the windows, and return the most memory that was held meanwhile, bytes."""
    client: list[int] = []
    with peak_memory(lambda: client[0] if client else None) as most:
        _warm_up(bench, server, bodies, client.append)
        return most()
