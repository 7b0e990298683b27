"""Which files a person means: names, folders, patterns, standard input, and what arrives in a folder."""

import glob
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

STDIN = "-"

Identity = tuple[int, int] | str
"""Device and inode, which are the same under all names of a file; of what does not exist, its name."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to answer; immutable.

    Attributes:
        path: As it was given, or found under a folder that was given; "-" is standard input.
        named: Whether a person named it; what was merely found in a folder may be no image at all.
    """

    path: str
    named: bool

    def open(self) -> BinaryIO:
        """Return its bytes as a file to read and to close; standard input stays open.

        Raises:
            OSError: It cannot be read.
        """
        return open(0, "rb", closefd=False) if self.path == STDIN else Path(self.path).open("rb")

    def size_bytes(self) -> int:
        """Return how many bytes it has; of a pipe nobody knows, and of what cannot be read: 0."""
        status = _status(self.path)
        return status.st_size if status else 0

    def may_never_end(self) -> bool:
        """Tell whether it is a terminal or a pipe, to which somebody has to write."""
        return self.path == STDIN or _may_never_end(self.path)


def find(names: Sequence[str], *, but_not: Iterable[Path | int] = ()) -> Iterator[Source]:
    """Find each file once, whatever names it has, in the order of the names and within a folder in that of its paths.

    Args:
        names: Of files, of folders (looked through to the bottom, hidden files passed over), patterns with `*`, `?`,
            `[...]` and `**`, or "-". Links to folders are not followed but where they are named or matched.
        but_not: Folders that are not looked into and files that are not meant, by path or as open files' numbers.

    Returns:
        The files; what cannot be read is among them, so that reading it says so. What was found and is neither file
        nor folder is not: a pipe that nobody writes to never ends.
    """
    named = {_identity(name) for name in names}
    left_out = _present(but_not)
    found = set(left_out)
    for name in names:
        for path in _meant(name, left_out):
            identity = _identity(path)
            if identity not in found and (identity in named or not _may_never_end(path)):
                found.add(identity)
                yield Source(path, named=identity in named)


class Arrivals:
    """The files that arrive in a folder. One for the time that the folder is followed; one thread.

    A file has arrived when it has had the same size and time for two looks: until then somebody may be writing it.

    Args:
        folder: Looked through to the bottom; hidden files are passed over.
        but_not: Folders in it that are not looked into and files that do not count, as for `find`.
    """

    def __init__(self, folder: Path, *, but_not: Sequence[Path | int] = ()) -> None:
        self._folder = folder
        self._but_not = but_not
        self._seen: dict[str, tuple[int, int]] = {}
        # By the folder's identity: a drive that is taken away leaves another folder in its place, an empty one.
        self._arrived: dict[Identity, dict[str, tuple[int, int]]] = {}

    def look(self) -> list[Source]:
        """Return what has arrived since the last look; a file that was written anew arrives anew.

        Raises:
            OSError: The folder cannot be read now; what had arrived in it does not arrive again once it can.
        """
        left_out = _present(self._but_not)
        states = dict(_states(_folder(str(self._folder), left_out), left_out))
        os.scandir(self._folder).close()  # after the look, or a folder that leaves during it would seem empty
        arrived = self._arrived.get(_identity(self._folder), {})
        new = [path for path, state in states.items() if self._seen.get(path) == state and arrived.get(path) != state]
        self._seen = states
        arrived = {path: state for path, state in arrived.items() if path in states}
        self._arrived[_identity(self._folder)] = arrived | {path: states[path] for path in new}
        return [Source(path, named=False) for path in new]


def _meant(name: str, left_out: Collection[Identity]) -> Iterator[str]:
    if _status(name) is None and glob.has_magic(name):
        matches = _matches(name, left_out)
        for match in matches or [name]:
            yield from _inside(match, left_out)
    else:
        yield from _inside(name, left_out)


def _inside(path: str, left_out: Collection[Identity]) -> Iterator[str]:
    status = _status(path)
    if status and stat.S_ISDIR(status.st_mode):
        yield from _folder(path, left_out)
    else:
        yield path


def _folder(folder: str, left_out: Collection[Identity]) -> Iterator[str]:
    """Yield the files to the bottom, and the folders that cannot be looked into."""
    locked: list[OSError] = []
    for parent, files in _walk(folder, left_out, locked.append):
        yield from (_found(Path(parent, name)) for name in files)
    yield from (str(error.filename) for error in locked)


def _walk(
    folder: str | Path, left_out: Collection[Identity], on_error: Callable[[OSError], None] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder to the bottom, and the names of its files; nothing that is hidden."""
    for parent, folders, files in os.walk(folder, onerror=on_error):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and _identity(Path(parent, name)) not in left_out
        )
        yield parent, sorted(name for name in files if not name.startswith("."))


def _matches(pattern: str, left_out: Collection[Identity]) -> list[str]:
    """Return what a pattern matches; `glob.glob` follows links to folders, and of two that cross finds no end."""
    paths = {Path()}
    for part in Path(pattern).parts:
        paths = {match for path in paths for match in _step(path, part, left_out) if _identity(match) not in left_out}
    return sorted(map(_found, paths))


def _found(path: Path) -> str:
    """Write a path that somebody found and nobody wrote: a file may have the name that stands for standard input."""
    return f"./{path}" if str(path) == STDIN else str(path)


def _step(path: Path, part: str, left_out: Collection[Identity]) -> list[Path]:
    """Go on from a path by one part of a pattern."""
    if part == "**":
        return [Path(parent) for parent, _ in _walk(path, left_out)]
    if not glob.has_magic(part):
        return [path / part] if os.path.lexists(path / part) else []
    try:
        names = os.listdir(path)  # noqa: PTH208  # names are what is matched
    except OSError:  # it is a file, or not for us: a pattern names nobody
        return []
    return [path / name for name in names if fnmatch(name, part) and (part.startswith(".") or not name.startswith("."))]


def _status(path: str | Path | int) -> os.stat_result | None:
    try:
        return None if path == STDIN else os.stat(path)  # noqa: PTH116  # or an open file's number
    except OSError:
        return None


def _identity(path: str | Path | int) -> Identity:
    status = _status(path)
    return (status.st_dev, status.st_ino) if status and status.st_ino else str(path)  # some drives have no inodes


def _present(paths: Iterable[Path | int]) -> set[Identity]:
    return {_identity(path) for path in paths if _status(path)}


def _may_never_end(path: str) -> bool:
    status = _status(path)
    return status is not None and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode))


def _states(paths: Iterable[str], left_out: Collection[Identity]) -> Iterator[tuple[str, tuple[int, int]]]:
    for path in paths:
        status = _status(path)
        if status and stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in left_out:
            yield path, (status.st_size, status.st_mtime_ns)
