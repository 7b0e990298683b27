"""`catdog-api predict --follow`: each photograph as it arrives, until a signal; the folder may leave and come back."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.errands import Output, answers, status, wait_until
from tests.fakes import ColourClassifier

pytestmark = pytest.mark.usefixtures("model")


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catdog_api.errand.LOOK_SECONDS", 0.02)


def follow(folder: str, out: Path, person: Callable[[], None]) -> int:
    """Follow a folder while a person does something, then end it; return the status."""
    before = signal.getsignal(signal.SIGTERM)

    def act() -> None:
        try:
            person()
        finally:
            if signal.getsignal(signal.SIGTERM) != before:
                os.kill(os.getpid(), signal.SIGTERM)

    acting = threading.Thread(target=act)
    acting.start()
    try:
        return status("--follow", folder, "--out", out)
    finally:
        acting.join()


def test_a_followed_folder_is_answered_as_photographs_arrive_until_a_signal(shelf: Path, capsys: Output) -> None:
    out, late = shelf.parent / "answers.jsonl", shelf / "late.jpg"

    def intake() -> None:
        wait_until(lambda: out.exists() and out.read_text().count("\n") == 3)
        late.write_bytes((shelf / "a.jpg").read_bytes())
        wait_until(lambda: "late.jpg" in out.read_text())

    before = signal.getsignal(signal.SIGTERM)
    assert follow("shelf", out, intake) == 1
    assert list(answers(out.read_text())) == [
        "shelf/a.jpg", "shelf/deep/b.jpg", "shelf/deep/bad.jpg", "shelf/late.jpg",
    ]  # fmt: skip
    assert "2 cat, 0 dog, 1 neither" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_folder_that_is_away_is_reported_and_nothing_in_it_is_answered_again(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, said = shelf.parent / "answers.jsonl", io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)

    def move() -> None:
        wait_until(lambda: out.exists() and out.read_text().count("\n") == 3)
        shelf.rename("away")
        wait_until(lambda: "shelf cannot be looked into: No such file or directory" in said.getvalue())
        Path("away").rename(shelf)
        wait_until(lambda: "shelf is there again" in said.getvalue())
        time.sleep(0.2)

    assert follow("shelf", out, move) == 1
    assert out.read_text().count("\n") == 3
    assert said.getvalue().count("catdog-api:") == 2


def test_a_file_that_stalled_and_was_answered_once_it_was_whole_is_no_failure(shelf: Path, capsys: Output) -> None:
    out, slow, whole = shelf.parent / "answers.csv", shelf / "deep" / "bad.jpg", (shelf / "a.jpg").read_bytes()

    def finish() -> None:
        wait_until(lambda: out.exists() and "Damaged image" in out.read_text())
        slow.write_bytes(whole)
        wait_until(lambda: "bad.jpg,cat" in out.read_text())

    assert follow("shelf", out, finish) == 0
    assert "2 cat, 0 dog, 1 neither" in (err := capsys.readouterr().err)
    assert "without an answer" not in err
    assert status("shelf", "--out", out) == 0
    assert "3 answered before" in capsys.readouterr().err


def test_what_an_earlier_run_met_half_written_is_answered_by_the_next(shelf: Path) -> None:
    out, slow = shelf.parent / "answers.csv", shelf / "deep" / "bad.jpg"
    assert status("shelf", "--out", out) == 1
    slow.write_bytes((shelf / "a.jpg").read_bytes())
    assert follow("shelf", out, lambda: wait_until(lambda: "bad.jpg,cat" in out.read_text())) == 0
    assert out.read_text().count("\n") == 1 + 3 + 1


def test_a_signal_lets_what_is_in_work_be_finished_and_nothing_more_be_begun(
    shelf: Path, model: ColourClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, predict = shelf.parent / "answers.csv", model.predict
    for number in range(200):
        os.link(shelf / "a.jpg", shelf / f"{number}.jpg")

    def predict_and_end(images):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        os.kill(os.getpid(), signal.SIGTERM)
        return predict(images)

    monkeypatch.setattr(model, "predict", predict_and_end)
    assert status("--follow", "shelf", "--out", out) == 0
    assert 1 < out.read_text().count("\n") < 100
