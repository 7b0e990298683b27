"""`catdog_api.offline`: each file has its answer or its problem, in order and within bounds, and fails no other."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from catdog_api import cli
from tests.errands import Output, answers, status, wait_until
from tests.fakes import ColourClassifier, FailingClassifier
from tests.images import BLUE, RED, encode

pytestmark = pytest.mark.usefixtures("model")


@contextmanager
def standard_input(descriptor: int) -> Iterator[None]:
    """Let something else be this process's standard input for the time of the block."""
    before = os.dup(0)
    os.dup2(descriptor, 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


def test_a_pattern_names_nobody(shelf: Path, capsys: Output) -> None:
    (shelf / "deep" / "bad.jpg").unlink()
    assert status("shelf/*", "--json") == 0
    assert answers(capsys.readouterr().out) == {"shelf/a.jpg": "cat", "shelf/deep/b.jpg": "neither"}


def test_an_empty_file_is_a_problem_and_fails_no_other(shelf: Path, capsys: Output) -> None:
    (shelf / "0.jpg").touch()
    assert status("shelf", "--json") == 1
    found = answers(capsys.readouterr().out)
    assert (found["shelf/0.jpg"], found["shelf/a.jpg"]) == ("Empty file", "cat")


def test_of_a_video_only_the_beginning_is_read(shelf: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catdog_api.offline.MAX_BYTES", 10_000)
    for name, beginning in {"film.mov": b"\0\0\0\x14ftypqt  ", "deep/huge.jpg": b"\xff\xd8\xff"}.items():
        (shelf / name).write_bytes(beginning)
        os.truncate(shelf / name, 10**12)
    assert status("shelf", "--json") == 1
    out, err = capsys.readouterr()
    assert answers(out)["shelf/deep/huge.jpg"] == "Too many bytes"
    assert "larger than 10,000 bytes" in out
    assert "3 passed over" in err
    assert status(shelf / "film.mov", "--json") == 1
    assert "begins like no image" in capsys.readouterr().out


def test_a_file_is_read_in_pieces(tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catdog_api.offline.PIECE_BYTES", 1_000)
    speckled = Image.effect_noise((100, 100), 50)
    (tmp_path / "speckled.png").write_bytes(encode(speckled, "PNG"))
    assert status(tmp_path, "--json") == 0
    assert '"width": 100' in capsys.readouterr().out


def test_what_is_in_work_at_once_is_bounded_in_bytes(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, model: ColourClassifier
) -> None:
    monkeypatch.setattr("catdog_api.offline.AHEAD_BYTES", 1)
    for number in range(10):
        (shelf / f"{number}.jpg").write_bytes((shelf / "a.jpg").read_bytes())
    assert status("shelf", "--csv") == 1
    assert model.batches == [1] * 12


def test_many_files_are_batched_and_keep_their_order(tmp_path: Path, capsys: Output, model: ColourClassifier) -> None:
    for number in range(100):
        colour = RED if number % 3 else BLUE
        (tmp_path / f"{number:03}.png").write_bytes(encode(Image.new("RGB", (9, 9), colour), "PNG"))
    assert status(tmp_path, "--json") == 0
    found = answers(capsys.readouterr().out)
    assert list(found) == [str(tmp_path / f"{number:03}.png") for number in range(100)]
    assert list(found.values()) == ["cat" if number % 3 else "neither" for number in range(100)]
    assert max(model.batches) > 1


def test_a_batch_on_which_the_model_fails_fails_only_its_own(
    shelf: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.errand.load_model", lambda _: FailingClassifier(failing=[0]))
    assert status(shelf / "a.jpg", "--json") == 1
    assert answers(capsys.readouterr().out) == {str(shelf / "a.jpg"): "The model failed"}


def test_waiting_for_standard_input_can_be_interrupted(model: ColourClassifier) -> None:
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background commands ignore it
    reading, writing = os.pipe()
    ended, seen = threading.Event(), []

    def person() -> None:
        wait_until(lambda: "warm" in seen)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        seen.append("ended" if ended.wait(5) else "hung")
        os.close(writing)

    model.warm_up = lambda: seen.append("warm")  # type: ignore[method-assign]
    waiting = threading.Thread(target=person)
    waiting.start()
    try:
        with standard_input(reading):
            assert status("-") == cli.INTERRUPTED
    finally:
        ended.set()
        signal.signal(signal.SIGINT, handler)
        waiting.join()
        os.close(reading)
    assert seen == ["warm", "ended"]


def test_standard_input_is_a_photograph_too(shelf: Path, capfd: Output) -> None:
    with (shelf / "deep" / "b.jpg").open("rb") as photograph, standard_input(photograph.fileno()):
        assert status("--json", "-", shelf / "a.jpg") == 0
    out, err = capfd.readouterr()
    assert err.count("\n") == 1
    assert answers(out) == {"-": "neither", str(shelf / "a.jpg"): "cat"}
