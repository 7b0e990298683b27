"""Clients that send or read too slowly, or do not speak HTTP, over real sockets; the seconds are shortened."""

import json
import socket
import struct
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


def test_a_connection_that_says_nothing_is_closed_without_a_word(serve_and_ask: ServeAndAsk) -> None:
    def ask(url: str) -> None:
        with connect(url) as silent, connect(url, b"\r\n") as blank:
            started = time.monotonic()
            assert received(silent) == received(blank) == b""
            assert SLOW / 2 < time.monotonic() - started < BOUND

    serve_and_ask(ask)


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


def test_a_good_start_does_not_help_for_long(serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = 1.5
    monkeypatch.setattr("catdog_api.protocol.SLOW_SECONDS", slow)

    def ask(url: str) -> None:
        with connect(url, HEAD % 100_000 + bytes(20_000)) as trickling:
            started = time.monotonic()
            trickle(trickling, b"x" * 10, every=0.05)
            assert 0.9 * slow < time.monotonic() - started < 1.6 * slow
            assert problem(received(trickling))["status"] == 408

    serve_and_ask(ask)


def test_a_request_is_timed_from_its_own_first_byte(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.protocol.SLOW_SECONDS", 4 * SLOW)

    def ask(url: str) -> None:
        with connect(url) as early:
            time.sleep(3 * SLOW)
            early.sendall(PREDICT[:30])
            time.sleep(2 * SLOW)
            early.sendall(PREDICT[30:])
            assert answer(early).startswith(b"HTTP/1.1 200")

    serve_and_ask(ask)


def test_a_slow_but_steady_upload_is_answered(serve_and_ask: ServeAndAsk) -> None:
    def ask(url: str) -> None:
        content = JPEG + bytes(6 * 500)
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


def test_nothing_is_timed_of_a_connection_that_was_reset(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("catdog_api.server.KEEP_ALIVE_SECONDS", SLOW)
    monkeypatch.setattr("catdog_api.protocol.READING_SECONDS", SLOW)

    def ask(url: str) -> None:
        with connect(url, LIVE) as reset:
            assert answer(reset).startswith(b"HTTP/1.1 200")
            reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(3 * SLOW)

    serve_and_ask(ask)
    assert "Exception in callback" not in capsys.readouterr().err


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
