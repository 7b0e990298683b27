"""Several processes on one listener: starts them, replaces one that dies or hangs, and ends all of them in order.

Not `uvicorn.supervisors.Multiprocess`: it runs uvicorn's own server, without this one's drain and clocks; it looks
twice a second, and replaces what dies in its start again and again, at once. And not SO_REUSEPORT: connections wait in
the one listener's queue, so that of a worker that is killed only those are lost that it had taken on.
"""

import contextlib
import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from types import FrameType

from catdog_api.errors import SettingsError
from catdog_api.gathering import FOLDER_VARIABLE, forget, hand_on
from catdog_api.listening import announce, bind
from catdog_api.logs import configure, logger
from catdog_api.settings import Settings

COMMAND = (sys.executable, "-m", "catdog_api.worker")
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1, 30  # after a start that fails, and after many
STARTING_SECONDS = 120  # in which a worker gets ready; 4 s are usual, and 30 on a machine that is full
SILENCE_SECONDS = 10  # of a worker that says each second that it is well; a busy event loop takes 0.1 s for a round
PATIENCE_SECONDS = 5  # for workers that are past their drain and grace, and have but to end; 0.5 s are usual
SIGNALS = (signal.SIGINT, signal.SIGTERM)
MEMORY = "/dev/shm"  # noqa: S108  # the folder in it gets a name of its own, and is this user's alone


def serve(settings: Settings) -> int:
    """Serve with several workers until SIGINT or SIGTERM.

    Returns:
        The exit status: 1 if no worker could start, or if one did not end in order.

    Raises:
        SettingsError: The address is taken, or is none of this machine's; or not even one process can be started.
    """
    configure(settings.log_level)
    # In memory where there is such a folder: the workers write at each request, and a disk may be read-only.
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with bind(settings) as listener, tempfile.TemporaryDirectory(prefix="catdog-", dir=place) as folder:
        return Supervisor(settings, listener, folder, COMMAND).run()


class _Worker:
    """A worker's process, and the pipe on which it says each second that it is well; that closes when it is gone.

    Args:
        command: What it runs.
        settings: What it is given.
        listener: That of all workers.
        folder: For the metrics of all of them.
        ended: Process ids of workers that have ended, for whom nobody counts on yet; it takes one of them away.
    """

    def __init__(
        self, command: Sequence[str], settings: Settings, listener: socket.socket, folder: str, ended: list[int]
    ) -> None:
        self._folder = folder
        self.pipe, theirs = os.pipe()
        descriptors = (listener.fileno(), theirs)
        try:
            self.process = subprocess.Popen(  # noqa: S603  # nothing in it comes from outside
                [*command, *map(str, descriptors)],
                stdin=subprocess.PIPE,  # for the settings; and when this process is gone, that ends
                bufsize=0,  # or what a dead one was not told would be told once more, and fail, when it is buried
                pass_fds=descriptors,
                env={**os.environ, FOLDER_VARIABLE: folder},
                start_new_session=True,  # Ctrl-C then reaches only the supervisor, which passes it on, once
            )
        except OSError:
            os.close(self.pipe)
            raise
        finally:
            os.close(theirs)
        self.is_ready = self.is_killed = False
        self.precision = ""
        self.heard = time.monotonic()
        if ended:
            hand_on(ended.pop(), self.process.pid, folder)  # it counts nothing before it has its settings
        with contextlib.suppress(BrokenPipeError):  # it is gone already, as its pipe will say
            self.process.stdin.write(settings.model_dump_json().encode() + b"\n")  # type: ignore[union-attr]  # PIPE

    def is_gone(self) -> bool:
        """Hear what it says, once there is something to hear: that it is well, in a precision; or nothing more."""
        said = os.read(self.pipe, 1024)
        self.is_ready = self.is_ready or bool(said)
        self.precision = self.precision or said.decode().partition("\n")[0]
        self.heard = time.monotonic()
        return not said

    def bury(self) -> int:
        """Return its exit status, and leave nothing of it that is true of the living alone."""
        with self.process:
            os.close(self.pipe)
            self.process.stdin.close()  # type: ignore[union-attr]  # PIPE; one that lives without its pipe then ends
            forget(self.process.pid, self._folder)
        return self.process.returncode


class Supervisor:
    """Keeps workers at work. Lives as long as the service; used on the main thread, which is given the signals.

    The first starts alone: what stops it would stop all of them, and is said once; and the precision that it settles on
    is that of all, because one that chose beside a busy one might answer otherwise. One that was ready is replaced at
    once, because loading the model holds a storm back; after one that never was, the pause doubles from a second on.
    One that was ready and then says nothing is killed: its event loop hangs or, if that speaks but not of being well, a
    thread that decodes and predicts. So is one that does not get ready at all.

    Args:
        settings: How many there are, and what each is given.
        listener: Theirs together.
        folder: For the metrics of all of them.
        command: What each runs.
    """

    def __init__(self, settings: Settings, listener: socket.socket, folder: str, command: Sequence[str]) -> None:
        self._settings = settings
        self._listener = listener
        self._folder = folder
        self._command = command
        self._workers: list[_Worker] = []
        self._ended: list[int] = []
        self._due = [0.0]
        self._failures = 0
        self._announced = False
        self._ends_at: float | None = None
        self._status = 0
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Work until all workers have ended; return the exit status. Raises SettingsError if the first cannot start."""
        with _signals_heard() as heard:
            self._selector.register(heard, selectors.EVENT_READ)
            while self._workers or self._due:
                self._start_those_due()
                for key, _ in self._selector.select(self._patience()):
                    if isinstance(key.data, _Worker):
                        self._hear(key.data)
                    else:
                        for number in heard.recv(16):
                            self._end(number)
                self._kill_those_that_hang()
        self._selector.close()
        return self._status

    def _start_those_due(self) -> None:
        now = time.monotonic()
        for due in [due for due in self._due if due <= now]:
            self._due.remove(due)
            try:
                worker = _Worker(self._command, self._settings, self._listener, self._folder, self._ended)
            except OSError as error:  # no memory, no process or no file is to be had now; those that live go on
                if not self._announced:
                    raise SettingsError(f"No worker can be started: {error}.") from error
                logger.warning("a worker cannot be started", extra={"fields": {"reason": str(error)}})
                self._due.append(now + LONGEST_PAUSE_SECONDS)
                continue
            self._workers.append(worker)
            self._selector.register(worker.pipe, selectors.EVENT_READ, worker)

    def _patience(self) -> float | None:
        moment = min([*self._due, *map(self._last_moment, self._workers)], default=math.inf)
        return None if moment == math.inf else max(0.0, moment - time.monotonic())

    def _last_moment(self, worker: _Worker) -> float:
        """Return when to kill a worker that says nothing until then or, at the end, has not ended by then."""
        if worker.is_killed:
            return math.inf
        silence = SILENCE_SECONDS if worker.is_ready else STARTING_SECONDS
        return worker.heard + silence if self._ends_at is None else self._ends_at

    def _kill_those_that_hang(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if now > self._last_moment(worker):
                logger.warning("a worker hangs and is killed", extra={"fields": {"pid": worker.process.pid}})
                worker.is_killed = True
                worker.process.kill()

    def _hear(self, worker: _Worker) -> None:
        was_ready = worker.is_ready
        if worker.is_gone():
            self._selector.unregister(worker.pipe)
            self._workers.remove(worker)
            self._ended.append(worker.process.pid)
            self._replace(worker, worker.bury())
            return
        if not was_ready:
            self._failures = 0
        if not self._announced and self._ends_at is None:
            self._announced = True
            self._settings = self._settings.model_copy(update={"precision": worker.precision})
            announce(self._settings, self._listener)
            self._due += [0.0] * (self._settings.workers - 1)

    def _replace(self, worker: _Worker, status: int) -> None:
        """Decide what follows from a worker's end."""
        if self._ends_at is not None:
            # One that was still starting had taken nothing on: how it ended does not matter.
            self._status = self._status or int(worker.is_ready and status != 0)
        elif not self._announced:
            self._status = 1
        else:
            pause = 0 if worker.is_ready else min(SHORTEST_PAUSE_SECONDS * 2**self._failures, LONGEST_PAUSE_SECONDS)
            self._failures += not worker.is_ready
            fields = {"pid": worker.process.pid, "status": status, "pause_seconds": pause}
            logger.warning("a worker has died and is replaced", extra={"fields": fields})
            self._due.append(time.monotonic() + pause)

    def _end(self, number: int) -> None:
        """Pass a signal on; at the first one, replace nobody any more, and leave the listener to the workers."""
        if self._ends_at is None:
            self._listener.close()
            self._due.clear()
            time_left = self._settings.drain_seconds + self._settings.grace_seconds
            self._ends_at = time.monotonic() + time_left + PATIENCE_SECONDS
        for worker in self._workers:
            worker.process.send_signal(number if worker.is_ready else signal.SIGTERM)


@contextlib.contextmanager
def _signals_heard() -> Iterator[socket.socket]:
    """Make SIGINT and SIGTERM arrive as bytes on a socket, so that waiting for workers is waiting for them, too."""
    heard, told = socket.socketpair()
    told.setblocking(False)  # noqa: FBT003  # as Python would have it
    descriptor = signal.set_wakeup_fd(told.fileno())
    originals = {number: signal.signal(number, _stay) for number in SIGNALS}
    try:
        with heard, told:
            yield heard
    finally:
        for number, original in originals.items():
            signal.signal(number, original)
        signal.set_wakeup_fd(descriptor)


def _stay(number: int, frame: FrameType | None) -> None:
    """Do nothing at a signal: its byte is on the socket."""
