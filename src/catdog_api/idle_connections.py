"""How many connections a process holds: no more than files may be open, so that there are some left for all else.

Of TLS those count whose handshake is over; before that a client has 10 s.
"""

import sys
from contextlib import suppress

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from catdog_api.logs import Tally

OTHER_FILES = 64  # some 20 are open before the first connection; photographs and what is handed over take a few more
MAX_CONNECTIONS = 1_000  # a process; each may hold headers of 200 KB in all


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
    """The connections without a request under way, the longest idle first. One for a server; on its event loop.

    Args:
        most: How many connections there may be, busy ones included.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: dict[HttpToolsProtocol, None] = {}
        self._closed = Tally("idle connections closed to make room")

    def admit(self, connection: HttpToolsProtocol) -> None:
        """Take a connection on; for one too many the longest idle is closed, itself where all are busy."""
        self.add(connection)
        if len(connection.connections) > self._most:
            owed_nothing = (one for one in self._idle if not one.transport.get_write_buffer_size())
            first = next(owed_nothing, connection)
            self.remove(first)
            self._closed.count(connections=self._most)
            first.transport.abort()  # which drops what is not sent yet

    def add(self, connection: HttpToolsProtocol) -> None:
        """Note that a connection waits for its next request, from now on."""
        self.remove(connection)
        self._idle[connection] = None

    def remove(self, connection: HttpToolsProtocol) -> None:
        """Note that a connection is idle no more."""
        self._idle.pop(connection, None)
