"""How many connections a process holds: no more than files may be open, so that there are some left for all else.

Of TLS those count whose handshake is over; before that a client has 10 s.
"""

import select
import sys
from asyncio import get_running_loop
from contextlib import suppress
from itertools import chain, islice

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from catdog_api.logs import Tally

OTHER_FILES = 64  # some 20 are open before the first connection; photographs and what is handed over take a few more
MAX_CONNECTIONS = 1_000  # a process; each may hold headers of 200 KB in all
LOOKED_AT = 32  # connections, to find one to close: a thousand for each of thousands would hold the event loop up
TURNS = 2  # of the event loop: after accepting, it reads what has come meanwhile, on new connections and on idle ones


def raise_limit() -> None:
    """Let this process open as many files as it may: the usual 1,024 are for programs that call `select`."""
    with suppress(ImportError, OSError, ValueError):  # another system has no such limit, or does not raise it so far
        import resource  # noqa: PLC0415

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def room() -> int:
    """Return how many connections leave this process files for all else."""
    files = sys.maxsize
    with suppress(ImportError):
        import resource  # noqa: PLC0415

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = files if soft == resource.RLIM_INFINITY else soft
    return min(MAX_CONNECTIONS, files - min(OTHER_FILES, files // 2))


class IdleConnections:
    """The connections on which the service waits for the client. One for a server; on its event loop.

    Those without a request make room before those whose request is on its way, and of each who has been waited for
    longest: an honest request seldom takes as long as one that is there to take a place. Whoever has part of an answer
    still to take comes last, and yet before one who is turned away: a thousand who read nothing would keep all out.

    Args:
        most: How many connections there may be, busy ones included.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: dict[HttpToolsProtocol, None] = {}
        self._sending: dict[HttpToolsProtocol, None] = {}
        self._not_reading: dict[HttpToolsProtocol, None] = {}
        self._closed = Tally("connections closed to make room")

    def admit(self, connection: HttpToolsProtocol) -> None:
        """Take a connection on; for one too many one that is waited for is closed, and where there is none itself.

        Not at once: of hundreds that come together each may have sent a request, which would be lost unread.
        """
        self.add(connection)
        if len(connection.connections) > self._most:
            self._make_room(connection, TURNS)

    def add(self, connection: HttpToolsProtocol) -> None:
        """Note that a connection waits for its next request, from now on."""
        self.remove(connection)
        self._idle[connection] = None

    def begin(self, connection: HttpToolsProtocol) -> None:
        """Note that a connection waits for the rest of a request, from when this was said first."""
        self._idle.pop(connection, None)
        self._sending.setdefault(connection)

    def remove(self, connection: HttpToolsProtocol) -> None:
        """Note that no request is waited for on a connection: it has one to be answered."""
        self._idle.pop(connection, None)
        self._sending.pop(connection, None)

    def stop_reading(self, connection: HttpToolsProtocol) -> None:
        """Note that a client does not take its answer, from when this was said first."""
        self._not_reading.setdefault(connection)

    def read_on(self, connection: HttpToolsProtocol) -> None:
        """Note that a client takes its answer again."""
        self._not_reading.pop(connection, None)

    def forget(self, connection: HttpToolsProtocol) -> None:
        """Note that a connection is closed."""
        self.remove(connection)
        self.read_on(connection)

    def _make_room(self, newest: HttpToolsProtocol, turns: int) -> None:
        if turns:
            get_running_loop().call_soon(self._make_room, newest, turns - 1)
        elif len(newest.connections) > self._most:
            leaver = self._longest_waited_for(newest) or newest
            self.forget(leaver)
            leaver.connections.discard(leaver)  # as it does itself when it hears of its end, a turn from now
            self._closed.count(connections=self._most)
            leaver.transport.abort()  # which drops what is not sent yet

    def _longest_waited_for(self, newest: HttpToolsProtocol) -> HttpToolsProtocol | None:
        """Return who makes room for another, None where all wait for the service."""
        for one in islice(chain(self._idle, self._sending), LOOKED_AT):
            if one is not newest and not one.transport.get_write_buffer_size() and not _has_sent_more(one):
                return one
        waited_for = islice(chain(self._not_reading, self._idle, self._sending), LOOKED_AT)
        return next((one for one in waited_for if one is not newest and one.transport.get_write_buffer_size()), None)


def _has_sent_more(connection: HttpToolsProtocol) -> bool:
    """Return whether there is something on a connection that is not read yet."""
    waiting = select.poll()
    waiting.register(connection.transport.get_extra_info("socket"), select.POLLIN)
    return bool(waiting.poll(0))
