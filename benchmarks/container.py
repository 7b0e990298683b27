"""The Dockerfile's images, built and run as hardened containers are: what they promise, their size, start and memory.

    python -m benchmarks.container [OPTION ...]

It is for root on Debian with buildah and debootstrap, which reaches Debian's packages and PyPI, and has port 8000 and
10 GB of disk to spare for a quarter of an hour; nothing of it stays. Options are for `buildah build`: where pip needs a
file of this machine to reach PyPI, `--volume` shows it to the build, and the image does not have it. Each image's
figures are a line of JSON on standard output; all else goes to standard error. Sizes are the same on any machine;
seconds and memory are worth something on an idle one alone, where Ray, too, starts within the half minute that it gives
itself. Ray's are of as many of its two replicas as were there when the first one answered.

Without a runtime beside it `buildah run` has no read-only root, and its command is not process 1, to which a signal is
nothing unless it asks for it. So the containers are made here of what a runtime makes them of.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.photographs import draw
from benchmarks.processes import end_tree, memory_bytes
from benchmarks.registry import ROOT

PORT = 8000
STARTS = 4
USER = 12345
"""Whom no file of the image knows; the group is root's, as OpenShift has it."""

READY_SECONDS = 600.0
STOP_SECONDS = 25.0
"""As README has it for `docker stop`."""

LABELS = 3
DEBIAN = ("debootstrap", "--variant=minbase", "--include=python3,python3-venv", "bookworm")

CONTAINER = f"""
set -e
root=$1 shm=$2 writable=$3
shift 3
mount --make-rprivate /
touch "$root/etc/hosts"
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
cd "$root"
mount --bind /etc/hosts etc/hosts
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o "size=$shm" shm dev/shm
test -z "$writable" || mount -t tmpfs tmp "$writable"
exec chroot --userspec={USER}:0 --groups= . "$@"
"""
"""In namespaces of its own: a root that nothing writes to, what every container has, and a user without rights."""

Buildah = Callable[..., str]


class PromiseError(Exception):
    """A container does not do what the documents say."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `docker run` is told besides `--read-only`, `--user` and `--publish`.

    Attributes:
        environment: Variables besides the image's.
        shm: The size of /dev/shm; unless told, Docker's.
        writable: A folder of the root, without its slash, that may be written to.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    shm: str = "64m"
    writable: str = ""


RAY = Options({"RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": 6})}, "1g", "tmp")
"""As deploy/ray/README.md has it, and the six cores that it asks for, so that two replicas start on any machine."""


class Container:
    """A container with the image's own command, from its start on; for one thread.

    Args:
        root: Where the image's files are mounted.
        config: Of the image, as Docker has it.
        options: What else it is told.
    """

    def __init__(self, root: str, config: Mapping[str, Any], options: Options) -> None:
        # Docker's home of a user whom the image does not know, unless the image names one.
        self._environment = {"HOME": "/", **dict(pair.split("=", 1) for pair in config["Env"]), **options.environment}
        self._health = config["Healthcheck"]["Test"][1:]
        made = ["unshare", "--mount", "--ipc", "--pid", "--fork", "sh", "-c", CONTAINER, "sh"]
        command = [*made, root, options.shm, options.writable, *(config["Entrypoint"] or []), *config["Cmd"]]
        self._began = time.monotonic()
        self._process = subprocess.Popen(command, env=self._environment, stdout=sys.stderr, start_new_session=True)

    @classmethod
    @contextmanager
    def running(cls, root: str, config: Mapping[str, Any], options: Options) -> Iterator["Container"]:
        """Run one for the time of the block; raises OSError where another process has the port."""
        socket.create_server(("", PORT)).close()
        container = cls(root, config, options)
        try:
            yield container
        finally:
            end_tree(container._process.pid, patience_seconds=0)
            container._process.wait()

    def ready_seconds(self) -> float:
        """Wait until it says that it is ready, and return how long after its start that was; raises PromiseError."""
        while time.monotonic() - self._began < READY_SECONDS and self._process.poll() is None:
            with suppress(httpx.TransportError):  # nobody listens yet
                if httpx.get(f"http://127.0.0.1:{PORT}/health/ready", trust_env=False).is_success:
                    return time.monotonic() - self._began
            time.sleep(0.02)
        raise PromiseError(f"not ready in {READY_SECONDS:.0f} s, or ended with {self._process.poll()}")

    def predict(self, photograph: bytes) -> None:
        """Have a photograph answered; raises PromiseError."""
        files = {"file": photograph}
        answer = httpx.post(f"http://127.0.0.1:{PORT}/predict", files=files, timeout=60, trust_env=False)
        _hold(answer.status_code == httpx.codes.OK, answer.text)
        _hold(len(answer.json()["probabilities"]) == LABELS, answer.text)

    def check_confinement(self) -> None:
        """Look at it from outside: who it is, and whether its root can be written to; raises PromiseError."""
        first = Path(f"/proc/{self._first()}")
        _hold(first.stat().st_uid == USER, "another user")
        _hold(bool(os.statvfs(first / "root").f_flag & os.ST_RDONLY), "the root can be written to")

    def check_health(self) -> None:
        """Run the image's own health check in it; raises PromiseError."""
        inside = ["nsenter", "--target", str(self._first()), "--mount", "--ipc", "--pid", "--root", "--wd"]
        command = [*inside, "--setuid", str(USER), "--setgid", "0", *self._health]
        status = subprocess.run(command, env=self._environment, check=False, stdout=sys.stderr).returncode
        _hold(status == 0, f"the health check ended with {status}")

    def stop(self) -> int:
        """End it as `docker stop` does, and return its status; raises TimeoutExpired if it does not."""
        os.kill(self._first(), signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def _first(self) -> int:
        """Return the process that is number 1 in the container."""
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii"))


def _hold(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # a condition and what it means
    if not holds:
        raise PromiseError(otherwise)


@contextmanager
def store() -> Iterator[Buildah]:
    """Give buildah a place of its own for images, which is gone at the end of the block.

    Yields:
        What runs buildah and returns what it says, or shows it, of a build; it raises CalledProcessError.
    """
    with tempfile.TemporaryDirectory(prefix="catdog-container-") as folder:

        def buildah(*arguments: str, stdin: str = "") -> str:
            command = ["buildah", "--root", f"{folder}/store", "--runroot", f"{folder}/run", *arguments]
            output = sys.stderr if arguments[0] == "build" else subprocess.PIPE
            return (subprocess.run(command, check=True, stdout=output, text=True, input=stdin).stdout or "").strip()

        try:
            yield buildah
        finally:
            buildah("rm", "--all")  # or they stay mounted


def build(buildah: Buildah, options: list[str]) -> None:
    """Make the images `base`, `service` and `ray`, the last two with these options, too; raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="catdog-debian-") as folder:
        subprocess.run([*DEBIAN, folder], check=True, stdout=sys.stderr)
        buildah("build", "--tag", "base", "--file", "-", folder, stdin="FROM scratch\nCOPY . /\n")
    # Docker's format, because the other has no health check; in layers, so that Ray's image has the service's.
    fixed = ["--isolation", "chroot", "--format", "docker", "--layers", "--build-arg", "BASE=localhost/base", *options]
    buildah("build", *fixed, "--tag", "service", str(ROOT))
    buildah("build", *fixed, "--tag", "ray", "--target", "ray", str(ROOT))


def inspect(buildah: Buildah, name: str) -> tuple[Mapping[str, Any], float]:
    """Return an image's configuration, as Docker has it, and the MB of its layers; raises CalledProcessError."""
    told = json.loads(buildah("inspect", "--type", "image", name))
    return told["Docker"]["config"], sum(layer["size"] for layer in json.loads(told["Manifest"])["layers"]) / 1e6


def measure(buildah: Buildah, name: str, options: Options, starts: int) -> dict[str, Any]:
    """Start an image some times, hold it to its promises, and end it.

    Returns:
        The size of its layers, `unpacked_mb`; and of each start the `ready_seconds`, the `memory_mb` (PSS) after the
        first photograph, and the exit `status`.

    Raises:
        CalledProcessError: buildah cannot mount it.
        PromiseError: It does not do what the documents say.
        TimeoutExpired: It does not end.
    """
    config, unpacked_mb = inspect(buildah, name)
    root = buildah("mount", buildah("from", f"localhost/{name}"))
    (photograph,) = draw(1)
    figures: dict[str, list[float]] = {"ready_seconds": [], "memory_mb": [], "status": []}
    for _ in range(starts):
        with Container.running(root, config, options) as container:
            figures["ready_seconds"].append(container.ready_seconds())
            container.predict(photograph)
            figures["memory_mb"].append(memory_bytes() / 1e6)
            container.check_confinement()
            container.check_health()
            figures["status"].append(container.stop())
    return {"unpacked_mb": unpacked_mb, **figures}


def main() -> None:
    """Build, measure, and print; raises what `build` and `measure` do."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.container", description=(__doc__ or "").split("\n")[0])
    _, options = parser.parse_known_args()
    with store() as buildah:
        build(buildah, options)
        print(json.dumps({"base": {"unpacked_mb": inspect(buildah, "base")[1]}}), flush=True)
        service = measure(buildah, "service", Options(), STARTS)
        print(json.dumps({"service": service}), flush=True)
        _hold(set(service["status"]) == {0}, "the service does not end in order")
        print(json.dumps({"ray": measure(buildah, "ray", RAY, 1)}))


if __name__ == "__main__":
    main()
