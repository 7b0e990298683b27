"""The orderly end: what a signal does to requests that are answered, on their way, or never to be whole."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from catdog_api.protocol import Protocol
from tests.fakes import GatedClassifier, LongWork
from tests.serving import HEAD, LIVE, PREDICT, READY, ServeAndAsk, answer, connect, received, wait_until_closed

BOUND = 8
"""Seconds that a test waits for the service to act: much more than it takes, for a machine with other things to do."""

SLACK = 1.5
"""Seconds beyond the grace in which it has ended: it is the grace that ends it, and nothing that comes after."""

HALF_A_BODY = HEAD % 5000 + b"x" * 100


@pytest.fixture
def kept() -> Iterator[list[socket.socket]]:
    """Collect connections that stay open while the service ends."""
    connections: list[socket.socket] = []
    yield connections
    for connection in connections:
        connection.close()


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def ask_once(url: str, sent: bytes) -> bytes:
    with connect(url, sent) as connection:
        return answer(connection)


def wait_until_not_ready(url: str) -> bytes:
    """Return the first answer that says that the service is not ready."""
    deadline = time.monotonic() + BOUND
    while (content := ask_once(url, READY)).startswith(b"HTTP/1.1 200"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return content


def test_sigterm_drains_then_closes_then_answers_what_was_taken_on(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier
) -> None:
    def ask(url: str) -> None:
        classifier.gate.clear()
        with connect(url, PREDICT) as taken_on:
            assert classifier.entered.wait(BOUND)
            send(signal.SIGTERM)
            refusal = wait_until_not_ready(url)
            assert refusal.startswith(b"HTTP/1.1 503")
            assert b"/problems/not-ready" in refusal
            assert b"connection: close" in refusal
            assert ask_once(url, LIVE).startswith(b"HTTP/1.1 200")
            wait_until_closed(url)
            classifier.gate.set()
            content = received(taken_on)
            assert content.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in content

    assert serve_and_ask(ask, "--drain-seconds", "1", end=None) < BOUND


@pytest.mark.parametrize("before", [b"", LIVE, PREDICT[:30], LIVE + PREDICT[:30]], ids=["new", "kept", "half", "both"])
def test_a_request_on_its_way_when_the_listener_closes_is_answered(
    serve_and_ask: ServeAndAsk, before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.server.LAST_CALL_SECONDS", BOUND)

    def ask(url: str) -> None:
        with connect(url, before) as connection:
            if before.startswith(LIVE):
                answer(connection)
            send(signal.SIGTERM)
            wait_until_closed(url)
            connection.sendall(PREDICT.removeprefix(before.removeprefix(LIVE)))
            content = received(connection)
            assert content.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in content

    serve_and_ask(ask, end=None)


def test_who_waits_in_the_listeners_queue_when_it_closes_is_answered(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, queued = threading.Event(), threading.Event()

    def announce_end(_: Protocol) -> None:
        """Keep the event loop from accepting until the test has connected."""
        ending.set()
        queued.wait(BOUND)

    monkeypatch.setattr(Protocol, "announce_end", announce_end)

    def ask(url: str) -> None:
        with connect(url, LIVE) as earlier:
            answer(earlier)
            send(signal.SIGTERM)
            assert ending.wait(BOUND)
            with connect(url, PREDICT) as waiting:
                queued.set()
                assert received(waiting).startswith(b"HTTP/1.1 200")

    serve_and_ask(ask, end=None)


def test_the_grace_ends_it_even_with_slow_clients_attached(
    serve_and_ask: ServeAndAsk, kept: list[socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(url: str) -> None:
        kept.extend(connect(url, sent) for sent in (b"", HALF_A_BODY, PREDICT[:30], LIVE))
        answer(kept[-1])
        send(signal.SIGTERM)

    assert 1 < serve_and_ask(ask, "--grace-seconds", "1.2", end=None) < 1.2 + SLACK
    assert [received(connection)[:12] for connection in kept] == [b""] * 4
    assert "cut 2 connections" in capsys.readouterr().err


def test_a_photograph_still_in_the_model_does_not_hold_the_end_up_for_ever(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier, kept: list[socket.socket]
) -> None:
    def ask(url: str) -> None:
        classifier.gate.clear()
        kept.append(connect(url, PREDICT))
        assert classifier.entered.wait(BOUND)
        send(signal.SIGTERM)

    assert serve_and_ask(ask, "--grace-seconds", "0.2", end=None) < 0.2 + SLACK
    classifier.gate.set()
    received(kept[0])


def test_a_photograph_whose_decoding_hangs_does_not_hold_the_end_up_for_ever(
    serve_and_ask: ServeAndAsk, kept: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = LongWork()
    monkeypatch.setattr("catdog_api.pipeline.decode", lambda *_, **__: work())

    def ask(url: str) -> None:
        kept.append(connect(url, PREDICT))
        assert work.entered.wait(BOUND)
        send(signal.SIGTERM)

    try:
        assert serve_and_ask(ask, "--grace-seconds", "0.2", end=None) < 0.2 + SLACK
    finally:
        work.gate.set()


def test_ctrl_c_waits_neither_for_the_drain_nor_for_idle_connections(
    serve_and_ask: ServeAndAsk, kept: list[socket.socket]
) -> None:
    def ask(url: str) -> None:
        kept.append(connect(url, LIVE))
        answer(kept[0])

    assert serve_and_ask(ask, "--drain-seconds", "60") < BOUND
    assert received(kept[0]) == b""


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(
    serve_and_ask: ServeAndAsk, kept: list[socket.socket], first: signal.Signals, second: signal.Signals
) -> None:
    def ask(url: str) -> None:
        kept.append(connect(url, HALF_A_BODY))
        assert ask_once(url, LIVE).startswith(b"HTTP/1.1 200")
        send(first)
        time.sleep(0.3)

    assert serve_and_ask(ask, "--drain-seconds", "60", end=second) < BOUND
    assert received(kept[0]) == b""
