"""One worker, in this process: what it is given, what it says, and when it ends."""

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from catdog_api import worker
from catdog_api.settings import Settings
from tests.serving import JPEG


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
        assert os.read(said, 1) == b"."
        origin = {"Origin": "https://shelter.example"}
        answered.append(httpx.post(f"{url}/predict", files={"file": JPEG}, headers=origin))
        os.close(own)

    thread = threading.Thread(target=ask)
    thread.start()
    worker.main(listener.detach(), pipe, theirs)
    thread.join()
    os.close(said)
    os.close(pipe)
    assert answered[0].json()["label"] == "cat"
    assert answered[0].headers["access-control-allow-origin"] == "https://shelter.example"


@pytest.mark.usefixtures("_process_as_it_was")
def test_what_stops_its_start_it_says_in_one_line(supervisor: tuple[int, int], tmp_path: Path) -> None:
    theirs, own = supervisor
    os.write(own, Settings(model=tmp_path / "none.keras").model_dump_json().encode() + b"\n")
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(SystemExit) as stop:
        worker.main(listener.detach(), 0, theirs)
    assert re.fullmatch(r"catdog-api: The manifest \S+ is missing\.", str(stop.value.code))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which its thread sends when the fixture closes the pipe
