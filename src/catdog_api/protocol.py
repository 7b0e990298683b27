"""One HTTP connection as this service speaks it: who sends or reads too slowly is let go, and told so as a problem."""

import socket
import struct
from asyncio import TimerHandle, Transport
from collections import deque
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.flow_control import CLOSE_HEADER

from catdog_api.bounded import HEAD_BYTES, NO_HTTP
from catdog_api.errors import TooSlowError
from catdog_api.logs import REQUEST_ID_HEADER, new_id
from catdog_api.problems import about_blank, problem_of, written
from catdog_api.refusing import RefusingProtocol, packed
from catdog_api.schemas import Problem

SLOW_SECONDS = 10  # as long as the answer itself may take; a phone that changes its cell is back within it
BYTES_PER_SECOND = 1024  # at this pace 10 MiB take three hours, for which no person waits
PARTS = 10  # in which those seconds are counted, so that the last ones are judged and not the good start before them
READING_SECONDS = 60  # a window in which a reader keeps the pace of senders, or is done
UNREAD_BYTES = 16 * 1024**2  # of a body after its answer; a browser sends it all before it reads
AT_ONCE = struct.pack("ii", 1, 0)  # how long a closed connection lingers, as the kernel takes it

TOO_SLOW = (
    f"The request stopped for {SLOW_SECONDS} seconds, or came at less than {BYTES_PER_SECOND // 1024} KiB a second."
)


class Protocol(RefusingProtocol):
    """uvicorn's protocol, with clocks for the client. One for a connection, and as long; used on the event loop.

    uvicorn times only the pause between two requests, and the application only its answer. So a clock runs here from
    the connection's start, and from each request's first byte, until the request is whole: none for one that comes
    in one piece. A second one runs while the client does not take what was written to it.
    """

    def __init__(self, **given: Any) -> None:  # noqa: ANN401  # uvicorn's own, and the admission
        super().__init__(**given)
        self._head_bytes = 0
        self._head_began = False
        self._unread_bytes = 0
        self._untaken_bytes = 0
        self._idle_since = 0.0
        self._sent_bytes = deque([0], maxlen=PARTS)
        self._sending_clock: TimerHandle | None = None
        self._reading_clock: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect a first request."""
        super().connection_made(transport)
        self._expect_bytes()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # of a connection that was reset, uvicorn leaves it running
        self._stop_sending_clock()
        if self._reading_clock is not None:
            self._reading_clock.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse what came, and time the client only while it owes the rest of a request."""
        self._head_bytes += len(data)
        self._head_began = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_began and self._arriving:
            # Somewhere in this piece, of up to 256 KB. Its whole lines are counted, and the parser holds the last one.
            self._head_bytes = self._bytes + len(data) - 1 - data.rfind(b"\n")
        if self._arriving and self._head_bytes > HEAD_BYTES:
            self.send_400_response(NO_HTTP)
        elif self._arriving or self.cycle is None:
            if self._sending_clock is None:
                self._expect_bytes()
            self._sent_bytes[-1] += len(data)
        else:
            self._expect_nothing()

    def on_message_begin(self) -> None:
        """Note that a request has begun, and time it alone: a browser may have connected long before."""
        super().on_message_begin()
        self._stop_sending_clock()
        self._unread_bytes = 0
        self._head_began = True

    def on_chunk_header(self) -> None:
        """Note that what comes behind a body in chunks may have begun."""
        super().on_chunk_header()
        self._head_began = True

    def on_body(self, body: bytes) -> None:
        """Count anew: headers may come after a body, too, and those of a chunked one have no limit either.

        What comes after the answer to it is read and dropped, but not for ever: a chunked body has no end but its own.
        """
        super().on_body(body)
        self._head_bytes = 0
        self._head_began = False
        if self._cycle is not None and self._cycle.response_complete:
            self._unread_bytes += len(body)
            if self._unread_bytes > UNREAD_BYTES:
                self._close()

    def on_message_complete(self) -> None:
        """Begin the pause between two requests, if this one was answered before it was whole."""
        super().on_message_complete()
        self._idle_since = self.loop.time()

    def on_response_complete(self) -> None:
        """Give the client its whole time for what comes after the answer, or for reading it if it was the last."""
        super().on_response_complete()
        if self._sending_clock is not None:
            self._expect_bytes()
        self._idle_since = self.loop.time()
        if self.transport.is_closing():
            self._expect_reading()

    def timeout_keep_alive_handler(self) -> None:
        """Close after a long pause, even if the client still has not read its last answer."""
        super().timeout_keep_alive_handler()
        self._expect_reading()

    def pause_writing(self) -> None:
        """Time the client while it takes nothing."""
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        """Stop timing a client that reads again."""
        super().resume_writing()
        if self._reading_clock is not None and not self.transport.is_closing():
            self._reading_clock.cancel()
            self._reading_clock = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's words
        """Answer what is no HTTP."""
        self._refuse(about_blank(HTTPStatus.BAD_REQUEST, NO_HTTP))

    def announce_end(self) -> None:
        """Let the answer to the request under way be this connection's last."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close, unless a request is under way: uvicorn would cut one whose headers have not all come."""
        if self._owes_an_answer() or self._is_owed_a_request():
            self.announce_end()
        elif self.scheme == "https" and not self.transport.get_write_buffer_size():
            self.transport.abort()  # TLS would wait for the client's own farewell, which an idle one does not send
        else:
            self.transport.close()

    def _expect_bytes(self) -> None:
        """Begin to time the client: from now on it owes bytes."""
        self._stop_sending_clock()
        self._sent_bytes = deque([0], maxlen=PARTS)
        self._sending_clock = self.loop.call_later(SLOW_SECONDS / PARTS, self._check_pace)

    def _stop_sending_clock(self) -> None:
        if self._sending_clock is not None:
            self._sending_clock.cancel()
            self._sending_clock = None

    def _expect_nothing(self) -> None:
        """Stop timing the client: its request is whole."""
        self._stop_sending_clock()
        # uvicorn stops its timer for the pause between two requests at any data: the rest of a body that was answered
        # early, and empty lines, which begin no request and so do not make the pause longer.
        if self.cycle.response_complete and self.timeout_keep_alive_task is None:
            ends = self._idle_since + self.timeout_keep_alive
            self.timeout_keep_alive_task = self.loop.call_at(ends, self.timeout_keep_alive_handler)

    def _check_pace(self) -> None:
        """Let a client go that was too slow over the last seconds; one that says nothing for them is."""
        if self.transport.is_closing():
            return
        if self.flow.read_paused or self._owes_an_answer():
            # Not the client's doing: this side does not read on, or an earlier answer comes first.
            self._expect_bytes()
        elif len(self._sent_bytes) == PARTS and sum(self._sent_bytes) < SLOW_SECONDS * BYTES_PER_SECOND:
            self._let_go()
        else:
            self._sent_bytes.append(0)
            self._sending_clock = self.loop.call_later(SLOW_SECONDS / PARTS, self._check_pace)

    def _let_go(self) -> None:
        if self._arriving:
            self._refuse(problem_of(TooSlowError(TOO_SLOW)))
        else:
            # It never said a word, and may not know what to do with one: a browser connects in advance.
            self._close()

    def _refuse(self, problem: Problem) -> None:
        """Answer in the application's stead, unless its own answer has begun, and close."""
        if self._owes_an_answer():
            # To a whole request before this one: that answer comes first, and is the last.
            if self._arriving and self._cycle is not None:
                self.pipeline.popleft()  # its header was whole
                self.cycle = self.pipeline[0][0] if self.pipeline else self._begun  # type: ignore[assignment]  # it has
            self.announce_end()
            self.flow.pause_reading()
            return
        if self._cycle is None or not self._cycle.response_started:
            self.transport.write(self._packed(problem))
            if self._cycle is None or self._cycle is not self._begun:  # what the application had, it counts
                self._admission.count(problem, self.scope if self._cycle is not None else {})
        if self._cycle is not None:
            self._cycle.disconnected = True
            self._cycle.message_event.set()
        self._close()

    def _packed(self, problem: Problem) -> bytes:
        scope: dict[str, Any] = self._cycle.scope if self._cycle is not None else {"path": "", "state": {}}  # type: ignore[assignment]
        status, media_type, body = written(problem, scope["path"])
        request_id = scope["state"].get("id") or new_id()  # the application's, where it has begun
        own = [(b"content-type", media_type.encode()), (REQUEST_ID_HEADER, request_id.encode()), CLOSE_HEADER]
        headers = dict([*self.server_state.default_headers, *own])
        return packed(status, headers.items(), body.encode())

    def _close(self) -> None:
        self.transport.close()
        self._expect_reading()

    def _expect_reading(self) -> None:
        """Begin to time the client: it owes the reading of what was written, and closing waits for that."""
        if self._reading_clock is None:
            self._untaken_bytes = self.transport.get_write_buffer_size()
            self._reading_clock = self.loop.call_later(READING_SECONDS, self._check_reading)

    def _check_reading(self) -> None:
        left = self.transport.get_write_buffer_size()
        if self._untaken_bytes - left < READING_SECONDS * BYTES_PER_SECOND:
            # Closed otherwise, the kernel would go on offering what it holds, for many minutes.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self.transport.abort()
            return
        self._untaken_bytes = left
        self._reading_clock = self.loop.call_later(READING_SECONDS, self._check_reading)
