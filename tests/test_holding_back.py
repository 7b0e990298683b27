"""Requests whose bodies come slowly: the application is not troubled with them, and they keep nobody out."""

import gc
import re
import time
import weakref
from asyncio import Transport
from contextlib import ExitStack

import pytest

from catdog_api.bounded import BoundedProtocol
from tests.errands import wait_until
from tests.fakes import GatedClassifier
from tests.serving import HEAD, LIVE, PREDICT, ServeAndAsk, answer, connect
from tests.test_refusing_early import FULL, full, metrics, refused

SLOW_CALLERS = 40


def in_flight(url: str) -> int:
    """Return how many requests the application has, this one not counted."""
    return int(float(re.findall(r"^catdog_requests_in_flight (\S+)$", metrics(url), re.MULTILINE)[0]))


def test_who_is_slow_to_send_keeps_nobody_out_and_the_application_hears_of_it_when_all_has_come(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier
) -> None:
    def ask(url: str) -> None:
        with ExitStack() as stack:
            slow = [stack.enter_context(connect(url, PREDICT[:-1])) for _ in range(SLOW_CALLERS)]
            with connect(url, PREDICT) as quick:
                assert answer(quick).startswith(b"HTTP/1.1 200 ")
            assert in_flight(url) == 0
            slow[0].sendall(PREDICT[-1:])
            assert answer(slow[0]).startswith(b"HTTP/1.1 200 ")
            classifier.gate.clear()
            slow[1].sendall(PREDICT[-1:])
            wait_until(lambda: in_flight(url) == 1)
            classifier.gate.set()
            assert answer(slow[1]).startswith(b"HTTP/1.1 200 ")

    serve_and_ask(ask, *FULL)


def test_what_has_come_when_there_is_no_room_any_more_is_refused(
    serve_and_ask: ServeAndAsk, classifier: GatedClassifier
) -> None:
    def ask(url: str) -> None:
        with connect(url, PREDICT[:-1]) as late:
            assert in_flight(url) == 0
            with full(url, classifier):
                late.sendall(PREDICT[-1:])
                refused(answer(late))
                late.sendall(LIVE)
                assert answer(late).startswith(b"HTTP/1.1 200 ")

    serve_and_ask(ask, *FULL)


@pytest.mark.parametrize(("sent", "held"), [(b"", 0), (b"x" * 100_000, 512)], ids=["too-many-slow", "a-large-body"])
def test_a_request_is_begun_before_it_is_whole(
    sent: bytes, held: int, serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where as many are held back as may, or where it is larger than what is held back of one."""
    monkeypatch.setattr("catdog_api.admission.HELD_AT_ONCE", held)

    def ask(url: str) -> None:
        with connect(url, HEAD % 10**6 + sent):
            wait_until(lambda: in_flight(url) == 1)
        wait_until(lambda: in_flight(url) == 0)

    serve_and_ask(ask)


def test_those_held_back_are_counted_until_they_are_begun_or_gone(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.admission.HELD_AT_ONCE", 1)

    def ask(url: str) -> None:
        for _ in range(3):
            with connect(url, PREDICT) as whole:
                assert answer(whole).startswith(b"HTTP/1.1 200 ")
            with connect(url, PREDICT[:-1]):
                time.sleep(0.1)
                assert in_flight(url) == 0

    serve_and_ask(ask)


@pytest.mark.parametrize("sent", [PREDICT[:-1], PREDICT + LIVE * 3], ids=["held-back", "behind-another"])
def test_nothing_of_what_was_never_begun_is_kept_when_its_connection_is_lost(
    sent: bytes, serve_and_ask: ServeAndAsk, classifier: GatedClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it wait for the garbage collector, who may not come by for long."""
    made: list[weakref.ref[BoundedProtocol]] = []
    make = BoundedProtocol.connection_made

    def make_and_remember(connection: BoundedProtocol, transport: Transport) -> None:
        made.append(weakref.ref(connection))
        make(connection, transport)

    monkeypatch.setattr(BoundedProtocol, "connection_made", make_and_remember)

    def ask(url: str) -> None:
        classifier.gate.clear()
        gc.disable()
        try:
            with connect(url, sent):
                wait_until(lambda: bool(made))
                time.sleep(0.1)
            wait_until(lambda: made[0]() is None)
        finally:
            gc.enable()

    serve_and_ask(ask)
