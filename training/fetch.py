"""One public file over HTTP: resumed where it broke off, checked against what is recorded of it, then put in place."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx
from tqdm import tqdm

from catdog_api.artifact import file_sha256

# A line that breaks every few megabytes still gets there: only tries that bring less than PROGRESS_BYTES are counted.
TRIES = 5
PROGRESS_BYTES = 1 << 20


class DownloadError(Exception):
    """The file cannot be had: the address, the line, the disk or what was sent is at fault."""


class ChecksumError(DownloadError):
    """What arrived is not the file that is recorded; it has been deleted."""


class _PassingError(DownloadError):
    """A fault that may be gone at the next try."""


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch, and what is recorded of it.

    Attributes:
        url: Its public address.
        name: What it is called on disk.
        size_bytes: Its exact length.
        sha256: Its SHA-256, 64 hexadecimal digits.
    """

    url: str
    name: str
    size_bytes: int
    sha256: str


class _Part:
    """The beginning of a file that is still arriving, and the validator of the version it belongs to.

    Lives as long as one `fetch`; what it stands for stays on disk, so that the next run goes on from there.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self._validator = target.with_name(target.name + ".part.validator")

    @property
    def size_bytes(self) -> int:
        """How much has arrived; 0 before the first byte."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def validator(self) -> str:
        """What If-Range may carry for the version on disk; empty when nothing is noted."""
        return self._validator.read_text(encoding="ascii") if self._validator.exists() else ""

    @validator.setter
    def validator(self, text: str) -> None:
        self._validator.write_text(text, encoding="ascii")

    def delete(self) -> None:
        """Remove the bytes and their validator; nothing happens where there are none."""
        self.path.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)

    def put_in_place(self, target: Path) -> None:
        """Give the whole file its name, over whatever has it."""
        self.path.replace(target)
        self._validator.unlink(missing_ok=True)


def fetch(remote: RemoteFile, folder: Path, client: httpx.Client, *, backoff_seconds: float = 1.0) -> Path:
    """Download a file, or finish an earlier download, or find it there already; either way its checksum is verified.

    A `.part` file beside it holds what has arrived so far. It is given its name only when it is whole and right.

    Args:
        remote: What to fetch and how it is recognised.
        folder: Where to put it; created when missing.
        client: Follows redirects; its timeouts decide when a silent server counts as broken off.
        backoff_seconds: The pause after the first failed try; each further one doubles it.

    Returns:
        The path of the verified file.

    Raises:
        ChecksumError: The file is not the recorded one; it has been deleted.
        DownloadError: The server refuses, has another file there, or fails too often; or the disk is too small.
        OSError: The folder or a file in it cannot be read or written.
        httpx.InvalidURL: The recorded address is none.
    """
    target = folder / remote.name
    if target.exists():
        _verify(target, remote)
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = _Part(target)
    missing_bytes = remote.size_bytes - part.size_bytes
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < missing_bytes:
        raise DownloadError(
            f"{remote.name} needs another {missing_bytes:,} bytes and {folder} has {free_bytes:,} bytes free."
        )
    _complete(remote, part, client, backoff_seconds)
    try:
        _verify(part.path, remote)
    except ChecksumError:
        part.delete()
        raise
    part.put_in_place(target)
    return target


def _complete(remote: RemoteFile, part: _Part, client: httpx.Client, backoff_seconds: float) -> None:
    """Try until the part is as long as the file, or too many tries have brought nothing."""
    failures = 0
    furthest_bytes = part.size_bytes
    with tqdm(
        desc=remote.name,
        total=remote.size_bytes,
        initial=part.size_bytes,
        unit="B",
        unit_scale=True,
        disable=None,  # no bar where there is no terminal
    ) as bar:
        while part.size_bytes != remote.size_bytes:
            try:
                _receive(remote, part, client, bar)
            except (httpx.RequestError, _PassingError) as error:
                if part.size_bytes >= furthest_bytes + PROGRESS_BYTES:
                    furthest_bytes, failures = part.size_bytes, 0
                failures += 1
                if failures == TRIES:
                    raise DownloadError(
                        f"{remote.url}: given up after {TRIES} tries; {part.size_bytes:,} of {remote.size_bytes:,} "
                        f"bytes are here, and the next run goes on from there. The last try: {error}"
                    ) from error
                time.sleep(backoff_seconds * 2 ** (failures - 1))


def _receive(remote: RemoteFile, part: _Part, client: httpx.Client, bar: "tqdm[None]") -> None:
    """Make one request and append, or start again with, whatever it brings."""
    start_bytes = part.size_bytes
    with client.stream("GET", remote.url, headers=_request_headers(part)) as response:
        if _is_refused(response, start_bytes, part.validator):
            part.delete()
            raise _PassingError(f"The server cannot go on from byte {start_bytes:,}.")
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            start_bytes = 0  # the server ignores ranges, or has another version since: this is the whole file
        _check_length(remote, response)
        if not start_bytes:
            part.delete()  # before the new validator is noted: it must never stand beside bytes of another version
        part.validator = _validator(response.headers)
        bar.n = start_bytes
        with part.path.open("ab" if start_bytes else "wb") as file:
            for chunk in response.iter_raw():  # as the pieces come: nothing waits in a buffer when the line breaks
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() > remote.size_bytes:
                    break
    if part.size_bytes > remote.size_bytes:
        part.delete()
        raise DownloadError(f"{remote.url} sends more than the {remote.size_bytes:,} bytes that are recorded.")
    if part.size_bytes < remote.size_bytes:
        raise _PassingError("The server ended early.")


def _request_headers(part: _Part) -> dict[str, str]:
    # Ranges count the bytes of the encoding that is sent (RFC 9110, section 14), so none must be put on the file.
    headers = {"Accept-Encoding": "identity"}
    if part.size_bytes:
        headers["Range"] = f"bytes={part.size_bytes}-"
        if part.validator:
            headers["If-Range"] = part.validator
    return headers


def _is_refused(response: httpx.Response, start_bytes: int, validator: str) -> bool:
    """Tell whether the answer is of no use for going on, so that the next try has to begin at the first byte.

    Raises:
        DownloadError: The status is an error that does not pass.
    """
    if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return True
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        from_elsewhere = not response.headers.get("Content-Range", "").startswith(f"bytes {start_bytes}-")
        return from_elsewhere or (validator != "" and _validator(response.headers) != validator)
    if response.status_code == HTTPStatus.OK:
        return False
    passing = response.is_server_error or response.status_code in {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
    error = _PassingError if passing else DownloadError
    raise error(f"{response.url} answers {response.status_code} {response.reason_phrase}.")


def _check_length(remote: RemoteFile, response: httpx.Response) -> None:
    """Refuse a file of another length before its bytes are fetched."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        length = response.headers["Content-Range"].rpartition("/")[2]
    else:
        length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) != remote.size_bytes:
        raise DownloadError(
            f"{remote.url} now has {int(length):,} bytes where {remote.size_bytes:,} are recorded: it is another file."
        )


def _validator(headers: Mapping[str, str]) -> str:
    """Return what If-Range may carry: a strong entity tag, or else the date (RFC 9110, section 13.1.5)."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _verify(path: Path, remote: RemoteFile) -> None:
    """Compare a whole file with its recorded checksum, and delete it when it is another.

    Raises:
        ChecksumError: It is another.
    """
    found = file_sha256(path)
    if found != remote.sha256:
        path.unlink()
        raise ChecksumError(
            f"{remote.name} from {remote.url} has SHA-256 {found} where {remote.sha256} is recorded. "
            "It has been deleted; the next run downloads it anew."
        )
