"""The supervisor of several workers, around small ones: who is replaced, how soon, and how all of it ends."""

import contextlib
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from catdog_api import workers
from catdog_api.listening import bind
from catdog_api.logs import configure
from catdog_api.settings import Settings
from catdog_api.workers import Supervisor
from tests.serving import wait_until_closed

pytestmark = pytest.mark.usefixtures("_process_as_it_was")

BOUND = 15
"""Seconds that a test waits for a process to act: much more than it takes, for a machine with other things to do."""

ANYWHERE = Settings(host="127.0.0.1", port=0)

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a supervisor on this thread, because only the main one is given signals, and ask it things on another."""

    def run(character: str, ask: Callable[[int], object], **settings: float) -> int:
        failures: list[BaseException] = []

        def ask_and_end(port: int) -> None:
            try:
                ask(port)
            except BaseException as failure:  # noqa: BLE001  # carried over to the test's own thread
                failures.append(failure)
            os.kill(os.getpid(), signal.SIGTERM)

        configure("info")
        given = Settings.model_validate({"workers": 2, **settings})
        with bind(ANYWHERE) as listener:
            thread = threading.Thread(target=ask_and_end, args=(listener.getsockname()[1],))
            supervisor = Supervisor(given, listener, str(tmp_path), (*LABOURER, character))
            thread.start()
            status = supervisor.run()
        thread.join()
        if failures:
            raise failures[0]
        return status

    return run


LABOURER = (sys.executable, str(Path(__file__).with_name("labourer.py")))


def pid_of_one(port: int) -> int:
    """Return the process id of whoever answers, or 0 where nobody listens yet, or it died first."""
    with (
        contextlib.suppress(ConnectionResetError, ConnectionRefusedError),
        socket.create_connection(("127.0.0.1", port), timeout=BOUND) as connection,
    ):
        return int(connection.recv(16) or 0)
    return 0


def wait_for(port: int, count: int, but: set[int] = frozenset()) -> set[int]:  # type: ignore[assignment]  # not changed
    """Return the process ids of as many workers, once they answer."""
    deadline = time.monotonic() + BOUND
    found: set[int] = set()
    while len(found - but) < count:
        assert time.monotonic() < deadline, found
        found.add(pid_of_one(port))
        if 0 in found:
            found.remove(0)
            time.sleep(0.01)  # the processor is needed by those that start
    return found - but


def said_of(capsys: pytest.CaptureFixture[str], words: str, times: int) -> str:
    """Return the log, once it has said something as many times."""
    deadline = time.monotonic() + 2 * BOUND
    said = ""
    while said.count(words) < times:
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
        said += capsys.readouterr().err
    return said


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def test_all_workers_answer_and_end_when_the_supervisor_is_told_to(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    found: set[int] = set()
    assert run("willing", lambda port: found.update(wait_for(port, 3)), workers=3) == 0
    assert len(found) == 3
    for pid in found:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert len(re.findall("answers at", capsys.readouterr().out)) == 1


def test_a_worker_that_is_killed_is_replaced_in_the_first_ones_precision_by_one_that_counts_on(
    run: Run, tmp_path: Path
) -> None:
    def told(kind: str) -> dict[int, str]:
        return {int(path.stem.rpartition("_")[2]): path.read_text() for path in tmp_path.glob(f"{kind}_*.db")}

    def ask(port: int) -> None:
        killed, kept = wait_for(port, 2)
        assert sorted(told("gauge").values()) == ["auto", "bfloat16"]
        os.kill(killed, signal.SIGKILL)
        (new,) = wait_for(port, 1, but={killed, kept})
        left = told("gauge")
        assert left.keys() == {kept, new}
        assert left[new] == "bfloat16"
        assert told("counter") == {kept: ".", new: ".."}

    assert run("willing", ask) == 0


def test_a_worker_that_says_no_more_that_it_is_well_is_replaced_and_the_other_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "SILENCE_SECONDS", 1)

    def ask(port: int) -> None:
        pair = wait_for(port, 2)
        replaced = wait_for(port, 2, but=pair)
        assert len(wait_for(port, 1, but=replaced) & pair) == 1

    assert run("shy", ask) == 0
    assert capsys.readouterr().err.count("a worker hangs and is killed") >= 2


def test_a_worker_that_does_not_get_ready_is_replaced(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "STARTING_SECONDS", 1)
    monkeypatch.setattr(workers, "SHORTEST_PAUSE_SECONDS", 0.1)
    assert run("dazed", lambda _: said_of(capsys, "a worker hangs and is killed", 2)) == 0


def test_after_starts_that_fail_the_pauses_grow(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "SHORTEST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(workers, "LONGEST_PAUSE_SECONDS", 0.2)
    said = ""

    def ask(port: int) -> None:
        nonlocal said
        said = said_of(capsys, "pause_seconds", 3)
        assert pid_of_one(port) > 0

    assert run("fickle", ask) == 0
    assert re.findall(r'"status": (\d+), "pause_seconds": ([\d.]+)', said)[:3] == [
        ("3", "0.1"),
        ("3", "0.2"),
        ("3", "0.2"),
    ]


def test_what_stops_the_first_worker_ends_it_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bind(ANYWHERE) as listener:
        assert Supervisor(Settings(workers=2), listener, str(tmp_path), (*LABOURER, "faulty")).run() == 1
    assert "answers at" not in capsys.readouterr().out


def test_the_listener_closes_with_the_last_worker(run: Run) -> None:
    def ask(port: int) -> None:
        wait_for(port, 2)
        send(signal.SIGTERM)
        wait_until_closed(f"http://127.0.0.1:{port}")

    assert run("willing", ask) == 0


def test_ctrl_c_is_passed_on(run: Run) -> None:
    def ask(port: int) -> None:
        wait_for(port, 2)
        send(signal.SIGINT)
        time.sleep(0.5)

    assert run("willing", ask) == 0


def test_a_second_signal_is_passed_on_too(run: Run) -> None:
    def ask(port: int) -> None:
        wait_for(port, 2)
        time.sleep(0.3)  # until the supervisor, too, has heard that they are ready
        send(signal.SIGINT)
        time.sleep(0.3)

    started = time.monotonic()
    assert run("patient", ask, grace_seconds=60) == 0
    assert time.monotonic() < started + BOUND


def test_a_worker_that_does_not_end_in_order_makes_the_status_1(run: Run) -> None:
    assert run("rude", lambda port: wait_for(port, 2)) == 1


def test_a_worker_that_does_not_end_at_all_is_killed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PATIENCE_SECONDS", 0.2)
    assert run("deaf", lambda port: wait_for(port, 2), grace_seconds=0.1) == 1


def test_a_worker_that_is_still_starting_may_be_ended_anyhow(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LONGEST_PAUSE_SECONDS", 0)
    assert run("fickle", lambda port: wait_for(port, 1)) == 0


def test_nobody_is_kept_waiting_before_the_first_is_ready(run: Run) -> None:
    def ask(port: int) -> None:
        time.sleep(0.5)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

    assert run("late", ask) == 0


def test_the_first_may_get_ready_when_all_is_to_end_already(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("late", lambda _: time.sleep(0.5)) == 0
    assert "answers at" not in capsys.readouterr().out
