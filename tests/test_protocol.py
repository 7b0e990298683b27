"""Clients that send or read too slowly, or do not speak HTTP, over real sockets; the seconds are shortened."""

import json
import socket
import time
from http import HTTPStatus

import pytest

from tests.fakes import GatedClassifier
from tests.serving import HEAD, JPEG, LIVE, PREDICT, ServeAndAsk, answer, connect, received

SLOW = 0.25
"""Seconds, where the service has 10; the pace is scaled with them: 500 bytes in that time."""

BOUND = 8
"""Seconds that a test waits for the service to act: much more than it takes, for a machine with other things to do."""

HALF_A_HEAD = b"POST /predict HTTP/1.1\r\nHost: cat"
CHUNKED = HEAD.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked")
HALF_A_BODY = HEAD % 5000 + b"x" * 100


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catdog_api.protocol.SLOW_SECONDS", SLOW)
    monkeypatch.setattr("catdog_api.protocol.BYTES_PER_SECOND", 1000)


def problem(content: bytes) -> dict[str, object]:
    """Return the problem of an answer after which the connection is closed."""
    head, _, body = content.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"\r\nconnection: close" in head
    assert b"content-length: %d" % len(body) in head
    parsed: dict[str, object] = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {parsed['status']} {HTTPStatus(int(str(parsed['status']))).phrase}".encode())
    return parsed


def trickle(connection: socket.socket, piece: bytes, every: float) -> None:
    """Send a piece again and again until the service closes the connection."""
    deadline = time.monotonic() + BOUND
    try:
        while time.monotonic() < deadline:
            connection.sendall(piece)
            time.sleep(every)
    except OSError:
        return
    pytest.fail("the service took it all")


def test_a_connection_that_says_nothing_is_closed_without_a_word(
    serve_and_ask: ServeAndAsk, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(url: str) -> None:
        with connect(url) as silent, connect(url, b"\r\n") as blank:
            started = time.monotonic()
            assert received(silent) == received(blank) == b""
            assert SLOW / 2 < time.monotonic() - started < BOUND

    serve_and_ask(ask)
    assert capsys.readouterr().err.count("let a slow client go") == 2


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(HALF_A_HEAD, id="half-a-head"),
        pytest.param(HALF_A_BODY, id="half-a-body"),
        pytest.param(HEAD % 50_000 + b"x" * 20_000, id="a-body-that-stops-after-a-good-start"),
        pytest.param(LIVE + HALF_A_HEAD, id="half-a-head-after-a-request"),
    ],
)
def test_a_request_that_stops_is_closed_with_a_408(serve_and_ask: ServeAndAsk, sent: bytes) -> None:
    def ask(url: str) -> None:
        with connect(url, sent) as stopped:
            if sent.startswith(LIVE):
                assert answer(stopped).startswith(b"HTTP/1.1 200")
            started = time.monotonic()
            assert problem(received(stopped))["type"] == "/problems/too-slow"
            assert time.monotonic() - started < BOUND

    serve_and_ask(ask)


def test_a_request_of_the_open_inference_protocol_that_stops_is_told_so_in_its_shape(
    serve_and_ask: ServeAndAsk,
) -> None:
    def ask(url: str) -> None:
        with connect(url, (HEAD % 5000).replace(b"/predict", b"/v2/models/fake/infer") + b"x") as stopped:
            head, _, body = received(stopped).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 408 ")
            assert list(json.loads(body)) == ["error"]

    serve_and_ask(ask)


@pytest.mark.parametrize("sent", [HALF_A_HEAD, HALF_A_BODY], ids=["head", "body"])
def test_a_request_that_trickles_in_is_closed_with_a_408(serve_and_ask: ServeAndAsk, sent: bytes) -> None:
    def ask(url: str) -> None:
        with connect(url, sent) as trickling:
            trickle(trickling, b"x" * 10, every=0.05)
            assert problem(received(trickling))["status"] == 408

    serve_and_ask(ask)


def test_a_slow_but_steady_upload_is_answered(serve_and_ask: ServeAndAsk) -> None:
    def ask(url: str) -> None:
        content = JPEG + bytes(12 * 500)
        with connect(url, HEAD % len(content)) as steady:
            for start in range(0, len(content), 500):
                steady.sendall(content[start : start + 500])
                time.sleep(0.1)
            assert answer(steady).startswith(b"HTTP/1.1 200")

    serve_and_ask(ask)


def test_a_pause_between_two_requests_may_be_longer(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.server.KEEP_ALIVE_SECONDS", 2.5 * SLOW)

    def ask(url: str) -> None:
        with connect(url, PREDICT) as kept:
            assert answer(kept).startswith(b"HTTP/1.1 200")
            time.sleep(1.5 * SLOW)
            kept.sendall(PREDICT)
            assert answer(kept).startswith(b"HTTP/1.1 200")
            started = time.monotonic()
            assert received(kept) == b""
            assert time.monotonic() - started > 2 * SLOW

    serve_and_ask(ask)


def test_empty_lines_do_not_keep_a_connection(serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catdog_api.server.KEEP_ALIVE_SECONDS", 2 * SLOW)

    def ask(url: str) -> None:
        with connect(url, LIVE) as kept:
            assert answer(kept).startswith(b"HTTP/1.1 200")
            started = time.monotonic()
            trickle(kept, b"\r\n", every=SLOW / 4)
            assert time.monotonic() - started > SLOW

    serve_and_ask(ask)


def test_a_body_that_nobody_asked_for_leaves_the_pause_as_it_is(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.server.KEEP_ALIVE_SECONDS", 3 * SLOW)
    head = b"POST /nothing HTTP/1.1\r\nHost: catdog.test\r\nContent-Length: 10\r\n\r\n"

    def ask(url: str) -> None:
        with connect(url, head) as stopped, connect(url, head) as late:
            assert answer(late).startswith(b"HTTP/1.1 404")
            assert answer(stopped).startswith(b"HTTP/1.1 404")
            late.sendall(b"x" * 10)
            started = time.monotonic()
            assert received(stopped) == b""
            assert time.monotonic() - started < 2.5 * SLOW
            late.sendall(LIVE)
            assert answer(late).startswith(b"HTTP/1.1 200")
            late.sendall(b"\r\n")
            assert received(late) == b""

    serve_and_ask(ask)


def test_others_are_served_while_fifty_hang(serve_and_ask: ServeAndAsk) -> None:
    def ask(url: str) -> None:
        hanging = [connect(url, sent) for sent in [b"", HALF_A_HEAD, HALF_A_BODY, HEAD % 5000, b"P"] * 10]
        for _ in range(5):
            with connect(url, PREDICT) as other:
                assert answer(other).startswith(b"HTTP/1.1 200")
        for connection in hanging:
            received(connection)
            connection.close()

    serve_and_ask(ask)


def test_whoever_waits_for_an_answer_is_not_slow(serve_and_ask: ServeAndAsk, classifier: GatedClassifier) -> None:
    def ask(url: str) -> None:
        classifier.gate.clear()
        with connect(url, PREDICT) as waiting, connect(url, PREDICT + HALF_A_HEAD) as eager:
            time.sleep(2 * SLOW)
            classifier.gate.set()
            assert answer(waiting).startswith(b"HTTP/1.1 200")
            assert answer(eager).startswith(b"HTTP/1.1 200")
            assert problem(received(eager))["status"] == 408

    serve_and_ask(ask)


NO_HTTP = [
    pytest.param(b"MEOW / HTTP/1.1\r\n\r\n", id="unknown-verb"),
    pytest.param(b"\x16\x03\x01 a handshake", id="another-protocol"),
    pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", id="large-header"),
    pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 700_000, id="large-header-without-an-end"),
    pytest.param(CHUNKED + b"what?\r\n", id="broken-chunk"),
    pytest.param(CHUNKED + b"1\r\nx\r\n0\r\nX: " + b"x" * 700_000, id="large-trailer-without-an-end"),
]


@pytest.mark.parametrize("sent", NO_HTTP)
def test_what_is_no_http_is_a_problem_too(serve_and_ask: ServeAndAsk, sent: bytes) -> None:
    def ask(url: str) -> None:
        with connect(url, sent) as connection:
            parsed = problem(received(connection))
            assert (parsed["status"], parsed["type"], parsed["title"]) == (400, "about:blank", "Bad Request")

    serve_and_ask(ask)


def test_nonsense_behind_a_request_does_not_cost_its_answer(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier
) -> None:
    def ask(url: str) -> None:
        classifier.gate.clear()
        classifier.entered.clear()
        with connect(url, PREDICT) as connection:
            assert classifier.entered.wait(BOUND)
            connection.sendall(b"MEOW")
            time.sleep(0.1)
            classifier.gate.set()
            content = received(connection)
        assert content.startswith(b"HTTP/1.1 200")
        assert content.count(b"HTTP/1.1") == 1

    serve_and_ask(ask)


def test_what_breaks_off_after_its_answer_began_gets_no_second_one(serve_and_ask: ServeAndAsk) -> None:
    head = b"POST /nothing HTTP/1.1\r\nHost: catdog.test\r\nTransfer-Encoding: chunked\r\n\r\n"

    def ask(url: str) -> None:
        with connect(url, head) as connection:
            assert answer(connection).startswith(b"HTTP/1.1 404")
            connection.sendall(b"what?\r\n")
            assert received(connection) == b""

    serve_and_ask(ask)
