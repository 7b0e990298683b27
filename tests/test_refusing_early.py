"""What a full service answers by itself, before its application: over real sockets."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from catdog_api.app import create_app
from catdog_api.bounded import MAX_PIPELINED
from catdog_api.problems import MEDIA_TYPE
from catdog_api.settings import Settings
from tests.errands import wait_until
from tests.fakes import GatedClassifier
from tests.raw_client import Reply, take
from tests.serving import HEAD, JPEG, LIVE, PREDICT, ServeAndAsk, answer, connect, lines, received

FULL = ("--queue-limit", "1")
BURST = 40
PATIENCE_SECONDS = 10
INFER = PREDICT.replace(b"/predict", b"/v2/models/fake/infer")


@contextmanager
def full(url: str, classifier: GatedClassifier) -> Iterator[None]:
    """Keep one photograph in the model and one in the queue, which is as many as may wait; let them go in the end."""
    classifier.gate.clear()
    classifier.entered.clear()
    with connect(url, PREDICT) as first:
        assert classifier.entered.wait(PATIENCE_SECONDS)
        with connect(url, PREDICT) as second:
            wait_until(lambda: "catdog_queue_depth 1.0" in metrics(url))
            yield
            classifier.gate.set()
            assert answer(first).startswith(b"HTTP/1.1 200 ")
            assert answer(second).startswith(b"HTTP/1.1 200 ")


def metrics(url: str) -> str:
    return httpx.get(f"{url}/metrics").text


def refused(content: bytes) -> Reply:
    """Return the one answer, which has to be a refusal."""
    (reply,), rest = take(content)
    assert (reply.status, rest) == (503, b"")
    assert b"\r\nretry-after: 1\r\n" in content
    assert b"\r\nx-request-id: " in content
    return reply


def test_who_is_refused_may_ask_again_on_the_same_connection_and_what_it_still_sends_is_dropped(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier
) -> None:
    def ask(url: str) -> None:
        with full(url, classifier), connect(url, HEAD % len(JPEG)) as connection:
            reply = refused(answer(connection))  # before a byte of the body
            assert (reply.media_type, json.loads(reply.body)["type"]) == (MEDIA_TYPE, "/problems/overloaded")
            connection.sendall(JPEG + LIVE)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
            connection.sendall(PREDICT)
            refused(answer(connection))
            classifier.gate.set()
            wait_until(lambda: "catdog_queue_depth 0.0" in metrics(url))
            connection.sendall(PREDICT)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")

    serve_and_ask(ask, *FULL)


def test_many_that_would_rather_speak_another_protocol_are_refused_one_after_the_other(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier
) -> None:
    def ask(url: str) -> None:
        asking = b"GET /model HTTP/1.1\r\nHost: catdog.test\r\nConnection: %s\r\nUpgrade: h2c\r\n\r\n"
        other = asking.replace(b"GET /model", b"POST /predict")
        with full(url, classifier), connect(url, other % b"upgrade" * 600 + asking % b"close") as connection:
            replies, rest = take(received(connection))
            assert ([reply.status for reply in replies], rest) == ([503] * 600 + [200], b"")

    serve_and_ask(ask, *FULL)


def test_who_wants_the_connection_closed_is_told_and_has_it_closed(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier
) -> None:
    def ask(url: str) -> None:
        closing = PREDICT.replace(b"Host", b"Connection: close\r\nHost")
        with full(url, classifier), connect(url, closing) as connection:
            content = received(connection)
            refused(content)
            assert content.count(b"\r\nconnection: close\r\n") == 1

    serve_and_ask(ask, *FULL)


def test_requests_in_a_row_are_answered_in_their_order(serve_and_ask: ServeAndAsk, classifier: GatedClassifier) -> None:
    def ask(url: str) -> None:
        with full(url, classifier), connect(url, (PREDICT + LIVE) * 3) as connection:
            content = b""
            while len(take(content)[0]) < 6:
                content += connection.recv(65536)
        assert [reply.status for reply in take(content)[0]] == [503, 200] * 3

    serve_and_ask(ask, *FULL)


@pytest.mark.parametrize("count", [MAX_PIPELINED, 1200])
def test_those_that_waited_behind_another_are_answered_too_but_no_more_than_may_wait(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier, count: int
) -> None:
    empty = HEAD % 0

    def ask(url: str) -> None:
        first = LIVE.replace(b"/health/live", b"/metrics")
        with full(url, classifier), connect(url, first + empty * count) as connection:
            content = b""
            while len(take(content)[0]) <= MAX_PIPELINED:
                content += connection.recv(1 << 20)
            if count > MAX_PIPELINED:
                content += received(connection)  # until it is closed
        assert [reply.status for reply in take(content)[0]] == [200] + [503] * MAX_PIPELINED

    serve_and_ask(ask, *FULL, "--log-level", "warning")


def test_who_reads_no_refusals_is_given_no_more_of_them(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier
) -> None:
    piece = HEAD % 0 * 50

    def ask(url: str) -> None:
        with full(url, classifier), connect(url) as connection:
            connection.settimeout(1)
            sent = 0
            with suppress(OSError):
                while sent < 2000:
                    connection.sendall(piece)
                    sent += 1
        assert sent < 2000, "the service keeps a hundred thousand answers"

    serve_and_ask(ask, *FULL, "--log-level", "warning")


def test_it_is_counted_and_the_log_has_one_line_for_all_of_a_while(
    serve_and_ask: ServeAndAsk,
    classifier: GatedClassifier,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("catdog_api.logs.TALLY_SECONDS", 0.5)

    def ask(url: str) -> None:
        with full(url, classifier):
            for request in (PREDICT, PREDICT, INFER):
                with connect(url, request) as connection:
                    reply = refused(answer(connection))
            assert list(json.loads(reply.body)) == ["error"]  # the last one's own protocol
            counted = metrics(url)
            assert 'catdog_refused_total{reason="overloaded"} 3.0' in counted
            assert 'catdog_requests_total{method="POST",route="/predict",status="503"} 2.0' in counted
            assert 'route="/v2/models/{model}/infer",status="503"} 1.0' in counted
            assert "catdog_requests_in_flight 2.0" in counted
            assert "catdog_request_duration_seconds_count{" not in counted  # nothing that took no time
            time.sleep(0.6)

    serve_and_ask(ask, *FULL)
    log = capsys.readouterr().err
    assert [(line["count"], line["status"]) for line in lines(log, "requests refused")] == [(3, 503)]
    assert {line["status"] for line in lines(log, "POST")} == {200}


async def test_of_many_who_come_at_once_as_many_pass_as_there_is_room_for() -> None:
    """Who passes has no place yet: were that not counted, all who come in one turn would pass for one place."""
    classifier = GatedClassifier()
    app = create_app(Settings(queue_limit=5, model_threads=1), load=lambda _: classifier)

    def passes() -> bool:
        scope = {"method": "POST", "path": "/predict"}
        if app.state.admission.refusal(scope) is None:
            app.state.admission.expect(scope)
            return True
        return False

    def passed() -> list[bool]:
        return [passes() for _ in range(BURST)]

    async with app.router.lifespan_context(app):
        assert passed() == [True] * 5 + [False] * (BURST - 5)
        await asyncio.sleep(0.1)
        waiting = [asyncio.create_task(app.state.pipeline.predict(JPEG))]
        await asyncio.to_thread(classifier.entered.wait, PATIENCE_SECONDS)
        waiting += [asyncio.create_task(app.state.pipeline.predict(JPEG)) for _ in range(3)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while b"catdog_queue_depth 3.0" not in app.state.metrics.expose("")[0]:  # noqa: ASYNC110  # as an operator
                await asyncio.sleep(0.01)
        for _ in range(2):  # the first two never come as far as to their places
            assert passed() == [True] * 2 + [False] * (BURST - 2)
            await asyncio.sleep(0.1)
        classifier.gate.set()
        await asyncio.gather(*waiting)


def test_pages_elsewhere_may_read_a_refusal(
    serve_and_ask: ServeAndAsk,
    classifier: GatedClassifier,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("catdog_api.logs.TALLY_SECONDS", 0.1)
    origin = "https://elsewhere.test"

    def ask(url: str) -> None:
        with full(url, classifier):
            response = httpx.post(f"{url}/predict", files={"file": JPEG}, headers={"Origin": origin})
            assert (response.status_code, response.headers["access-control-allow-origin"]) == (503, origin)
            assert httpx.post(f"{url}/predict", files={"file": JPEG}).status_code == 503
            time.sleep(0.3)

    serve_and_ask(ask, *FULL, "--cors-origins", origin)
    assert [line["count"] for line in lines(capsys.readouterr().err, "requests refused")] == [1]  # for who is no page
