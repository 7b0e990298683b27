"""How much one connection may make the service hold, over real sockets; and that its refusals are counted."""

import time

import httpx
import pytest

from catdog_api.bounded import BYTES_A_CHUNK, FREE_CHUNKS, HEAD_LINES, MAX_PIPELINED
from tests.errands import wait_until
from tests.fakes import GatedClassifier
from tests.raw_client import take
from tests.serving import HEAD, JPEG, LIVE, PREDICT, ServeAndAsk, answer, connect, received
from tests.test_protocol import BOUND, CHUNKED, HALF_A_BODY, HALF_A_HEAD, SLOW, problem

LINE = b"a:b\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET / HTTP/1.1\r\n" + LINE * (HEAD_LINES + 1) + b"\r\n", id="a-header"),
        pytest.param(CHUNKED + b"1\r\nx\r\n0\r\n" + LINE * (HEAD_LINES + 1) + b"\r\n", id="a-trailer"),
    ],
)
def test_a_header_of_more_lines_than_may_be_is_refused(serve_and_ask: ServeAndAsk, sent: bytes) -> None:
    def ask(url: str) -> None:
        with connect(url, sent) as connection:
            parsed = problem(received(connection))
            assert (parsed["status"], parsed["type"]) == (400, "about:blank")
            assert f"{HEAD_LINES} lines" in str(parsed["detail"])

    serve_and_ask(ask)


def test_a_header_of_as_many_lines_as_may_be_is_read(serve_and_ask: ServeAndAsk) -> None:
    def ask(url: str) -> None:
        with connect(url, LIVE[:-2] + LINE * (HEAD_LINES - 1) + b"\r\n") as connection:
            assert answer(connection).startswith(b"HTTP/1.1 200")

    serve_and_ask(ask)


@pytest.mark.parametrize(
    ("size", "count", "status"),
    [
        pytest.param(BYTES_A_CHUNK, FREE_CHUNKS + 2000, 200, id="small"),
        pytest.param(1, FREE_CHUNKS - len(JPEG), 200, id="few"),
        pytest.param(1, FREE_CHUNKS + 2000, 400, id="many-of-a-byte"),
    ],
)
def test_a_body_may_come_in_many_chunks_but_not_in_any_number_for_nothing(
    serve_and_ask: ServeAndAsk, size: int, count: int, status: int
) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in JPEG) + b"%x\r\n%s\r\n" % (size, bytes(size)) * count

    def ask(url: str) -> None:
        with connect(url, CHUNKED + chunks + b"0\r\n\r\n") as connection:
            (reply,), _ = take(answer(connection))
            assert reply.status == status

    serve_and_ask(ask)


def test_no_more_requests_are_read_while_some_wait(serve_and_ask: ServeAndAsk, classifier: GatedClassifier) -> None:
    """Altogether they are more than may wait, which would end the connection."""
    first, second = MAX_PIPELINED * 9 // 10, MAX_PIPELINED // 2

    def ask(url: str) -> None:
        classifier.gate.clear()
        classifier.entered.clear()
        with connect(url, PREDICT + LIVE * first) as connection:
            assert classifier.entered.wait(BOUND)
            connection.sendall(LIVE * second)
            time.sleep(0.1)
            classifier.gate.set()
            content = b""
            while len(take(content)[0]) < 1 + first + second:
                piece = connection.recv(65536)
                assert piece, f"closed after {len(take(content)[0])} answers"
                content += piece

    serve_and_ask(ask, "--log-level", "warning")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(LIVE[:-2] + LINE * (2 * HEAD_LINES // 5) + b"\r\n", id="lines"),
        pytest.param(LIVE[:-2] + b"a: " + b"b" * 350 + b"\r\n\r\n", id="bytes"),
        pytest.param(LIVE.replace(b"/live", b"/live?" + b"b" * 350), id="addresses"),
        pytest.param(HEAD % 350 + bytes(350), id="bodies"),
    ],
)
def test_those_that_wait_hold_together_no_more_than_one_may(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier, monkeypatch: pytest.MonkeyPatch, request_: bytes
) -> None:
    """Two do, of three; those are answered, and the second is the last."""
    monkeypatch.setattr("catdog_api.bounded.HEAD_BYTES", 1000)  # which one piece from the socket holds for certain

    def ask(url: str) -> None:
        classifier.gate.clear()
        classifier.entered.clear()
        with connect(url, PREDICT) as connection:
            assert classifier.entered.wait(BOUND)
            connection.sendall(request_ * 3)
            time.sleep(0.1)
            classifier.gate.set()
            started = time.monotonic()
            content = received(connection)
            assert time.monotonic() - started < BOUND
        found, rest = take(content)
        assert len(found) == 1 + 2
        assert rest == b""
        assert content.count(b"\r\nconnection: close\r\n") == 1

    serve_and_ask(ask)


def test_what_the_application_does_not_hear_of_is_counted(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.protocol.SLOW_SECONDS", SLOW)

    def ask(url: str) -> None:
        begun = HEAD % 200_000 + bytes(100_000)  # more than is held back: of this one the application has heard
        for sent in (HALF_A_HEAD, HALF_A_BODY, b"MEOW / HTTP/1.1\r\n\r\n", begun):
            with connect(url, sent) as connection:
                problem(received(connection))
        wait_until(lambda: 'catdog_refused_total{reason="caller-left"} 1.0' in httpx.get(f"{url}/metrics").text)
        counted = httpx.get(f"{url}/metrics").text
        assert 'catdog_requests_total{method="other",route="other",status="408"} 1.0' in counted
        assert 'catdog_requests_total{method="POST",route="/predict",status="408"} 1.0' in counted
        assert 'catdog_requests_total{method="other",route="other",status="400"} 1.0' in counted
        assert 'catdog_refused_total{reason="too-slow"} 2.0' in counted
        assert "catdog_requests_in_flight 0.0" in counted

    serve_and_ask(ask)
