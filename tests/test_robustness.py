"""`training.robustness`: the same photographs everywhere, each damage judged by what the service would answer."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catdog_api.artifact import read_manifest
from catdog_api.classifier import load
from tests.artifacts import colour_model
from tests.images import encode
from training.damages import DAMAGES
from training.dataset import SPLITS, DatasetError
from training.figures import share
from training.layout import SIDE
from training.robustness import choose, measure

pytestmark = pytest.mark.training

COLOURS = {"cat": (180, 40, 40), "dog": (40, 180, 40), "neither": (40, 40, 180)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model that answers by the mean colour."""
    return colour_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out photographs in the colour of their label: one for each split but four for test."""
    folder = tmp_path_factory.mktemp("data")
    for split in SPLITS:
        for label, colour in COLOURS.items():
            (folder / split / label).mkdir(parents=True)
            for number in range(4 if split == "test" else 1):
                image = Image.new("RGB", (40 + number, 30), colour)
                (folder / split / label / f"zoo-{label}-{number}.png").write_bytes(encode(image, "PNG"))
    return folder


def test_the_photographs_with_the_lowest_hash_of_their_name_are_chosen(data: Path) -> None:
    names = {path.name: path.parent.name for path in (data / "test").rglob("*.png")}
    lowest = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:5]
    chosen = choose(data, tuple(COLOURS), 5)
    assert [tuple(COLOURS)[target] for _, target in chosen] == [names[name] for name in lowest]
    for photograph, target in chosen:
        assert photograph.size == (SIDE, SIDE)
        assert photograph.getpixel((0, 0)) == COLOURS[tuple(COLOURS)[target]]
    assert len(choose(data, tuple(COLOURS), 1_000)) == 12


def test_what_cannot_be_decoded_is_passed_over(tmp_path: Path) -> None:
    for split in SPLITS:
        for label in COLOURS:
            (tmp_path / split / label).mkdir(parents=True)
            (tmp_path / split / label / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    with pytest.raises(DatasetError, match="/test holds no photograph that can be decoded"):
        choose(tmp_path, tuple(COLOURS))
    (tmp_path / "test/dog/whole.png").write_bytes(encode(Image.new("RGB", (9, 9)), "PNG"))
    assert [target for _, target in choose(tmp_path, tuple(COLOURS))] == [1]


def test_every_damage_has_the_share_of_its_own_answers(model: Path, data: Path) -> None:
    measured = measure(load(model), choose(data, tuple(COLOURS)))
    everything, a_third = share(np.ones(12, np.bool_)), share(np.arange(12) < 4)
    assert measured["undamaged"] == everything
    assert measured["model"]["sha256"] == read_manifest(model).sha256
    assert list(measured["damages"]) == [damage.name for damage in DAMAGES]
    for damage in DAMAGES:
        for severity, figure in zip(damage.severities, measured["damages"][damage.name], strict=True):
            # Only where all colour is gone does a model that goes by colour take every photograph for a cat.
            expected = a_third if (damage.name, severity) == ("colour kept", 0) else everything
            assert figure == {"severity": severity, **expected}, damage.name


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    command = [sys.executable, "-m", "training.robustness", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # ours


def test_the_command_leaves_figures_and_a_plot_beside_the_model(model: Path, data: Path) -> None:
    done = run("--data", data, "--model", model, "--count", 7)
    assert done.returncode == 0, done.stderr
    written = json.loads(model.with_name("robustness.json").read_text(encoding="utf-8"))
    assert written == json.loads(done.stdout)
    assert written["undamaged"]["n"] == 7
    assert written["photographs"] == "the first 7 of test by the SHA-256 of their file names"
    with Image.open(model.with_name("robustness.png")) as image:
        assert image.format == "PNG"


def test_other_labels_are_refused_in_one_line(data: Path, tmp_path: Path) -> None:
    model = colour_model(tmp_path, ("fox", "husky", "wolf"))
    refused = run("--data", data, "--model", model)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"training: {data} holds ('cat', 'dog', 'neither'), but the model knows ('fox', 'husky', 'wolf').\n"
    )
    assert not model.with_name("robustness.json").exists()


def test_a_model_that_is_not_there_is_refused_in_one_line(data: Path, tmp_path: Path) -> None:
    refused = run("--data", data, "--model", tmp_path / "none.keras")
    assert refused.returncode == 1
    assert refused.stderr == f"training: The manifest {tmp_path / 'none.json'} is missing.\n"
