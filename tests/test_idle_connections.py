"""How many connections there may be, and which goes when there is one too many; over real sockets."""

import resource
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from catdog_api import idle_connections
from catdog_api.idle_connections import MAX_CONNECTIONS, OTHER_FILES, room
from tests.fakes import GatedClassifier
from tests.raw_client import take
from tests.serving import LIVE, PREDICT, ServeAndAsk, answer, connect, lines, received
from tests.test_protocol import BOUND


@pytest.fixture
def _limits_as_they_were() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def is_answered(connection: object) -> bool:
    """Ask whether it lives, on a connection that is open."""
    connection.sendall(LIVE)  # type: ignore[attr-defined]
    return answer(connection).startswith(b"HTTP/1.1 200")  # type: ignore[arg-type]


@pytest.mark.usefixtures("_limits_as_they_were")
def test_the_service_may_open_as_many_files_as_the_hard_limit_lets_it(serve_and_ask: ServeAndAsk) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
    serve_and_ask(lambda _: None)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard


@pytest.mark.parametrize(
    ("files", "connections"),
    [
        pytest.param(1024, 1024 - OTHER_FILES, id="usual"),
        pytest.param(100, 50, id="few"),
        pytest.param(10**6, MAX_CONNECTIONS, id="many"),
        pytest.param(resource.RLIM_INFINITY, MAX_CONNECTIONS, id="without-end"),
    ],
)
def test_connections_leave_files_for_all_else(monkeypatch: pytest.MonkeyPatch, files: int, connections: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert room() == connections


def test_a_system_without_such_a_limit_is_no_hindrance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    idle_connections.raise_limit()
    assert room() == MAX_CONNECTIONS


def test_one_too_many_takes_the_place_of_the_longest_idle(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("catdog_api.server.room", lambda: 3)
    monkeypatch.setattr("catdog_api.logs.TALLY_SECONDS", 0.1)

    def ask(url: str) -> None:
        with connect(url) as first, connect(url) as second, connect(url) as third:
            assert is_answered(second)
            assert is_answered(third)
            assert is_answered(first)
            with connect(url) as fourth:
                assert is_answered(fourth)
                assert received(second) == b""
                assert is_answered(first)
                assert is_answered(third)
                time.sleep(0.3)  # it is told a while later

    serve_and_ask(ask)
    assert [line["count"] for line in lines(capsys.readouterr().err, "connections closed")] == [1]


def test_no_connection_is_closed_that_has_not_been_sent_all_of_its_answer(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.server.room", lambda: 2)
    page = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: catdog.test\r\n\r\n"

    def ask(url: str) -> None:
        with connect(url, page) as reader, connect(url) as idle:
            begun = reader.recv(1000)
            assert is_answered(idle)
            with connect(url) as third:
                assert is_answered(third)
                assert received(idle) == b""
            length = int(begun.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            head = len(begun.partition(b"\r\n\r\n")[0]) + 4
            while len(begun) < head + length:
                piece = reader.recv(65536)
                assert piece
                begun += piece

    serve_and_ask(ask)


def test_where_none_is_idle_it_takes_the_place_of_who_has_been_sending_a_request_for_longest(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch, classifier: GatedClassifier
) -> None:
    monkeypatch.setattr("catdog_api.server.room", lambda: 3)

    def ask(url: str) -> None:
        classifier.gate.clear()
        with connect(url, LIVE + PREDICT) as waiting, connect(url) as later, connect(url) as longest:
            assert answer(waiting).startswith(b"HTTP/1.1 200")
            for connection, half in ((longest, PREDICT[:20]), (later, PREDICT[:-1])):
                connection.sendall(LIVE + half)
                assert answer(connection).startswith(b"HTTP/1.1 200")
            with connect(url) as fourth:
                assert is_answered(fourth)
                assert received(longest) == b""
                with connect(url) as fifth:
                    assert is_answered(fifth)
                    assert received(fourth) == b""  # it was idle
                    classifier.gate.set()
                    later.sendall(PREDICT[-1:])
                    assert answer(later).startswith(b"HTTP/1.1 200")
                    assert answer(waiting).startswith(b"HTTP/1.1 200")

    serve_and_ask(ask)


def test_no_connection_is_closed_that_waits_for_an_answer(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch, classifier: GatedClassifier
) -> None:
    monkeypatch.setattr("catdog_api.server.room", lambda: 2)

    def ask(url: str) -> None:
        classifier.gate.clear()
        classifier.entered.clear()
        with connect(url, PREDICT) as waiting, connect(url, LIVE + PREDICT + PREDICT[:20]) as eager:
            assert classifier.entered.wait(BOUND)
            assert answer(eager).startswith(b"HTTP/1.1 200")
            with connect(url) as third:
                assert received(third) == b""
            classifier.gate.set()
            assert answer(eager).startswith(b"HTTP/1.1 200")
            eager.sendall(PREDICT[20:])
            assert answer(eager).startswith(b"HTTP/1.1 200")
            assert answer(waiting).startswith(b"HTTP/1.1 200")
            with connect(url) as another:
                assert is_answered(another)

    serve_and_ask(ask)


def test_where_all_others_wait_for_an_answer_it_takes_the_place_of_who_does_not_read_one(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch, classifier: GatedClassifier
) -> None:
    monkeypatch.setattr("catdog_api.server.room", lambda: 3)
    page = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: catdog.test\r\n\r\n"

    def ask(url: str) -> None:
        classifier.gate.clear()
        classifier.entered.clear()
        with connect(url, PREDICT) as waiting, connect(url) as first, connect(url) as second:
            assert classifier.entered.wait(BOUND)
            first.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the kernel may take a whole answer for it
            first.sendall(4 * page)
            time.sleep(0.2)  # until what the first does not read holds its answers up
            second.sendall(page + page[:-2] + b"Connection: close\r\n\r\n")
            time.sleep(0.2)
            with connect(url) as fourth:
                assert is_answered(fourth)
                assert len(received(first)) < 10**6, "it was sent all of the first answer"
                classifier.gate.set()
                assert answer(waiting).startswith(b"HTTP/1.1 200")
                replies, rest = take(received(second))
                assert ([reply.status for reply in replies], rest) == ([200, 200], b"")

    serve_and_ask(ask)
