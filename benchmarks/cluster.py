"""Ray nodes on this machine, each as `ray start` makes one: processes of its own, which end together."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import ray

from benchmarks.registry import ROOT
from benchmarks.servers import free_port

PATIENCE_SECONDS = 600  # for anything on a machine with other things to do
TRIES = 8  # Ray gives a node's helpers 15 s to be there, which is not always enough for them there
OBJECT_STORE_BYTES = 100_000_000
_RAY = str(Path(sys.executable).with_name("ray"))
_ANY_WORKER_PORT = ("--min-worker-port", "0", "--max-worker-port", "0")

ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "src", ROOT / "deploy" / "ray"))),
    "RAY_AUTH_MODE": "disabled",  # whatever token lies in the home of who runs this: they connect to nothing else
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "catdog_ray_proxy:layers",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # or whatever else the machine does would leave them nothing
}
"""What nodes have in theirs, and whoever starts them, before it does."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node that runs.

    Attributes:
        process: `ray start --block`, in whose session all others of the node are.
        metrics: Where it exposes Ray's series.
        proxy: Where its own proxy of Serve's listens, while it has one; the head's is where Serve is told to.
    """

    process: "subprocess.Popen[bytes]"
    metrics: str
    proxy: str

    def runs(self, title: str) -> bool:
        """Say whether one of its processes calls itself so, as Ray's do while they have something to do."""
        for pid in _session(self.process.pid):
            with suppress(OSError):  # it has ended meanwhile
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(title.encode()):
                    return True
        return False

    def kill(self) -> None:
        """End all processes by SIGKILL, as a machine does that loses its power."""
        while left := _session(self.process.pid):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        self.process.wait()


class Nodes:
    """A cluster, to which this process is connected: a head that computes nothing, and nodes. One for a session.

    Args:
        folder: For what the nodes say.
    """

    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.workers: list[Node] = []
        self._environment = dict(os.environ)  # of all nodes, whatever it is when one of them is added
        self._folder = folder
        port = self.address.rpartition(":")[2]
        self._head = self._start("--head", "--port", port, "--num-cpus", "0", "--include-dashboard", "false")

    @classmethod
    @contextmanager
    def started(cls, folder: Path, count: int, *, cpus: int) -> Iterator["Nodes"]:
        """Run a cluster for the time of the block.

        Args:
            folder: For what the nodes say.
            count: Of nodes besides the head.
            cpus: Of each.

        Raises:
            TimeoutError: A node does not start; with what it says.
        """
        nodes = cls(folder)
        try:
            for _ in range(count):
                nodes.add(cpus)
            ray.init(address=nodes.address, log_to_driver=False, logging_level="warning")
            yield nodes
        finally:
            ray.shutdown()
            for node in [*nodes.workers, nodes._head]:
                node.kill()

    def add(self, cpus: int, core: int | None = None) -> None:
        """Start a node; raises TimeoutError.

        Args:
            cpus: That it says it has.
            core: The one core that all of it may use; None for any.
        """
        self.workers.append(self._start("--address", self.address, "--num-cpus", str(cpus), core=core))

    def kill(self, node: Node) -> None:
        """End a node at once."""
        node.kill()
        self.workers.remove(node)

    def end(self, node: Node) -> None:
        """Tell a node to end, as whoever stops its container does, and wait until it has; raises TimeoutExpired."""
        node.process.terminate()
        node.process.wait(PATIENCE_SECONDS)
        self.kill(node)  # what it has left behind ends with its container

    def _start(self, *arguments: str, core: int | None = None) -> Node:
        pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
        for _ in range(TRIES):
            port = free_port()
            log = self._folder / f"node-{port}.log"
            ports = ["--metrics-export-port", str(port), "--dashboard-agent-listen-port", str(free_port())]
            store = ["--object-store-memory", str(OBJECT_STORE_BYTES), *_ANY_WORKER_PORT]
            proxy = later_port()  # it listens once there is a replica
            command = [*pinned, _RAY, "start", "--block", *arguments, *ports, *store]
            environment = {**self._environment, "RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(proxy)}
            with log.open("wb") as stream:
                process = subprocess.Popen(
                    command, stdout=stream, stderr=stream, start_new_session=True, env=environment
                )
            node = Node(process, f"http://127.0.0.1:{port}/metrics", f"http://127.0.0.1:{proxy}")
            while process.poll() is None:
                if b"Ray runtime started" in log.read_bytes():
                    return node
                time.sleep(0.1)
            node.kill()
        raise TimeoutError(log.read_text())


def later_port() -> int:
    """Choose a port for whoever listens later: below those that the kernel gives to connections meanwhile."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS} s: {what}")
        time.sleep(0.2)


def _session(leader: int) -> list[int]:
    """Return the processes of a session that have not ended; proc(5) has its number as the fourth after the name."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, _, _, session = stat.read_text(errors="replace").rpartition(") ")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(stat.parent.name))
    return found
