"""The command line without a server: answers and problems for files, one JSON object a line."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

from catdog_api import cli
from catdog_api.settings import Settings
from tests.fakes import ColourClassifier
from tests.images import BLUE, RED, encode


@pytest.fixture(autouse=True)
def _small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catdog_api.classifier.load", lambda _: ColourClassifier())


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.jpg"
    path.write_bytes(encode(Image.new("RGB", (40, 30), RED), "JPEG"))
    return path


def test_each_file_is_answered_as_the_api_answers(red: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blue = red.with_name("blue.png")
    blue.write_bytes(encode(Image.new("RGB", (20, 50), BLUE), "PNG"))
    cli.main(["predict", str(red), str(blue)])
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["path"], first["label"]) == (str(red), "cat")
    assert first["image"] == {"width": 40, "height": 30, "format": "JPEG"}
    assert (second["path"], second["label"]) == (str(blue), "neither")


def test_bad_files_are_reported_the_others_answered_and_the_status_is_1(
    red: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = red.with_name("text.jpg")
    text.write_text("not an image")
    with pytest.raises(SystemExit) as stop:
        cli.main(["predict", str(text), str(red.with_name("gone.jpg")), str(red)])
    not_image, gone, answered = map(json.loads, capsys.readouterr().out.splitlines())
    assert stop.value.code == 1
    assert not_image["problem"]["type"] == "/problems/not-an-image"
    assert gone["problem"]["detail"] == "No such file or directory"
    assert answered["label"] == "cat"


def test_the_limit_on_pixels_holds_here_too(red: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["predict", "--max-pixels", "100", str(red)])
    assert json.loads(capsys.readouterr().out)["problem"]["status"] == 413


def test_a_wrong_setting_is_one_line_and_status_1(red: Path) -> None:
    with pytest.raises(SystemExit, match=r"^catdog-api: CATDOG_MAX_PIXELS: [^\n]+$"):
        cli.main(["predict", "--max-pixels", "many", str(red)])


def test_the_help_names_every_setting_and_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])
    help_text = " ".join(capsys.readouterr().out.split())
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in help_text
        assert f"(CATDOG_{name.upper()})" in help_text


def test_the_package_runs_as_a_module_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["catdog_api", "--help"])
    with pytest.raises(SystemExit):
        runpy.run_module("catdog_api", run_name="__main__")
    assert "usage: catdog-api" in capsys.readouterr().out


def test_interrupting_it_while_the_model_loads_is_no_traceback(red: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Path) -> ColourClassifier:
        raise KeyboardInterrupt

    monkeypatch.setattr("catdog_api.classifier.load", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.main(["predict", str(red)])
    assert stop.value.code == 130
