"""Photographs and answers on any file system that Arrow knows: what lies in a bucket, and a folder of Parquet files."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

import pyarrow as pa
from pyarrow import fs
from pyarrow import parquet as pq

from catdog_api.artifact import Manifest
from catdog_api.errors import SettingsError
from catdog_api.finding import Source, find
from catdog_api.reporting import shown

PIECE = "part-{run}-{number:06}.parquet"
UNFINISHED = "_{}.partial"  # whoever reads such folders passes over names that begin so
_PIECES = re.compile(r"part-[0-9a-f]{8}-\d{6}\.parquet|(_.*\.partial)")


@dataclass(frozen=True, slots=True)
class Stored(Source):
    """One photograph on a file system of Arrow's; immutable, and understood by every process.

    Attributes:
        filesystem: Where it lies.
        size: How many bytes it has; 0 where nobody knows.
    """

    filesystem: fs.FileSystem
    size: int

    def open(self) -> BinaryIO:
        """Return its bytes as a file to read and to close.

        Raises:
            OSError: It cannot be read.
        """
        stream: BinaryIO = self.filesystem.open_input_stream(self.path.partition("://")[2] or self.path)
        return stream

    def size_bytes(self) -> int:
        """Return what its folder's list says: to ask for every object would take longer than to answer it."""
        return self.size

    def may_never_end(self) -> bool:
        """Tell that it is no terminal and no pipe."""
        return False


def find_stored(names: Sequence[str]) -> Iterator[Stored]:
    """Find each photograph once: local ones as `find` does, in buckets whatever lies below a name.

    In a bucket its path is what it is known by, here and in the answers, whatever options lead to it.

    Args:
        names: Addresses such as `s3://bucket/folder`, with options after a `?` as Arrow takes them; or what `find`
            takes, as an address `file:///...`, too. One may lie below another. Names that begin with a dot are passed
            over.

    Returns:
        The files, local ones by their full path, because other processes have other folders to begin from.

    Raises:
        SettingsError: An address cannot be looked into.
    """
    addresses = [(name, *_opened(name)) for name in names if "://" in name]
    here = fs.LocalFileSystem()
    local = [name for name in names if "://" not in name]
    local += [path for _, filesystem, path in addresses if isinstance(filesystem, fs.LocalFileSystem)]
    for source in find(local):
        # A name that is no UTF-8 fits into no table: as it is shown it will not be found, and that is said of it.
        yield Stored(shown(str(Path(source.path).absolute())), source.named, here, source.size_bytes())
    named = {path for _, _, path in addresses}
    found: set[str] = set()
    for name, filesystem, path in addresses:
        if isinstance(filesystem, fs.LocalFileSystem):
            continue
        scheme = name.partition("://")[0]
        try:
            for info in _below(filesystem, path):
                whole = f"{scheme}://{info.path}"
                if whole not in found:
                    found.add(whole)
                    yield Stored(whole, info.path in named, filesystem, info.size or 0)
        except (OSError, pa.ArrowInvalid) as error:  # a bucket may have names that Arrow does not take
            raise SettingsError(f"{name} cannot be looked into: {error}") from error


class Answers:
    """A folder of Parquet files that grows: what an earlier run has left in it, and what is written to it. One thread.

    Each file is there as a whole or not at all, and none is ever changed: two runs at once write twice what both have
    answered, and lose nothing.

    Args:
        out: The folder's name or address; it is made if it is not there.
        manifest: Of the model that answers.

    Attributes:
        schema: Of every file: `path`, `label`, `probabilities` with a field for each label, and `error`. The last is
            null where the others are not. Its metadata says which model answered.
        earlier: The paths that were there.
        failed: How many of them have an error.

    Raises:
        SettingsError: Something else is there, or it cannot be read or made.
    """

    def __init__(self, out: str, manifest: Manifest) -> None:
        self.schema = answers_schema(manifest)
        self.earlier: set[str] = set()
        self.failed = 0
        self._run, self._next = token_hex(4), 0
        self._filesystem, self._folder = _opened(out if "://" in out else str(Path(out).absolute()))
        try:
            self._filesystem.create_dir(self._folder, recursive=True)
            for info in self._filesystem.get_file_info(fs.FileSelector(self._folder)):
                self._take_up(info)
        except (OSError, pa.ArrowInvalid) as error:
            raise SettingsError(f"The answers cannot be kept in {out}: {error}") from error

    def write(self, answers: pa.Table) -> None:
        """Write answers down, as one more file.

        Args:
            answers: Of the schema.

        Raises:
            SettingsError: The file cannot be written.
        """
        name = PIECE.format(run=self._run, number=self._next)
        unfinished = f"{self._folder}/{UNFINISHED.format(name)}"
        try:
            with self._filesystem.open_output_stream(unfinished) as stream:
                pq.write_table(answers, stream)
            self._filesystem.move(unfinished, f"{self._folder}/{name}")
        except OSError as error:
            raise SettingsError(f"The answers cannot be kept: {error}") from error
        self._next += 1

    def _take_up(self, info: fs.FileInfo) -> None:
        """Read a file of an earlier run, but for one that was being written at its end."""
        name = _PIECES.fullmatch(info.base_name)
        if not name or not info.is_file:
            raise OSError(f"{info.base_name} is none of its own files")
        if name[1]:
            return
        with self._filesystem.open_input_file(info.path) as file:
            piece = pq.ParquetFile(file)
            if not piece.schema_arrow.equals(self.schema):
                raise OSError(f"{info.base_name} has other columns, or other labels")
            if piece.schema_arrow.metadata != self.schema.metadata:
                raise OSError(f"{info.base_name} was answered by another model")
            table = piece.read(columns=["path", "error"])
        self.earlier.update(table["path"].to_pylist())
        self.failed += len(table) - table["error"].null_count


def answers_schema(manifest: Manifest) -> pa.Schema:
    """Return the columns of the answers, with the model that gives them as their metadata."""
    probabilities = pa.struct([(label, pa.float32()) for label in manifest.labels])
    return pa.schema(
        [("path", pa.string()), ("label", pa.string()), ("probabilities", probabilities), ("error", pa.string())],
        {"model": f"{manifest.name} {manifest.version}", "sha256": manifest.sha256},
    )


def _opened(name: str) -> tuple[fs.FileSystem, str]:
    """Return a file system and the path there; raises SettingsError."""
    try:
        filesystem, path = fs.FileSystem.from_uri(name)
    except (OSError, UnicodeError, pa.ArrowException) as error:
        raise SettingsError(f"{name} is no address that can be read: {error}") from error
    return filesystem, path.rstrip("/") or path


def _is_below(path: str, folder: str) -> bool:
    return path != folder and path.startswith(folder.rstrip("/") + "/")


def _below(filesystem: fs.FileSystem, path: str) -> Iterator[fs.FileInfo]:
    """Yield a file, or the files of a folder to the bottom; one that is not there, so that reading it says so."""
    info = filesystem.get_file_info(path)
    if info.type != fs.FileType.Directory:
        yield info
        return
    folders = [path]
    while folders:
        folder = folders.pop()
        for entry in sorted(filesystem.get_file_info(fs.FileSelector(folder)), key=lambda entry: entry.path):
            if entry.base_name.startswith("."):
                continue
            if entry.type != fs.FileType.Directory:
                yield entry
            elif _is_below(entry.path.rstrip("/"), folder):
                folders.append(entry.path)
            else:  # a bucket may have `a//b.jpg`: Arrow lists `a` in `a` for it, and can open nothing behind it
                yield fs.FileInfo(f"{folder}//", fs.FileType.NotFound)
