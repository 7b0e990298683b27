"""`catdog_api.reporting`: answers as a table, as JSON lines, as CSV, and what is left of them after a kill."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from catdog_api.errors import SettingsError
from catdog_api.reporting import Earlier, Style, header, line

LABELS = ("cat", "dog", "neither")
ANSWER: dict[str, Any] = {
    "label": "dog",
    "probabilities": {"cat": 0.25, "dog": 0.7, "neither": 0.05},
    "image": {"width": 500, "height": 375, "format": "JPEG"},
    "model": {"name": "catdog", "version": "1.0.0"},
}
PROBLEM: dict[str, Any] = {"problem": {"title": "Damaged image", "detail": "The PNG image ends early or is damaged."}}


def test_a_table_has_a_line_for_each_file_and_its_columns_stand_below_each_other() -> None:
    assert line("table", LABELS, "rex.jpg", ANSWER) == "dog       70.00%  rex.jpg\n"
    damaged = line("table", LABELS, "bad.png", PROBLEM)
    assert damaged == "-                 bad.png: The PNG image ends early or is damaged.\n"
    assert header("table", LABELS) == ""


def test_a_name_cannot_command_the_terminal() -> None:
    assert line("table", LABELS, "\x1b[2Jrex\n.jpg", ANSWER).endswith(r"  \x1b[2Jrex\n.jpg" + "\n")


def test_a_json_line_is_the_answer_with_its_path() -> None:
    assert json.loads(line("json", LABELS, "rex.jpg", ANSWER)) == {"path": "rex.jpg", **ANSWER}
    assert json.loads(line("json", LABELS, "bad.png", PROBLEM)) == {"path": "bad.png", **PROBLEM}


def test_csv_has_a_column_for_every_label_and_one_for_the_problem() -> None:
    text = header("csv", LABELS) + line("csv", LABELS, 'a,"b".jpg', ANSWER) + line("csv", LABELS, "bad.png", PROBLEM)
    answered, failed = csv.DictReader(io.StringIO(text))
    assert answered == {
        "path": 'a,"b".jpg', "label": "dog", "cat": "0.250000", "dog": "0.700000", "neither": "0.050000",
        "width": "500", "height": "375", "format": "JPEG", "problem": "",
    }  # fmt: skip
    assert failed["label"] == failed["dog"] == failed["width"] == ""
    assert failed["problem"] == "Damaged image: The PNG image ends early or is damaged."


def test_a_name_cannot_be_a_formula_in_a_spreadsheet() -> None:
    for name in ("=1+1.jpg", "+1.jpg", "-1.jpg", "@a.jpg", "\ta.jpg", "\ra.jpg", "'=1.jpg"):
        (row,) = csv.reader(io.StringIO(line("csv", LABELS, name, ANSWER), newline=""))
        assert row[0] == f"'{name}"
    assert line("csv", LABELS, "a=-1.jpg", ANSWER).startswith("a=-1.jpg,dog")


def test_the_last_that_was_said_of_a_file_counts(tmp_path: Path) -> None:
    (tmp_path / "out").write_text(line("json", LABELS, "a.jpg", PROBLEM) + line("json", LABELS, "a.jpg", ANSWER))
    earlier = Earlier(tmp_path / "out", "json", LABELS)
    assert (earlier.count, earlier.failed) == (1, set())


def test_of_a_pipe_there_is_nothing_to_read_again(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out")
    assert Earlier(tmp_path / "out", "json", LABELS).is_fresh


@pytest.mark.parametrize("style", ["table", "json", "csv"])
def test_a_name_that_is_no_utf_8_can_be_written_everywhere(style: Style) -> None:
    assert r"rex\udcff.jpg" in line(style, LABELS, "rex\udcff.jpg", ANSWER).replace("\\\\", "\\")
    line(style, LABELS, "rex\udcff.jpg", ANSWER).encode()


def _output(style: Style, names: list[str]) -> str:
    lines = [line(style, LABELS, name, PROBLEM if name.startswith("bad") else ANSWER) for name in names]
    return header(style, LABELS) + "".join(lines)


@pytest.mark.parametrize("style", ["json", "csv"])
def test_what_a_killed_run_has_left_is_known_and_its_half_line_is_cut_off(style: Style, tmp_path: Path) -> None:
    file = tmp_path / "out"
    names = ["a\u2028b.jpg", "bad.png", "rex\udcff.jpg", "a\nb.jpg", 'a"\r.jpg', "=a.jpg", "'=a.jpg"]
    whole = _output(style, names)
    late = line(style, LABELS, "la\n\nte.jpg", ANSWER).encode()
    for kept in range(len(late)):  # the run may be killed at every byte
        file.write_bytes(whole.encode() + late[:kept])
        earlier = Earlier(file, style, LABELS)
        assert (earlier.count, earlier.failed, earlier.is_fresh) == (7, {"bad.png"}, False)
        assert [earlier.take(name) for name in [*names, "la\n\nte.jpg"]] == [True] * 7 + [False]
        assert file.read_bytes() == whole.encode()


def test_a_file_is_passed_over_once_because_it_may_be_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text(_output("json", ["a.jpg"]))
    earlier = Earlier(file, "json", LABELS)
    assert [earlier.take("a.jpg"), earlier.take("a.jpg")] == [True, False]


@pytest.mark.parametrize("content", [None, b"", b'{"path": "half'])
def test_where_no_whole_answer_was_the_output_is_fresh(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "out"
    if content is not None:
        file.write_bytes(content)
    assert Earlier(file, "json", LABELS).is_fresh
    assert not file.exists() or file.read_bytes() == b""
    assert Earlier(None, "json", LABELS).is_fresh


@pytest.mark.parametrize("style", ["json", "csv"])
@pytest.mark.parametrize(
    "content", [b"a letter\nto my cat", b"\xff\xd8\xff\xe0\n", b'["path"]\n', b"path\n1\n", b"problem,path\n1\n"]
)
def test_a_file_that_holds_something_else_is_refused_and_not_harmed(
    content: bytes, style: Style, tmp_path: Path
) -> None:
    file = tmp_path / "letter"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"letter holds something other than {style} answers"):
        Earlier(file, style, LABELS)
    assert file.read_bytes() == content


@pytest.mark.parametrize("style", ["json", "csv"])
def test_answers_of_other_labels_are_not_gone_on_with(style: Style, tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text(_output(style, ["a.jpg", "bad.png"]))
    with pytest.raises(SettingsError, match="of these labels"):
        Earlier(file, style, ("husky", "wolf"))
