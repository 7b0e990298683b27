"""Whole process trees under /proc: what they cost, how much they hold, and how they are ended."""

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
SAMPLE_SECONDS = 0.5  # between two samples of memory; each reads every page table, so not in a measured window


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, so that a daemon cannot leave the tree."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def parse_stat(text: str) -> tuple[int, float]:
    """Return a process's parent and its CPU seconds, those of the children that it has waited for included.

    Args:
        text: Of `/proc/PID/stat`, proc(5); the name in it may hold spaces and parentheses.
    """
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[1]), sum(int(field) for field in fields[11:15]) / TICKS


def descendants(ancestor: int, parents: dict[int, int]) -> set[int]:
    """Return every process below one.

    Args:
        ancestor: Its id; it is not among them.
        parents: By process id.
    """
    found: set[int] = set()
    edge = {ancestor}
    while edge:
        edge = {pid for pid, parent in parents.items() if parent in edge} - found
        found |= edge
    return found


def tree(besides: int | None = None) -> dict[int, float]:
    """Return the processes below this one and their CPU seconds.

    Args:
        besides: A child to leave out, with all that is below it: the client.
    """
    stats = _stats()
    parents = {pid: parent for pid, (parent, _) in stats.items() if pid != besides}
    return {pid: stats[pid][1] for pid in descendants(os.getpid(), parents)}


def cpu_seconds() -> float:
    """Return the CPU seconds of all processes below this one: only one server runs at a time."""
    return sum(tree().values())


def memory_bytes(besides: int | None = None, kind: str = "Pss") -> int:
    """Return the proportional set size of the tree: memory that processes share is counted once.

    Args:
        besides: As for `tree`.
        kind: As for `proportional`.
    """
    return sum(proportional(pid, kind) for pid in tree(besides))


def proportional(pid: int, kind: str = "Pss") -> int:
    """Return the proportional set size of a process, bytes; 0 if it has ended.

    Args:
        pid: Its id.
        kind: `Pss` for all of it, `Pss_Anon` for what is of no file: of those the share changes with who else has them.
    """
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return 1024 * int(line.split()[1])
    return 0


@contextmanager
def peak_memory(besides: Callable[[], int | None]) -> Iterator[Callable[[], int]]:
    """Sample the tree's memory during the block; what it gives returns the most that was seen so far, bytes.

    Args:
        besides: Returns the client's process id, None while there is none.
    """
    seen = [memory_bytes(besides())]
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            seen.append(memory_bytes(besides()))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield lambda: max(seen)
    finally:
        ended.set()
        thread.join()


def end_tree(root: int, patience_seconds: float = 15.0) -> None:
    """End a server: ask its first process, then kill whatever is still below this process.

    Args:
        root: The process that was started.
        patience_seconds: How long it may take to end in order.
    """
    _send(root, signal.SIGTERM)
    deadline = time.monotonic() + patience_seconds
    while _alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    while left := _alive():
        for pid in left:
            _send(pid, signal.SIGKILL)
        time.sleep(0.05)


def _alive() -> set[int]:
    """Return the processes below this one, after taking leave of those that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return set(tree())


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _stats() -> dict[int, tuple[int, float]]:
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has ended meanwhile
                found[int(folder.name)] = parse_stat((folder / "stat").read_text(errors="replace"))
    return found
