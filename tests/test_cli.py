"""The command line: its flags, its help, its completion, and what it refuses."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

from catdog_api import cli
from catdog_api.finding import Source
from catdog_api.settings import Settings
from tests.fakes import ColourClassifier
from tests.images import RED, encode


@pytest.fixture(autouse=True)
def _small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catdog_api.errand.load_model", lambda _: ColourClassifier())


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.jpg"
    path.write_bytes(encode(Image.new("RGB", (40, 30), RED), "JPEG"))
    return path


def test_each_file_is_answered_as_the_api_answers(red: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["predict", "--json", str(red)])
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["path", "label", "probabilities", "image", "model"]
    assert (answer["path"], answer["label"]) == (str(red), "cat")
    assert answer["image"] == {"width": 40, "height": 30, "format": "JPEG"}


def test_paths_may_stand_before_and_behind_options(red: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = red.with_name("other.jpg")
    other.write_bytes(red.read_bytes())
    cli.main(["predict", str(red), "--json", str(other)])
    assert [json.loads(line)["path"] for line in capsys.readouterr().out.splitlines()] == [str(red), str(other)]


def test_standard_input_may_stand_behind_an_option(
    red: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with red.open("rb") as photograph:
        monkeypatch.setattr(Source, "open", lambda _: photograph)
        cli.main(["predict", "--json", "-"])
    assert json.loads(capsys.readouterr().out)["path"] == "-"


def test_the_limit_on_pixels_holds_here_too(red: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["predict", "--json", "--max-pixels", "100", str(red)])
    assert json.loads(capsys.readouterr().out)["problem"]["status"] == 413


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param([], "needs a PATH, or --follow DIR", id="nothing"),
        pytest.param(["a.jpg", "--follow", "."], "PATHs or --follow DIR, not both", id="both"),
        pytest.param(["--follow", "no-such-folder"], "--follow: no-such-folder is no folder", id="no-folder"),
        pytest.param(["--follow", "x" * 300], "is no folder", id="no-folders-name"),
        pytest.param(["a.jpg", "--lnk", "b.jpg"], "unrecognized arguments: --lnk b.jpg", id="no-option"),
        pytest.param(["a.jpg", "--link"], "--link needs --sort-into DIR", id="link-alone"),
        pytest.param(["-", "--sort-into", "x"], "standard input is none", id="sorted-stdin"),
        pytest.param(["a.jpg", "--json", "--csv"], "not allowed with", id="two-styles"),
        pytest.param(["photos", "--engine", "ray"], "needs --out", id="without-an-output"),
        pytest.param(["photos", "--engine", "ray", "--out", "a.csv"], "needs --out", id="another-output"),
        pytest.param(["-", "--engine", "ray", "--out", "a.parquet"], "standard input", id="standard-input"),
        pytest.param(["photos", "--engine", "ray", "--out", "a.parquet", "--json"], "--json", id="a-style"),
        pytest.param(["--follow", ".", "--engine", "ray", "--out", "a.parquet"], "--follow", id="a-followed-folder"),
        pytest.param(["photos", "--engine", "ray", "--out", "a.parquet/", "--sort-into", "b"], "--sort", id="sorting"),
        pytest.param(["photos", "--out", "a.parquet"], "is what --engine ray writes", id="Parquet-without-Ray"),
        pytest.param(["s3://photographs"], "addresses are for --engine ray", id="an-address-without-Ray"),
        pytest.param(["photos", "--engine", "spark"], "invalid choice", id="another-engine"),
    ],
)
def test_what_contradicts_itself_is_refused_with_the_usage(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["predict", *arguments])
    assert stop.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_gets_its_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--print-completion", shell])
    assert stop.value.code == 0
    assert "--sort-into" in capsys.readouterr().out


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

    monkeypatch.setattr("catdog_api.errand.load_model", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.main(["predict", str(red)])
    assert stop.value.code == 130
