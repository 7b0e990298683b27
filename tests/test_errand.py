"""`catdog-api predict` as an errand: its summary, resumed, following, sorting; interrupted, and left by its reader."""

import os
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from catdog_api import cli
from tests.errands import Output, answers, status
from tests.fakes import ColourClassifier

pytestmark = pytest.mark.usefixtures("model")


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


def test_where_there_is_more_to_say_than_one_answer_the_summary_says_it(shelf: Path, capsys: Output) -> None:
    (shelf / "a.jpg").rename("alone.jpg")
    (shelf / "deep" / "b.jpg").unlink()
    assert status("shelf") == 1
    assert "0 answered" in (err := capsys.readouterr().err)
    assert "2 passed over" in err
    (shelf / "deep" / "bad.jpg").unlink()
    assert status("shelf") == 0
    assert "2 passed over" in capsys.readouterr().err
    assert [status("alone.jpg", "--out", "out.csv") for _ in range(2)] == [0, 0]
    assert "1 answered before" in capsys.readouterr().err


def test_names_are_written_whatever_letters_the_terminal_has(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shelf / "a.jpg").rename("\u017ber.jpg")
    for style, written in (("--json", "\u017ber.jpg".encode()), ("", rb"\u017ber.jpg")):
        content = BytesIO()
        monkeypatch.setattr(sys, "stdout", TextIOWrapper(content, encoding="ascii"))
        assert status("\u017ber.jpg", *style.split()) == 0
        assert written in content.getvalue()


def test_answers_that_lie_among_the_photographs_are_none(shelf: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = shelf / "0.jsonl"
    assert status("shelf", "--out", out) == 1
    assert list(answers(out.read_text())) == ["shelf/a.jpg", "shelf/deep/b.jpg", "shelf/deep/bad.jpg"]
    assert "2 passed over" in capfd.readouterr().err


def test_a_person_gets_a_table_and_for_one_file_no_more_than_its_line(shelf: Path, capsys: Output) -> None:
    assert status(shelf / "a.jpg") == 0
    out, err = capsys.readouterr()
    assert out.startswith("cat       ")
    assert out.endswith(f"%  {shelf}/a.jpg\n")
    assert err == ""


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
    with pytest.raises(SystemExit, match=r"^catdog-api: Nothing can be sorted into sorted/cat: Not a directory\.$"):
        cli.main(["predict", "shelf", "--sort-into", "sorted"])


def test_a_reader_may_leave(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert status(shelf, "--json") == 1
        stream.write("this goes nowhere, and nobody complains")
