"""One HTTP connection: where a request begins and ends, and what is said in its header.

The parser leaves some of RFC 9112 to whoever uses it, and uvicorn to nobody. Behind a proxy that reads a request in
another way, the difference is a request that nobody sent.
"""

import sys
from typing import Any

from httptools import HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HOSTS = {"1.1": (1,), "1.0": (0, 1)}  # by version, how many lines of it a header may have (RFC 9112, 3.2)
LENGTHS = frozenset({b"content-length", b"transfer-encoding"})  # the lines that say how long the body is


class _Behind:
    """Hears a parser that is first given a header which the connection knows: of that one it tells nothing.

    Args:
        protocol: Is told all else.
    """

    def __init__(self, protocol: HttpToolsProtocol) -> None:
        self._protocol = protocol
        self._is_past = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # what it hears of the body is the protocol's own
        return getattr(self._protocol, name)

    def on_message_begin(self) -> None:
        if self._is_past:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._is_past:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_past:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_past:
            self._protocol.on_headers_complete()
        self._is_past = True


class ParsingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which takes for a request what HTTP does. One for a connection; on the event loop.

    Args:
        given: What uvicorn gives.
    """

    def __init__(self, **given: Any) -> None:  # noqa: ANN401  # uvicorn's own
        super().__init__(**given)
        self._piece = self._rest = b""
        self._arriving = False

    def data_received(self, data: bytes) -> None:
        """Parse what came, and what uvicorn would drop of it."""
        self._rest = data
        while self._rest and self.parser is not None:
            self._piece, self._rest = self._rest, b""
            super().data_received(self._piece)
        self._piece = b""  # which may have 256 KB, and be the last for a long time

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if nothing had been said of another protocol, and go on with what came behind it.

        uvicorn would drop that, and log two lines, for an operator to act on. The parser ends the request at its
        header: its body, where it has one, would be the next request. So another parser begins within it.
        """
        upgrade = sys.exception()
        self._rest = self._piece[upgrade.args[0] :] if upgrade else b""
        if self._arriving:
            self.parser = HttpRequestParser(_Behind(self))
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
            self._rest = self._head_of_the_body() + self._rest

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        super().on_message_begin()
        self._arriving = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the header; what comes behind a body in chunks is none (RFC 9110, 6.5.1), and is passed over.

        Where the application hears of a request once it is whole, that would be a key, or a content type.
        """
        if self._cycle is None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass a request on.

        Raises:
            ValueError: It is of no version that is spoken here, of several hosts or none, or its body is coded in a way
                that is none of this service's; the parser makes it the error that ends in a 400.
        """
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        if hosts not in HOSTS.get(version, ()) or codings not in ([], [b"chunked"]):
            raise ValueError("It is of another version, has another number of hosts than one, or another coding.")
        if version == "1.0":
            self.expect_100_continue = False  # such a client knows of no answer before the answer (RFC 9110, 10.1.1)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that a request is whole, unless the parser only takes its body for what is of another protocol."""
        if not (self.parser.should_upgrade() and any(name in LENGTHS for name, _ in self.headers)):
            super().on_message_complete()
            self._arriving = False

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        """The cycle of the request whose bytes came last; none before its headers are complete."""
        return self.cycle if self.cycle is not None and self.cycle.scope is self.scope else None

    def _head_of_the_body(self) -> bytes:
        """Return a header that says how long the body is, and whether anything comes behind it, and no more."""
        lines = [b"POST / HTTP/1.1", *(b"%s: %s" % line for line in self.headers if line[0] in LENGTHS)]
        if not self.cycle.keep_alive:
            lines.append(b"Connection: close")
        return b"\r\n".join([*lines, b"", b""])
