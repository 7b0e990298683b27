"""The service over a real socket: start, address, orderly end, and what stops the start."""

import contextlib
import re
import socket
import threading
from logging.handlers import BufferingHandler
from pathlib import Path

import httpx
import pytest
import trustme

from catdog_api import cli
from catdog_api.errors import SettingsError
from catdog_api.listening import bind
from catdog_api.logs import logger
from catdog_api.server import serve
from catdog_api.settings import Settings
from tests.serving import JPEG, PREDICT, ServeAndAsk, answer, connect, lines, received


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Return a certificate for localhost and its key."""
    issued = trustme.CA().issue_cert("localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    return chain, key


def test_it_says_where_it_answers_and_answers_there(serve_and_ask: ServeAndAsk) -> None:
    def ask(url: str) -> None:
        with httpx.Client(base_url=url) as client:
            assert client.get("/health/ready").json() == {"status": "ok"}
            assert client.post("/predict", files={"file": JPEG}).json()["label"] == "cat"

    serve_and_ask(ask)


def test_with_a_certificate_it_speaks_https(serve_and_ask: ServeAndAsk, certificate: tuple[Path, Path]) -> None:
    def ask(url: str) -> None:
        assert url.startswith("https://")
        with httpx.Client(base_url=url, verify=False) as client:  # noqa: S501  # signed by itself
            assert client.get("/health/live").status_code == 200

    serve_and_ask(ask, "--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1]))


@pytest.mark.parametrize("path", ["/", "/model", "/health/ready", "/v2/models/fake", "/metrics"])
def test_it_answers_a_head_as_it_would_a_get_without_the_body(serve_and_ask: ServeAndAsk, path: str) -> None:
    def ask(url: str) -> None:
        with connect(url, f"HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()) as connection:
            head, _, body = received(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert re.search(rb"content-length: [1-9]", head)
        assert body == b""

    serve_and_ask(ask)


def test_a_crash_is_logged_and_costs_its_own_request_alone(
    serve_and_ask: ServeAndAsk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(url: str) -> None:
        with connect(url) as connection:
            with monkeypatch.context() as patch:
                patch.setattr("catdog_api.pipeline.decode", None)
                connection.sendall(PREDICT)
                assert answer(connection).startswith(b"HTTP/1.1 500 ")
            connection.sendall(PREDICT)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")

    serve_and_ask(ask)
    log = capsys.readouterr().err
    (crash,) = lines(log, "a request failed")
    assert "TypeError" in str(crash["exception"])
    assert crash["id"] == next(line["id"] for line in lines(log, "POST /predict") if line["status"] == 500)


def test_ctrl_c_does_not_wait_for_a_client_that_does_not_take_its_leave(
    serve_and_ask: ServeAndAsk, certificate: tuple[Path, Path]
) -> None:
    with contextlib.ExitStack() as stack:

        def ask(url: str) -> None:
            client = stack.enter_context(httpx.Client(base_url=url, verify=False))  # noqa: S501  # signed by itself
            assert client.get("/health/live").status_code == 200

        assert serve_and_ask(ask, "--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])) < 5


def test_a_handshake_that_is_never_begun_is_cut_off_like_a_request(
    serve_and_ask: ServeAndAsk, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.server.SLOW_SECONDS", 0.3)

    def ask(url: str) -> None:
        with connect(url) as silent:
            assert received(silent) == b""

    serve_and_ask(ask, "--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1]))


@pytest.mark.usefixtures("_process_as_it_was", "classifier")
def test_an_address_that_cannot_be_had_stops_the_start_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as stop:
        cli.main(["serve", "--port", str(taken.getsockname()[1])])
    assert re.fullmatch(r"catdog-api: Cannot listen on 127.0.0.1, port \d+: [^\n]+\.", str(stop.value.code))


@pytest.mark.usefixtures("_process_as_it_was", "classifier")
def test_so_does_one_that_another_has_taken_since() -> None:
    settings = Settings(host="127.0.0.1", port=0)
    with bind(settings) as listener, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(listener.getsockname())
        other.listen()
        with pytest.raises(SettingsError, match=r"^Cannot listen on 127\.0\.0\.1, port "):
            serve(settings, listener)


@pytest.mark.usefixtures("_process_as_it_was", "classifier")
def test_so_does_the_newer_protocol_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "AF_INET6", 99)
    with pytest.raises(SystemExit, match=r"^catdog-api: Cannot listen on ::, port 0: [^\n]+\.$"):
        cli.main(["serve", "--host", "::", "--port", "0"])
    assert "model" not in {thread.name for thread in threading.enumerate()}


def test_it_says_in_which_precision_and_on_how_many_threads_the_model_runs(
    serve_and_ask: ServeAndAsk,
) -> None:
    kept = BufferingHandler(100)
    logger.addHandler(kept)
    serve_and_ask(lambda _: None, "--model-threads", "3")
    logger.removeHandler(kept)
    said = {record.getMessage(): getattr(record, "fields", {}) for record in kept.buffer}
    assert said["fake 0.0.1 is loaded"] == {"precision": "float32", "model_threads": 3}


def test_a_quieter_level_does_not_hide_where_it_answers(serve_and_ask: ServeAndAsk) -> None:
    serve_and_ask(lambda _: None, "--log-level", "ERROR")


@pytest.mark.usefixtures("_process_as_it_was", "classifier")
def test_a_certificate_with_another_key_stops_the_start_in_one_line(certificate: tuple[Path, Path]) -> None:
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(certificate[1])
    with pytest.raises(SystemExit, match=r"^catdog-api: CATDOG_TLS_CERTIFICATE and CATDOG_TLS_KEY [^\n]+$"):
        cli.main(["serve", "--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])])


@pytest.mark.parametrize("host", ["::1", "::"])
def test_it_listens_on_addresses_of_the_newer_protocol_too(serve_and_ask: ServeAndAsk, host: str) -> None:
    def ask(url: str) -> None:
        assert httpx.get(f"{url}/health/live").status_code == 200

    serve_and_ask(ask, "--host", host)


@pytest.mark.usefixtures("_process_as_it_was")
def test_a_model_that_cannot_be_served_stops_the_start_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["serve", "--port", "0", "--model", str(tmp_path / "none.keras")])
    assert re.fullmatch(r"catdog-api: The manifest \S+ is missing\.", str(stop.value.code))
