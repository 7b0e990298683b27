"""One of several workers: `python -m catdog_api.worker LISTENER PIPE`, started by `workers.py` and by nobody else."""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from functools import partial

from catdog_api.errors import CatdogError
from catdog_api.server import serve
from catdog_api.settings import Settings

SUPERVISOR = 0
"""Standard input: a line with the settings, and then nothing until the supervisor is gone."""


def main(listener: int, pipe: int, supervisor: int = SUPERVISOR) -> None:
    """Serve as `catdog-api serve` does, on a listener that is there already.

    Args:
        listener: Its file descriptor.
        pipe: The one of a pipe on which the worker says that it is ready, and from then on that it is well: each time a
            line with the precision of its model.
        supervisor: The one of a pipe that the supervisor holds open.
    """
    with open(supervisor, "rb", buffering=0, closefd=False) as stream:
        settings = Settings(**json.loads(stream.readline()))
    os.set_blocking(pipe, False)  # not to wait for a supervisor that hangs
    threading.Thread(target=_end_with, args=(supervisor,), daemon=True).start()
    try:
        with socket.socket(fileno=listener) as inherited:
            serve(settings, inherited, partial(_say_that_all_is_well, pipe))
    except CatdogError as error:
        sys.exit(f"catdog-api: {error}")


def _say_that_all_is_well(pipe: int, precision: str) -> None:
    with contextlib.suppress(OSError):  # a supervisor that is gone, or does not listen, hears nothing
        os.write(pipe, precision.encode() + b"\n")


def _end_with(supervisor: int) -> None:
    """End in order when the supervisor, which would pass signals on, was killed itself."""
    os.read(supervisor, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
