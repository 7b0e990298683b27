"""One HTTP connection, and how much it may make the service hold: neither the parser nor uvicorn has a limit."""

from asyncio import Transport
from collections import deque
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

from catdog_api.idle_connections import IdleConnections
from catdog_api.parsing import ParsingProtocol

HEAD_BYTES = 64 * 1024  # browsers and proxies stay below 16 KiB
HEAD_LINES = 100  # which take twenty times their bytes; browsers and proxies together send forty
MAX_PIPELINED = 10  # that wait for the answer to one before them, as many as apt sends; each takes 2 KB and its header
FREE_CHUNKS, BYTES_A_CHUNK = 4_096, 128  # a chunk of one byte takes the event loop as long as one of 64 KiB

NO_HTTP = (
    f"This is no HTTP/1.1 request of one host, its header has more than {HEAD_BYTES // 1024} KiB or {HEAD_LINES} "
    "lines, or its body comes in far too many chunks."
)


class Flow(FlowControl):
    """Reads no further while requests wait for the answer to one before them. Used on the event loop.

    Args:
        transport: Of the connection.
        waiting: Those requests.
    """

    def __init__(self, transport: Transport, waiting: deque[Any]) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Read on, if nothing waits: uvicorn would with every answer, and every body that is asked for."""
        if not self._waiting:
            super().resume_reading()


class BoundedProtocol(ParsingProtocol):
    """A protocol which ends what would grow. One for a connection; on the event loop.

    Args:
        idle: Those connections of the server on which it waits for the client.
        given: What uvicorn gives.
    """

    def __init__(self, *, idle: IdleConnections, **given: Any) -> None:  # noqa: ANN401  # uvicorn's own
        super().__init__(**given)
        self._idle = idle
        self._lines = self._bytes = 0
        self._chunks = self._body_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect a first request."""
        super().connection_made(transport)
        self.flow = Flow(transport, self.pipeline)
        self._idle.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave room for another."""
        super().connection_lost(exc)
        self._idle.forget(self)

    def pause_writing(self) -> None:
        """Let the connection make room for another, too, while the client does not read."""
        super().pause_writing()
        self._idle.stop_reading(self)

    def resume_writing(self) -> None:
        """Count the client among those who read."""
        super().resume_writing()
        self._idle.read_on(self)

    def on_message_begin(self) -> None:
        """Note that a request has begun, and count anew, unless others wait: one may hold what all of them may."""
        super().on_message_begin()
        self._say_who_waits()
        if not self.pipeline:
            self._lines = self._bytes = 0
            self._chunks = self._body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one line of a header, or of what comes behind a body in chunks."""
        self._lines += 1
        self._hold(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass a request on, if not too many wait already."""
        self._hold(len(self.url))
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError(NO_HTTP)
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Count a chunk.

        Raises:
            ValueError: There are far too many for the body; the parser makes it the error that ends in a 400.
        """
        self._chunks += 1
        if self._chunks > FREE_CHUNKS + self._body_bytes // BYTES_A_CHUNK:
            raise ValueError(NO_HTTP)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; nobody reads it while its request waits."""
        self._body_bytes += len(body)
        if self.pipeline:
            self._hold(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request is whole."""
        super().on_message_complete()
        self._say_who_waits()

    def _hold(self, more: int) -> None:
        """Count what a request holds, and with it those that wait before it: all of them came in one piece.

        Raises:
            ValueError: It is more than is held; the parser makes it the error that ends in a 400.
        """
        self._bytes += more
        if self._bytes > HEAD_BYTES or self._lines > HEAD_LINES:
            raise ValueError(NO_HTTP)

    def on_response_complete(self) -> None:
        """Begin the next request, and read on if it was the last that waited."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self._say_who_waits()

    def _is_owed_a_request(self) -> bool:
        """Whether a request is on its way that has no answer yet."""
        return self._arriving and not (self._cycle is not None and self._cycle.response_complete)

    def _owes_an_answer(self) -> bool:
        """Whether a request that came whole is still without its answer."""
        if self.cycle is None or self.cycle.response_complete:
            return False
        return bool(self.pipeline) or not (self._arriving and self._cycle is not None)

    def _say_who_waits(self) -> None:
        """Let the connection make room for another only while the service waits for the client."""
        if self._owes_an_answer():
            self._idle.remove(self)
        elif self._is_owed_a_request():
            self._idle.begin(self)
        else:
            self._idle.add(self)
