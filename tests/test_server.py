"""The service over a real socket: start, address, orderly end, and what stops the start."""

import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import trustme
from PIL import Image

from catdog_api import cli
from catdog_api.app import create_app
from tests.fakes import ColourClassifier
from tests.images import RED, encode

JPEG = encode(Image.new("RGB", (40, 30), RED), "JPEG")


@pytest.fixture(autouse=True)
def _small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve the colour classifier: what these tests are about is the server around it."""
    monkeypatch.setattr("catdog_api.server.create_app", partial(create_app, load_model=lambda _: ColourClassifier()))


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    """Take down again what the command sets up for its whole process."""
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    yield
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Return a certificate for localhost and its key."""
    issued = trustme.CA().issue_cert("localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    return chain, key


def serve_and_ask(capsys: pytest.CaptureFixture[str], ask: Callable[[str], None], *flags: str) -> None:
    """Run `catdog-api serve`, ask it something over the socket, and end it as an operator does.

    The service has this thread, because only the main one is given signals; the asking has another.
    """
    failures: list[BaseException] = []

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
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=wait_and_ask)
    thread.start()
    cli.main(["serve", "--port", "0", *flags])
    thread.join()
    if failures:
        raise failures[0]


def test_it_says_where_it_answers_answers_there_and_ends_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(url: str) -> None:
        with httpx.Client(base_url=url) as client:
            assert client.get("/health/ready").json() == {"status": "ok"}
            assert client.post("/predict", files={"file": JPEG}).json()["label"] == "cat"

    serve_and_ask(capsys, ask)


def test_with_a_certificate_it_speaks_https(capsys: pytest.CaptureFixture[str], certificate: tuple[Path, Path]) -> None:
    def ask(url: str) -> None:
        assert url.startswith("https://")
        with httpx.Client(base_url=url, verify=False) as client:  # noqa: S501  # signed by itself
            assert client.get("/health/live").status_code == 200

    serve_and_ask(capsys, ask, "--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1]))


def test_an_address_that_cannot_be_had_stops_the_start_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as stop:
        cli.main(["serve", "--port", str(taken.getsockname()[1])])
    assert re.fullmatch(r"catdog-api: Cannot listen on 127.0.0.1, port \d+: [^\n]+\.", str(stop.value.code))


def test_a_quieter_level_does_not_hide_where_it_answers(capsys: pytest.CaptureFixture[str]) -> None:
    serve_and_ask(capsys, lambda _: None, "--log-level", "ERROR")


def test_a_certificate_with_another_key_stops_the_start_in_one_line(certificate: tuple[Path, Path]) -> None:
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(certificate[1])
    with pytest.raises(SystemExit, match=r"^catdog-api: CATDOG_TLS_CERTIFICATE and CATDOG_TLS_KEY [^\n]+$"):
        cli.main(["serve", "--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])])


@pytest.mark.parametrize("host", ["::1", "::"])
def test_it_listens_on_addresses_of_the_newer_protocol_too(capsys: pytest.CaptureFixture[str], host: str) -> None:
    def ask(url: str) -> None:
        assert httpx.get(f"{url}/health/live").status_code == 200

    serve_and_ask(capsys, ask, "--host", host)


@pytest.mark.usefixtures("_true_loader")
def test_a_model_that_cannot_be_served_stops_the_start_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["serve", "--port", "0", "--model", str(tmp_path / "none.keras")])
    assert re.fullmatch(r"catdog-api: The manifest \S+ is missing\.", str(stop.value.code))


@pytest.fixture
def _true_loader(_small_model: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catdog_api.server.create_app", create_app)
