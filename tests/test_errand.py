"""`catdog-api predict` from files to answers: without a server, in order, resumable, following, sorting."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from catdog_api import cli
from tests.fakes import ColourClassifier, FailingClassifier
from tests.images import BLUE, RED, encode

ROOT = Path(__file__).resolve().parents[1]
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> ColourClassifier:
    """Answer by colour: red is a cat, blue is neither."""
    classifier = ColourClassifier()
    monkeypatch.setattr("catdog_api.errand.load_model", lambda _: classifier)
    return classifier


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay out a folder of photographs, with things among them that are none."""
    folder = tmp_path / "shelf"
    (folder / "deep").mkdir(parents=True)
    red, blue = (encode(Image.new("RGB", (40, 30), colour), "JPEG") for colour in (RED, BLUE))
    for name, content in {
        "a.jpg": red,
        "deep/b.jpg": blue,
        "deep/bad.jpg": red[:200],
        "notes.txt": b"buy milk",
    }.items():
        (folder / name).write_bytes(content)
    (folder / "paper.pdf").write_bytes(b"%PDF-1.7")
    monkeypatch.chdir(tmp_path)
    return folder


def status(*arguments: str | Path) -> int:
    """Run the command and return the exit status."""
    try:
        cli.main(["predict", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def answers(output: str) -> dict[str, str]:
    """Return the label of each path, or the title of its problem, from JSON lines."""
    lines = map(json.loads, output.splitlines())
    return {answer["path"]: answer.get("label") or answer["problem"]["title"] for answer in lines}


def test_a_folder_is_answered_in_order_and_what_is_no_image_is_passed_over(shelf: Path, capsys: Output) -> None:
    assert status("shelf", "--json") == 1
    out, err = capsys.readouterr()
    assert answers(out) == {"shelf/a.jpg": "cat", "shelf/deep/b.jpg": "neither", "shelf/deep/bad.jpg": "Damaged image"}
    assert "1 cat, 0 dog, 1 neither; 1 without an answer; 2 passed over, which are no images" in err
    (shelf / "deep" / "bad.jpg").unlink()
    assert status("shelf", "--json") == 0


def test_what_is_no_image_is_a_problem_where_a_person_named_it(shelf: Path, capsys: Output) -> None:
    assert status(shelf / "notes.txt", shelf / "paper.pdf", "gone.jpg", "--json") == 1
    assert list(answers(capsys.readouterr().out).values()) == [
        "Not an image", "Unsupported image format", "Unreadable file",
    ]  # fmt: skip


def test_a_person_gets_a_table_and_for_one_file_no_more_than_its_line(shelf: Path, capsys: Output) -> None:
    assert status(shelf / "a.jpg") == 0
    out, err = capsys.readouterr()
    assert out.startswith("cat       ")
    assert out.endswith(f"%  {shelf}/a.jpg\n")
    assert err == ""


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


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("name", ["answers.csv", "answers.jsonl"])
def test_a_stopped_run_goes_on_where_it_stopped(name: str, capsys: Output, model: ColourClassifier) -> None:
    assert status("shelf", "--out", name) == 1
    whole = Path(name).read_text()
    assert capsys.readouterr().out == ""
    Path(name).write_text(whole[: whole.index("b.jpg") + 3])  # killed in the middle of its second answer
    model.batches.clear()
    assert status("shelf", "--out", name) == 1
    assert Path(name).read_text() == whole
    assert model.batches == [1]
    assert "1 answered before" in capsys.readouterr().err
    assert status("shelf", "--out", name) == 1  # nothing is left to do, and still one file had no answer
    assert Path(name).read_text() == whole


def test_an_output_that_is_something_else_is_refused_in_one_line(shelf: Path) -> None:
    letter = shelf / "letter.csv"
    letter.write_text("dear cat\n")
    with pytest.raises(
        SystemExit, match=r"^catdog-api: The answers cannot be kept: .*letter.csv holds something other"
    ):
        cli.main(["predict", "shelf", "--out", str(letter)])
    assert letter.read_text() == "dear cat\n"


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("place", ["no/such/folder/answers.csv", "shelf"])
def test_an_output_that_cannot_be_written_is_refused_in_one_line(place: str) -> None:
    with pytest.raises(SystemExit, match=r"^catdog-api: The answers cannot be kept: [^\n]+$"):
        cli.main(["predict", "shelf", "--out", place])


@pytest.mark.parametrize("link", [False, True])
def test_answered_files_are_sorted_by_their_answer_and_found_no_second_time(
    shelf: Path, capsys: Output, *, link: bool
) -> None:
    for _ in range(2):
        assert status("shelf", "--sort-into", "shelf/sorted", *["--link"] * link) == 1
    folder = shelf / "sorted"
    sorted_files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))
    assert sorted_files == ["cat/a.jpg", "neither/b.jpg"]
    assert (folder / "cat" / "a.jpg").is_symlink() == link
    assert capsys.readouterr().err.count("1 cat, 0 dog, 1 neither") == 2


def test_a_file_that_left_before_it_was_sorted_has_no_answer(
    shelf: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch, model: ColourClassifier
) -> None:
    file, predict = shelf / "a.jpg", model.predict

    def predict_and_remove(images):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        file.unlink(missing_ok=True)
        return predict(images)

    monkeypatch.setattr(model, "predict", predict_and_remove)
    assert status(file, "--sort-into", "sorted", "--json") == 1
    assert "has left before" in capsys.readouterr().out


def test_a_folder_that_cannot_be_sorted_into_ends_the_errand_in_one_line(shelf: Path) -> None:
    (shelf.parent / "sorted").write_text("a file")
    with pytest.raises(SystemExit, match=r"^catdog-api: The answers cannot be kept: [^\n]+$"):
        cli.main(["predict", "shelf", "--sort-into", "sorted"])


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_a_followed_folder_is_answered_as_photographs_arrive_until_a_signal(
    shelf: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catdog_api.errand.LOOK_SECONDS", 0.02)
    out, late = shelf.parent / "answers.jsonl", shelf / "late.jpg"

    def intake() -> None:
        wait_until(lambda: out.exists() and out.read_text().count("\n") == 3)
        late.write_bytes((shelf / "a.jpg").read_bytes())
        wait_until(lambda: "late.jpg" in out.read_text())
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    person = threading.Thread(target=intake)
    person.start()
    assert status("--follow", "shelf", "--out", out) == 1
    person.join()
    assert list(answers(out.read_text())) == [
        "shelf/a.jpg", "shelf/deep/b.jpg", "shelf/deep/bad.jpg", "shelf/late.jpg",
    ]  # fmt: skip
    assert "2 cat, 0 dog, 1 neither" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_reader_may_leave(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert status(shelf, "--json") == 1
        stream.write("this goes nowhere, and nobody complains")


def test_standard_input_is_a_photograph_too(shelf: Path) -> None:
    script = (
        "import catdog_api.errand as errand; from tests.fakes import ColourClassifier; from catdog_api import cli;"
        "errand.load_model = lambda _: ColourClassifier(); cli.main()"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-c", script, "predict", "--json", "-", str(shelf / "a.jpg")]
    with (shelf / "deep" / "b.jpg").open("rb") as photograph:
        piped = subprocess.run(command, stdin=photograph, capture_output=True, env=environment, check=False)  # noqa: S603  # ours
    assert (piped.returncode, piped.stderr.count(b"\n")) == (0, 1)
    assert answers(piped.stdout.decode()) == {"-": "neither", str(shelf / "a.jpg"): "cat"}
