"""Where a request begins and ends, over real sockets: what the parser and uvicorn would take for more, or for less."""

import time

import pytest

from tests.fakes import GatedClassifier
from tests.raw_client import Reply, take
from tests.serving import HEAD, JPEG, LIVE, PREDICT, ServeAndAsk, connect, lines, received
from tests.test_protocol import CHUNKED, problem
from tests.test_refusing_early import FULL, full

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n"
"""Java's HttpClient says so of every first request, a photograph with it or not."""

IN_CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(JPEG), JPEG)
LAST = LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
LENGTH = b"Content-Length: 5\r\n"
BODIES = [
    pytest.param(HEAD % len(JPEG), JPEG, id="length"),
    pytest.param(CHUNKED, IN_CHUNKS, id="chunks"),
    pytest.param(CHUNKED, IN_CHUNKS[:-2] + b"X: a trailer\r\n\r\n", id="chunks-and-a-trailer"),
]


def replies(content: bytes) -> list[Reply]:
    """Return all answers, and nothing else may have come."""
    found, rest = take(content)
    assert rest == b""
    return found


@pytest.mark.parametrize(("head", "body"), BODIES)
@pytest.mark.parametrize("pause", [0.0, 0.1], ids=["at-once", "in-pieces"])
def test_a_body_behind_the_offer_of_another_protocol_is_the_requests_own(
    serve_and_ask: ServeAndAsk, head: bytes, body: bytes, pause: float
) -> None:
    def ask(url: str) -> None:
        with connect(url) as connection:
            for piece in (head[:-2] + OFFER, body[:300], body[300:] + PREDICT + LAST):
                connection.sendall(piece)
                time.sleep(pause)
            assert [reply.status for reply in replies(received(connection))] == [200, 200, 200]

    serve_and_ask(ask)


def test_nobody_can_hide_a_request_in_such_a_body(serve_and_ask: ServeAndAsk) -> None:
    def ask(url: str) -> None:
        with connect(url, (HEAD % len(LIVE))[:-2] + OFFER + LIVE + LAST) as connection:
            assert [reply.status for reply in replies(received(connection))] == [415, 200]

    serve_and_ask(ask)


@pytest.mark.parametrize(("head", "body"), BODIES)
def test_the_body_of_one_that_is_refused_is_dropped_and_the_next_is_answered(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier, head: bytes, body: bytes
) -> None:
    def ask(url: str) -> None:
        with full(url, classifier), connect(url, head[:-2] + OFFER + body + LAST) as connection:
            assert [reply.status for reply in replies(received(connection))] == [503, 200]

    serve_and_ask(ask, *FULL)


def test_behind_the_last_request_of_a_connection_there_is_none(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier
) -> None:
    def ask(url: str) -> None:
        closing = OFFER.replace(b"Upgrade,", b"Upgrade, close,")
        with full(url, classifier), connect(url, (HEAD % len(JPEG))[:-2] + closing + JPEG + PREDICT) as connection:
            content = received(connection)
            assert [reply.status for reply in replies(content)] == [503]
            assert content.count(b"\r\nconnection: close\r\n") == 1

    serve_and_ask(ask, *FULL)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(LIVE.replace(b"Host: catdog.test\r\n", b""), id="no-host"),
        pytest.param(LIVE[:-2] + b"Host: another.test\r\n\r\n", id="two-hosts"),
        pytest.param(LIVE[:-2] + b"host: catdog.test\r\n\r\n", id="the-same-host-twice"),
        pytest.param(LIVE.replace(b"1.1", b"1.0")[:-2] + b"Host: another.test\r\n\r\n", id="two-hosts-of-old"),
        pytest.param(LIVE.replace(b"1.1", b"2.0"), id="a-newer-version"),
        pytest.param(b"GET /health/live\r\n\r\n", id="no-version"),
        pytest.param((HEAD % 5).replace(LENGTH, 2 * LENGTH) + b"hello", id="two-lengths"),
        pytest.param(CHUNKED[:-2] + LENGTH + b"\r\n0\r\n\r\n", id="a-length-and-chunks"),
        pytest.param(CHUNKED.replace(b"chunked", b"gzip") + b"hello", id="no-length"),
        pytest.param(CHUNKED.replace(b"chunked", b"gzip, chunked") + IN_CHUNKS, id="another-coding-in-chunks"),
        pytest.param(CHUNKED.replace(b"chunked", b", chunked") + IN_CHUNKS, id="a-list-of-nothing-and-chunks"),
        pytest.param(CHUNKED.replace(b"chunked", b"gzip")[:-2] + OFFER + b"hello", id="no-length-and-an-offer"),
        pytest.param(LIVE.replace(b"\r\n", b"\n"), id="lines-of-another-kind"),
        pytest.param(LIVE[:-2] + b"X: a\r\n folded\r\n\r\n", id="a-folded-line"),
        pytest.param(LIVE.replace(b"Host:", b"Host :"), id="a-name-with-a-space"),
    ],
)
def test_what_others_might_read_in_another_way_is_refused(serve_and_ask: ServeAndAsk, sent: bytes) -> None:
    def ask(url: str) -> None:
        with connect(url, sent + LIVE) as connection:
            assert problem(received(connection))["status"] == 400

    serve_and_ask(ask)


def test_a_request_of_an_older_version_needs_no_host_and_hears_nothing_before_its_answer(
    serve_and_ask: ServeAndAsk,
) -> None:
    def ask(url: str) -> None:
        old = (HEAD % len(JPEG)).replace(b"1.1\r\nHost: catdog.test", b"1.0\r\nExpect: 100-continue")
        with connect(url, old + JPEG) as connection:
            content = received(connection)
            assert [reply.status for reply in replies(content)] == [200]
            assert b"100 Continue" not in content

    serve_and_ask(ask)


def test_what_comes_behind_a_body_is_no_part_of_the_header(serve_and_ask: ServeAndAsk) -> None:
    def ask(url: str) -> None:
        kind = b"Content-Type: image/jpeg\r\n"
        assert kind in CHUNKED
        with connect(url, CHUNKED.replace(kind, b"") + IN_CHUNKS[:-2] + kind + b"\r\n" + LAST) as connection:
            refused, alive = replies(received(connection))
            assert (refused.status, alive.status) == (415, 200)
            assert b"no content type" in refused.body

    serve_and_ask(ask)


def test_the_log_has_no_line_for_each_that_is_no_http(
    serve_and_ask: ServeAndAsk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.logs.TALLY_SECONDS", 0.5)

    def ask(url: str) -> None:
        for _ in range(3):
            with connect(url, b"no HTTP\r\n\r\n") as connection:
                received(connection)
        time.sleep(0.6)

    serve_and_ask(ask)
    told = capsys.readouterr().err
    assert lines(told, "Invalid") == []
    assert [line["count"] for line in lines(told, "requests refused")] == [3]
