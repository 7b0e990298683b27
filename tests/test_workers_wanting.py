"""The supervisor of several workers as the command has it, and where the machine has nothing left to start one with."""

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from catdog_api import cli, workers
from catdog_api.errors import SettingsError
from catdog_api.settings import Settings
from catdog_api.workers import Supervisor
from tests.test_workers import BOUND, LABOURER, Run, run, said_of, send, wait_for  # noqa: F401  # a fixture

pytestmark = pytest.mark.usefixtures("_process_as_it_was")


def test_the_others_go_on_and_it_is_tried_again(
    run: Run,  # noqa: F811  # the fixture
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = tmp_path_factory.mktemp("program") / "worker"
    monkeypatch.setattr(workers, "LONGEST_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr("tests.test_workers.LABOURER", (str(program), LABOURER[1]))

    def install() -> None:
        program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        program.chmod(0o700)

    def ask(port: int) -> None:
        killed, kept = wait_for(port, 2)
        program.unlink()
        os.kill(killed, signal.SIGKILL)
        said_of(capsys, "a worker cannot be started", 2)
        assert wait_for(port, 1) == {kept}
        install()
        assert wait_for(port, 1, but={killed, kept})

    install()
    assert run("willing", ask) == 0


def test_where_not_even_the_first_can_be_had_that_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(SettingsError, match="No worker can be st"):
        Supervisor(Settings(workers=2), listener, str(tmp_path), (str(tmp_path / "nowhere"),)).run()


def test_a_worker_that_dies_before_it_has_heard_its_settings_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(_: Settings) -> str:
        time.sleep(0.3)
        return "{}"

    monkeypatch.setattr(Settings, "model_dump_json", too_late)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert Supervisor(Settings(workers=2), listener, str(tmp_path), ("true",)).run() == 1


@pytest.mark.parametrize(("character", "status"), [("willing", None), ("faulty", 1)])
def test_the_command_starts_as_many_as_it_is_told_and_ends_as_they_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], character: str, status: int | None
) -> None:
    monkeypatch.setattr(workers, "COMMAND", (*LABOURER, character))

    def end_it() -> None:
        deadline = time.monotonic() + BOUND
        while "answers at" not in capsys.readouterr().out and time.monotonic() < deadline and not over.wait(0.02):
            pass
        if not over.is_set():
            send(signal.SIGTERM)

    over = threading.Event()
    thread = threading.Thread(target=end_it)
    thread.start()
    try:
        cli.main(["serve", "--port", "0", "--workers", "2"])
        ended_with = None
    except SystemExit as end:
        ended_with = end.code
    over.set()
    thread.join()
    assert ended_with == status
