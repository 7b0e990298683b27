"""One worker, in this process: what it is given, what it says, and when it ends."""

import os
import re
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from catdog_api import worker
from catdog_api.settings import Settings
from tests.fakes import GatedClassifier
from tests.serving import JPEG, PREDICT

BOUND = 8
"""Seconds that a test waits for the service to act: much more than it takes, for a machine with other things to do."""


@pytest.fixture
def supervisor() -> Iterator[tuple[int, int]]:
    """Return the pipe that a supervisor holds: the worker's end and its own."""
    theirs, own = os.pipe()
    yield theirs, own
    for descriptor in (theirs, own):
        try:
            os.close(descriptor)
        except OSError:  # the test has closed it, which is what it is about
            continue


@pytest.mark.usefixtures("_process_as_it_was", "classifier")
def test_it_serves_on_the_listener_says_so_and_ends_when_its_supervisor_is_gone(supervisor: tuple[int, int]) -> None:
    theirs, own = supervisor
    os.write(own, Settings(cors_origins=("https://shelter.example",)).model_dump_json().encode() + b"\n")
    said, pipe = os.pipe()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    answered: list[httpx.Response] = []

    def ask() -> None:
        assert os.read(said, 64).startswith(b"float32\n")
        origin = {"Origin": "https://shelter.example"}
        answered.append(httpx.post(f"{url}/predict", files={"file": JPEG}, headers=origin))
        os.close(said)  # the worker speaks on, and to nobody
        os.close(own)

    thread = threading.Thread(target=ask)
    thread.start()
    worker.main(listener.detach(), pipe, theirs)
    thread.join()
    os.close(pipe)
    assert answered[0].json()["label"] == "cat"
    assert answered[0].headers["access-control-allow-origin"] == "https://shelter.example"


@pytest.mark.usefixtures("_process_as_it_was")
def test_it_does_not_say_that_it_is_well_while_the_model_is_stuck(
    supervisor: tuple[int, int], classifier: GatedClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.batching.STUCK_SECONDS", 0.1)
    monkeypatch.setattr("catdog_api.server.TICKS_A_SECOND", 2)  # uvicorn makes ten: so it speaks each 0.2 s
    theirs, own = supervisor
    os.write(own, Settings(model_threads=1, grace_seconds=BOUND).model_dump_json().encode() + b"\n")
    said, pipe = os.pipe()
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bool] = []

    def hears(seconds: float) -> bool:
        return bool(select.select([said], [], [], seconds)[0] and os.read(said, 1024))

    def ask() -> None:
        heard.append(hears(BOUND))
        classifier.gate.clear()
        with socket.create_connection(listener.getsockname()) as connection:
            connection.sendall(PREDICT)
            classifier.entered.wait(BOUND)
            time.sleep(0.5)
            hears(0)  # what it said before
            heard.append(hears(0.7))
            classifier.gate.set()
            heard.append(hears(BOUND))
        os.close(own)

    thread = threading.Thread(target=ask)
    thread.start()
    worker.main(listener.fileno(), pipe, theirs)
    thread.join()
    listener.detach()
    os.close(said)
    os.close(pipe)
    assert heard == [True, False, True]


@pytest.mark.usefixtures("_process_as_it_was")
def test_what_stops_its_start_it_says_in_one_line(supervisor: tuple[int, int], tmp_path: Path) -> None:
    theirs, own = supervisor
    os.write(own, Settings(model=tmp_path / "none.keras").model_dump_json().encode() + b"\n")
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Path(os.devnull).open("wb") as nowhere,
        pytest.raises(SystemExit) as stop,
    ):
        worker.main(listener.detach(), nowhere.fileno(), theirs)
    assert re.fullmatch(r"catdog-api: The manifest \S+ is missing\.", str(stop.value.code))
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    os.close(own)
    assert ended.wait(BOUND)  # its thread lives on in this process, and must have sent its signal before the next test
