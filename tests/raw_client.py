"""A client that sends bytes as they are, and takes apart what comes."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE = 20  # seconds for one connection, on a machine with other things to do
QUIET = 0.1  # seconds without another byte after an answer: then there is none to come


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as it came over the wire."""

    status: int
    media_type: str
    body: bytes


def take(content: bytes) -> tuple[list[Reply], bytes]:
    """Take apart what came on one connection, and return the whole answers and the rest."""
    found: list[Reply] = []
    while True:
        head, _, behind = content.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        status = int(head[9:12] or 0)
        if status == 100:  # go on
            content = behind
            continue
        if not length or len(behind) < int(length[1]):
            return found, content
        media_type = re.search(rb"(?i)\r\ncontent-type: ([^\r]+)", head)
        found.append(Reply(status, media_type[1].decode() if media_type else "", behind[: int(length[1])]))
        content = behind[int(length[1]) :]


def assert_refused_or_answered(found: Sequence[Reply], made: str) -> None:
    """Hold answers to the promise: no error of the service's own, and every refusal a problem."""
    for reply in found:
        assert 200 <= reply.status < 500, f"{reply} to {made}"
        if reply.status >= 400:
            assert reply.media_type == "application/problem+json", f"{reply} to {made}"
            assert json.loads(reply.body)["status"] == reply.status, f"{reply} to {made}"


async def exchange(url: str, sent: bytes, *, vanish: bool = False) -> list[Reply]:
    """Send bytes, and read until the service closes the connection or has nothing more to say.

    Args:
        url: Of the service.
        sent: As they are.
        vanish: Close without reading.

    Raises:
        TimeoutError: It neither answered nor closed.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    content = b""
    try:
        writer.write(sent)
        if not vanish:
            async with asyncio.timeout(PATIENCE):
                while piece := await _next(reader, content):
                    content += piece
    except ConnectionError:  # closed while this side still sent; what came until then may not be whole
        return take(content)[0]
    finally:
        writer.close()
    found, rest = take(content)
    assert not rest, f"half an answer: {rest!r}"
    return found


async def _next(reader: asyncio.StreamReader, content: bytes) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(65536), QUIET if content and not take(content)[1] else None)
    except TimeoutError:
        return b""
