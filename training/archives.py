"""The files inside zip and tar archives, read one by one: nothing is unpacked to disk, so no name in them is a path."""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Read an archive from front to back; a tar file inside a zip file is read in its place.

    Links, devices and folders are passed over, and so are the hidden files and the `__MACOSX` folder of Apple's
    archivers, which carry the suffixes of what they accompany.

    Args:
        archive: A zip file, with the suffix `.zip`, or else a tar file, compressed or not.

    Yields:
        The name of each file as the archive gives it, with forward slashes, and its content.

    Raises:
        tarfile.TarError: The archive is damaged.
        zipfile.BadZipFile: The archive is damaged.
    """
    if archive.suffix != ".zip":
        with archive.open("rb") as file:
            yield from _tar_members(file)
        return
    with zipfile.ZipFile(archive) as bundle:
        for entry in bundle.infolist():
            name = entry.filename.replace("\\", "/")
            if entry.is_dir() or _is_hidden(name):
                continue
            with bundle.open(entry) as file:
                if name.endswith(TAR_SUFFIXES):
                    yield from _tar_members(file)
                else:
                    yield name, file.read()


def _tar_members(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    # "r|*" reads a stream in one pass: going back in a compressed file would unpack it again from its start.
    with tarfile.open(fileobj=file, mode="r|*") as bundle:
        for entry in bundle:
            content = bundle.extractfile(entry) if entry.isreg() and not _is_hidden(entry.name) else None
            if content is not None:
                yield entry.name.removeprefix("./"), content.read()


def _is_hidden(name: str) -> bool:
    parts = name.removeprefix("./").split("/")
    return parts[0] == "__MACOSX" or parts[-1].startswith(".")
