"""`catdog-api serve` in this process, around a small model, and raw sockets that ask it something."""

import json
import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

import pytest
from PIL import Image

from catdog_api import cli
from catdog_api.app import create_app
from tests.fakes import GatedClassifier
from tests.images import RED, encode

JPEG = encode(Image.new("RGB", (40, 30), RED), "JPEG")
HEAD = b"POST /predict HTTP/1.1\r\nHost: catdog.test\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
PREDICT = HEAD % len(JPEG) + JPEG
LIVE = b"GET /health/live HTTP/1.1\r\nHost: catdog.test\r\n\r\n"
READY = b"GET /health/ready HTTP/1.1\r\nHost: catdog.test\r\n\r\n"


class ServeAndAsk(Protocol):
    """Serve, ask on another thread, and end."""

    def __call__(self, ask: Callable[[str], None], *flags: str, end: signal.Signals | None = signal.SIGINT) -> float:
        """Return how long the service went on after the asking, seconds; without a signal the asking sends one."""


@pytest.fixture
def classifier(monkeypatch: pytest.MonkeyPatch) -> GatedClassifier:
    """Return what the service is served around: what these tests are about is the server; the gate is open."""
    opened = GatedClassifier()
    opened.gate.set()
    monkeypatch.setattr("catdog_api.server.create_app", partial(create_app, load=lambda _: opened))
    return opened


@pytest.fixture
def _process_as_it_was() -> Iterator[None]:
    """Take down again what the command sets up for its whole process; a signal that comes too late does nothing."""
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    numbers = (signal.SIGINT, signal.SIGTERM)
    originals = [signal.signal(number, lambda *_: None) for number in numbers]
    yield
    for number, original in zip(numbers, originals, strict=True):
        signal.signal(number, original)
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture
def serve_and_ask(
    capsys: pytest.CaptureFixture[str],
    classifier: GatedClassifier,
    monkeypatch: pytest.MonkeyPatch,
    _process_as_it_was: None,
) -> ServeAndAsk:
    """Run `catdog-api serve`, ask it something over the socket, and end it as an operator does.

    The service has this thread, because only the main one is given signals; the asking has another, and may end it.
    """
    monkeypatch.setattr("catdog_api.server.TICK_SECONDS", 0.02)  # an end takes two or three, and each test has one

    def run(ask: Callable[[str], None], *flags: str, end: signal.Signals | None = signal.SIGINT) -> float:
        failures: list[BaseException] = []
        asked = [0.0]

        def wait_and_ask() -> None:
            log = ""
            deadline = time.monotonic() + 20
            try:
                while not (found := re.search(r"answers at (https?://[^\s\"]+)", log)):
                    assert time.monotonic() < deadline, log
                    time.sleep(0.02)
                    log += capsys.readouterr().out
                ask(found[1])
            except BaseException as failure:  # noqa: BLE001  # carried over to the test's own thread
                failures.append(failure)
            asked[0] = time.monotonic()
            if end is not None or failures:
                classifier.gate.set()
                os.kill(os.getpid(), end or signal.SIGINT)

        thread = threading.Thread(target=wait_and_ask)
        thread.start()
        cli.main(["serve", "--port", "0", "--model-threads", "1", *flags])
        ended = time.monotonic()
        thread.join()
        if failures:
            raise failures[0]
        return ended - asked[0]

    return run


def lines(log: str, message: str) -> list[dict[str, object]]:
    """Return the lines of a log whose message begins so."""
    found = [json.loads(line) for line in log.splitlines()]
    return [line for line in found if str(line["message"]).startswith(message)]


def connect(url: str, sent: bytes = b"") -> socket.socket:
    """Open a connection, and send bytes as they are."""
    connection = socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10)
    connection.sendall(sent)
    return connection


def wait_until_closed(url: str) -> None:
    """Return once the listener is gone. With pauses: where its queue is full, a connect waits for a second."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            connect(url).close()
        except OSError:
            return
        time.sleep(0.02)
    pytest.fail("it still listens")


def received(connection: socket.socket) -> bytes:
    """Return what comes until the service closes the connection."""
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:  # closed, too, while this side still sent
        pass
    return b"".join(pieces)


def answer(connection: socket.socket) -> bytes:
    """Return one answer with a declared length, on a connection that may stay open."""
    content = b""
    while b"\r\n\r\n" not in content:
        piece = connection.recv(65536)
        assert piece, content
        content += piece
    head, _, body = content.partition(b"\r\n\r\n")
    (length,) = re.findall(rb"content-length: (\d+)", head)
    while len(body) < int(length):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
