"""Which files a person means: names, folders, patterns, standard input, and what arrives in a folder."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """One file to answer; immutable.

    Attributes:
        path: As it was given, or found under a folder that was given; "-" is standard input.
        named: Whether a person named it; what was merely found in a folder may be no image at all.
    """

    path: str
    named: bool

    def read(self) -> bytes:
        """Return its bytes.

        Raises:
            OSError: It cannot be read.
        """
        return sys.stdin.buffer.read() if self.path == STDIN else Path(self.path).read_bytes()


def find(names: Iterable[str], *, but_not: Path | None = None) -> Iterator[Source]:
    """Find each file once, in the order of the names and within a folder in the order of its paths.

    Args:
        names: Of files, of folders (looked through to the bottom, hidden files passed over), patterns with `*`, `?`,
            `[...]` and `**`, or "-".
        but_not: A folder that is not looked into.

    Returns:
        The files; one that was named and does not exist is among them, so that reading it says so.
    """
    found: set[str] = set()
    for name in names:
        for source in _meant(name, but_not):
            if source.path not in found:
                found.add(source.path)
                yield source


class Arrivals:
    """The files that arrive in a folder. One for the time that the folder is followed; one thread.

    A file has arrived when it has had the same size and time for two looks: until then somebody may be writing it.

    Args:
        folder: Looked through to the bottom; hidden files are passed over.
        but_not: A folder in it that is not looked into.
    """

    def __init__(self, folder: Path, *, but_not: Path | None = None) -> None:
        self._folder = folder
        self._but_not = but_not
        self._seen: dict[str, tuple[int, int]] = {}
        self._arrived: dict[str, tuple[int, int]] = {}

    def look(self) -> list[Source]:
        """Return what has arrived since the last look; a file that was written anew arrives anew."""
        states = dict(_states(_folder(str(self._folder), self._but_not)))
        new = [
            path for path, state in states.items() if self._seen.get(path) == state and self._arrived.get(path) != state
        ]
        self._seen = states
        self._arrived = {path: state for path, state in self._arrived.items() if path in states}
        self._arrived.update((path, states[path]) for path in new)
        return [Source(path, named=False) for path in new]


def _meant(name: str, but_not: Path | None) -> Iterator[Source]:
    if name != STDIN and Path(name).is_dir():
        yield from (Source(path, named=False) for path in _folder(name, but_not))
    elif name != STDIN and glob.has_magic(name) and not Path(name).exists():
        matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
        for match in matches:
            yield from _meant(match, but_not)
        if not matches:
            yield Source(name, named=True)
    else:
        yield Source(name, named=True)


def _folder(folder: str, but_not: Path | None) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (but_not is None or not _is_same(Path(parent, name), but_not))
        )
        yield from (str(Path(parent, name)) for name in sorted(files) if not name.startswith("."))


def _is_same(folder: Path, other: Path) -> bool:
    return other.exists() and folder.samefile(other)


def _states(paths: Iterable[str]) -> Iterator[tuple[str, tuple[int, int]]]:
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116  # a path of text
        except OSError:  # it has left again
            continue
        yield path, (status.st_size, status.st_mtime_ns)
