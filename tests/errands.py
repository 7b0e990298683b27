"""What tests of `catdog-api predict` start from: a shelf of photographs, a small model, the command and its answers."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from catdog_api import cli
from tests.fakes import ColourClassifier
from tests.images import BLUE, RED, encode

Output = pytest.CaptureFixture[str]


@pytest.fixture
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


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that another thread does, or another process."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
