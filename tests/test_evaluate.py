"""`training.evaluate`, the command: what cannot be read or written it says in one line."""

from pathlib import Path

import pytest
from PIL import Image

from tests.artifacts import colour_model
from tests.commands import run
from tests.images import encode
from training import evaluate
from training.dataset import SPLITS

pytestmark = pytest.mark.training

COLOURS = {"cat": (180, 40, 40), "dog": (40, 180, 40), "neither": (40, 40, 180)}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Lay out a photograph of each label in each split, in the colour by which the model knows it."""
    for place, split in enumerate(SPLITS):
        for label, colour in COLOURS.items():
            folder = tmp_path / "photos" / split / label
            folder.mkdir(parents=True)
            (folder / "one.png").write_bytes(encode(Image.new("RGB", (40 + place, 30), colour), "PNG"))
    return tmp_path / "photos"


def test_a_plot_that_cannot_be_written_is_told_in_one_line(data: Path, tmp_path: Path) -> None:
    model = colour_model(tmp_path)
    plot = model.with_name("confusion.png")
    plot.mkdir()
    refused = run(evaluate, "--data", data, "--model", model)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == f"training: [Errno 21] Is a directory: '{plot}'\n"
