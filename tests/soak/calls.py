"""One call over a raw connection, and what became of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tests.raw_client import take

LEFT = -1
"""Instead of a status: the caller did not wait for the answer."""

REFUSED = -2
"""Likewise: there was no listener any more."""

LOST = 0
"""Likewise: the connection was made and the request sent, and no whole answer came."""


@dataclass(slots=True, eq=False)
class Call:
    """One request, and what became of it; times are the event loop's, seconds.

    Attributes:
        due: When it was to be sent.
        sent: When it was.
        ended: When the last byte of its answer was there.
        status: Of the answer, or `LEFT`, `REFUSED` or `LOST`.
        local_port: Of the connection.
    """

    due: float
    sent: float = 0.0
    ended: float = 0.0
    status: int = LOST
    local_port: int = 0

    @property
    def seconds(self) -> float:
        """How long the answer took from the time at which the request was due: waiting to be sent counts."""
        return self.ended - self.due


class Connection(asyncio.Protocol):
    """A connection with one call at a time. On the event loop.

    Args:
        ended: Is told when a call has ended.
    """

    def __init__(self, ended: Callable[["Connection"], None]) -> None:
        self._ended = ended
        self._content = b""
        self._call: Call | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as it is for streams
        """Be open."""
        self.transport = transport
        self.local_port: int = transport.get_extra_info("sockname")[1]
        self.is_open = True

    def send(self, call: Call, request: bytes) -> None:
        """Send a call's request."""
        self._call = call
        call.local_port = self.local_port
        call.sent = asyncio.get_running_loop().time()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take the answer; after one that says so, the connection is not used again."""
        self._content += data
        replies, rest = take(self._content)
        if not replies:
            return
        self.is_open = b"\nconnection: close" not in self._content.lower()
        if not self.is_open:
            self.transport.close()
        self._content = rest
        self._end(replies[0].status)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # as the loop calls it
        """Give up the call under way."""
        self.is_open = False
        self._end(LOST)

    def leave(self, call: Call) -> None:
        """Close without waiting for the answer, if it has not come."""
        if self._call is call:
            self.is_open = False  # or it would be used again before the loop says that it is closed
            self._end(LEFT)
            self.transport.abort()

    def _end(self, status: int) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.status, call.ended = status, asyncio.get_running_loop().time()
            self._ended(self)
