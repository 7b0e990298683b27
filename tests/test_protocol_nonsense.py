"""What is no HTTP or breaks off: what its sender is told, and what the log says of it."""

import re
import time

import pytest

from tests.fakes import GatedClassifier
from tests.serving import HEAD, LIVE, PREDICT, ServeAndAsk, answer, connect, lines, received
from tests.test_protocol import BOUND, CHUNKED, HALF_A_BODY, HALF_A_HEAD, SLOW, _impatience, problem  # noqa: F401

NO_HTTP = [
    pytest.param(b"MEOW / HTTP/1.1\r\n\r\n", id="unknown-verb"),
    pytest.param(b"\x16\x03\x01 a handshake", id="another-protocol"),
    pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", id="large-header"),
    pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 700_000, id="large-header-without-an-end"),
    pytest.param(CHUNKED + b"what?\r\n", id="broken-chunk"),
    pytest.param(CHUNKED + b"1\r\nx\r\n0\r\nX: " + b"x" * 700_000, id="large-trailer-without-an-end"),
]
_ID = re.compile(rb"\r\nx-request-id: ([0-9a-f]{32})\r\n")


@pytest.mark.parametrize("sent", NO_HTTP)
def test_what_is_no_http_is_a_problem_too(serve_and_ask: ServeAndAsk, sent: bytes) -> None:
    def ask(url: str) -> None:
        with connect(url, sent) as connection:
            parsed = problem(received(connection))
            assert (parsed["status"], parsed["type"], parsed["title"]) == (400, "about:blank", "Bad Request")

    serve_and_ask(ask)


def test_who_would_rather_speak_another_protocol_is_answered_in_this_one(serve_and_ask: ServeAndAsk) -> None:
    def ask(url: str) -> None:
        better = b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"
        last = b"Connection: close\r\n\r\n"
        with connect(url, LIVE[:-2] + better + PREDICT[:-1]) as connection:
            connection.sendall(PREDICT[-1:] + LIVE[:-2] + last)
            assert received(connection).count(b"HTTP/1.1 200") == 3
        with connect(url, LIVE[:-2] + better) as connection:
            assert answer(connection).startswith(b"HTTP/1.1 200")
            connection.sendall(LIVE)
            assert answer(connection).startswith(b"HTTP/1.1 200")

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


def test_what_does_not_come_whole_has_an_id_and_one_line_a_second_for_each_status(
    serve_and_ask: ServeAndAsk, capsys: pytest.CaptureFixture[str]
) -> None:
    ids: list[bytes] = []

    def ask(url: str) -> None:
        for sent in (HALF_A_HEAD, HALF_A_BODY, b"no HTTP\r\n\r\n"):
            with connect(url, sent) as connection:
                ids.extend(_ID.findall(received(connection)))
        time.sleep(1.1)

    serve_and_ask(ask)
    assert len(set(ids)) == 3
    assert [(line["status"], line["count"]) for line in lines(capsys.readouterr().err, "requests refused")] == [
        (408, 2),
        (400, 1),
    ]


def test_what_the_application_had_begun_on_has_its_id(
    serve_and_ask: ServeAndAsk, capsys: pytest.CaptureFixture[str]
) -> None:
    ids: list[bytes] = []

    def ask(url: str) -> None:
        with connect(url, HEAD % 500_000 + b"x" * 200_000) as stopped:
            ids.extend(_ID.findall(received(stopped)))

    serve_and_ask(ask)
    assert [str(line["id"]).encode() for line in lines(capsys.readouterr().err, "POST")] == ids
