"""Which connection is closed to make room where the event loop is late: none whose request has come."""

import time
from asyncio import Transport
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event

import pytest

from catdog_api import idle_connections
from catdog_api.protocol import Protocol
from tests.fakes import GatedClassifier
from tests.serving import LIVE, PREDICT, ServeAndAsk, answer, connect, lines, received
from tests.test_idle_connections import is_answered
from tests.test_protocol import BOUND
from tests.test_refusing_early import FULL, full, refused

MANY = 8


@contextmanager
def busy(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the event loop, during the block, from accepting and reading what comes; one more connection does that."""
    begun, over = Event(), Event()
    make = Protocol.connection_made

    def make_later(connection: Protocol, transport: Transport) -> None:
        begun.set()
        over.wait(BOUND)
        make(connection, transport)

    with monkeypatch.context() as patch:
        patch.setattr(Protocol, "connection_made", make_later)
        with connect(url):
            assert begun.wait(BOUND)
            yield
            over.set()


def test_whoever_of_many_has_sent_a_request_is_told_something_although_there_is_no_room_for_all(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch, classifier: GatedClassifier
) -> None:
    monkeypatch.setattr("catdog_api.server.room", lambda: 4)

    def ask(url: str) -> None:
        with full(url, classifier), ExitStack() as stack:
            with busy(url, monkeypatch):
                many = [stack.enter_context(connect(url, PREDICT)) for _ in range(MANY)]
            for one in many:
                refused(answer(one))

    serve_and_ask(ask, *FULL)


def test_an_idle_connection_whose_next_request_is_not_read_yet_is_not_closed(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.server.room", lambda: 2)
    monkeypatch.setattr(idle_connections, "TURNS", 0)

    def ask(url: str) -> None:
        with connect(url) as first, connect(url) as second:
            assert is_answered(first)
            assert is_answered(second)
            with busy(url, monkeypatch):
                first.sendall(LIVE)
            assert answer(first).startswith(b"HTTP/1.1 200")
            assert received(second) == b""

    serve_and_ask(ask)


def test_none_is_closed_where_one_has_left_by_itself_meanwhile(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("catdog_api.server.room", lambda: 2)
    monkeypatch.setattr(idle_connections, "TURNS", 50_000)  # of a few us

    def ask(url: str) -> None:
        with connect(url) as first, connect(url) as second:
            assert is_answered(first)
            assert is_answered(second)
            with connect(url) as third:
                assert is_answered(third)
                second.close()
                time.sleep(1)
                assert is_answered(first)
                assert is_answered(third)

    serve_and_ask(ask)
    assert not lines(capsys.readouterr().err, "connections closed")
