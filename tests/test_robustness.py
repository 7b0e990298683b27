"""`training.robustness`: the same photographs everywhere, each damage judged by what the service would answer."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catdog_api.artifact import read_manifest
from catdog_api.classifier import load
from tests.artifacts import colour_model
from tests.commands import run
from tests.images import encode
from training import robustness
from training.damages import all_damages, drawn
from training.dataset import SPLITS, DatasetError
from training.figures import share
from training.layout import SIDE
from training.robustness import Selection, choose, measure

pytestmark = pytest.mark.training

COLOURS = {"cat": (220, 40, 40), "dog": (40, 220, 40), "neither": (40, 40, 180)}
LABELS = tuple(COLOURS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model that answers by the mean colour."""
    return colour_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out photographs in the colour of their label, each in a shade of its own."""
    return lay_out(tmp_path_factory.mktemp("data"), LABELS)


def lay_out(folder: Path, labels: tuple[str, ...]) -> Path:
    """Write one photograph for each label and split but four for test."""
    for split in SPLITS:
        for label, colour in zip(labels, COLOURS.values(), strict=True):
            (folder / split / label).mkdir(parents=True)
            for number in range(4 if split == "test" else 1):
                image = Image.new("RGB", (40 + number, 30), tuple(level + number for level in colour))
                (folder / split / label / f"zoo-{label}-{number}.png").write_bytes(encode(image, "PNG"))
    return folder


def in_order(data: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Return label and colour of the photographs of test, the lowest SHA-256 of the name first."""
    paths = sorted((data / "test").rglob("*.png"), key=lambda path: hashlib.sha256(path.name.encode()).digest())
    return [(path.parent.name, colour_of(Image.open(path))) for path in paths]


def colour_of(image: Image.Image) -> tuple[int, ...]:
    """Return the colour of an image that has one."""
    return tuple(int(level) for level in np.asarray(image)[0, 0])


def test_the_photographs_with_the_lowest_hash_of_their_name_are_chosen(data: Path) -> None:
    chosen = choose(data, LABELS, 5).photographs
    assert [(LABELS[target], colour_of(photograph)) for photograph, target in chosen] == in_order(data)[:5]
    assert {photograph.size for photograph, _ in chosen} == {(SIDE, SIDE)}
    assert len(choose(data, LABELS, 1_000).photographs) == 12


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_the_next_ones_of_neither_are_their_surroundings_and_none_that_is_asked_about(count: int, data: Path) -> None:
    surroundings = choose(data, LABELS, count).surroundings
    others = [colour for label, colour in in_order(data)[count:] if label == "neither"]
    assert [colour_of(around) for around in surroundings] == others[:count]
    assert {around.size for around in surroundings} <= {(SIDE, SIDE)}


def test_what_cannot_be_decoded_is_passed_over(tmp_path: Path) -> None:
    for split in SPLITS:
        for label in COLOURS:
            (tmp_path / split / label).mkdir(parents=True)
            (tmp_path / split / label / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    with pytest.raises(DatasetError, match="/test holds no photograph that can be decoded"):
        choose(tmp_path, LABELS)
    (tmp_path / "test/dog/whole.png").write_bytes(encode(Image.new("RGB", (9, 9)), "PNG"))
    assert [target for _, target in choose(tmp_path, LABELS).photographs] == [1]


def is_right(label: str, damage: str, severity: float) -> bool:
    """Say what a model that goes by colour answers, if there is blue around and before a photograph."""
    if (damage, severity) == ("colour kept", 0):
        return label == "cat"  # the first label, where no colour is the strongest
    if (damage.startswith("covered") and severity > 0.5) or (damage.startswith("side among") and severity < 0.7):
        return label == "neither"
    return True


def shares(labels: list[str], right: list[bool]) -> dict[str, object]:
    """Return what is written of some answers: the share of right ones, and that of each label that is there."""
    recall = {
        label: share(np.array([answer for answer, shown in zip(right, labels, strict=True) if shown == label]))
        for label in LABELS
        if label in labels
    }
    return {**share(np.array(right)), "recall": recall}


def test_every_damage_has_the_share_of_its_own_answers(model: Path, data: Path) -> None:
    selection = choose(data, LABELS, 7)
    measured = measure(load(model), selection)
    labels = [LABELS[target] for _, target in selection.photographs]
    assert 0 < labels.count("neither") < 4  # so that some are left to be the surroundings of all seven
    assert measured["undamaged"] == shares(labels, [True] * 7)
    assert measured["model"]["sha256"] == read_manifest(model).sha256
    damages = all_damages(selection.surroundings[0])
    assert list(measured["damages"]) == [damage.name for damage in damages]
    for damage in damages:
        for severity, figure in zip(damage.severities, measured["damages"][damage.name], strict=True):
            right = [is_right(label, damage.name, severity) for label in labels]
            assert figure == {"severity": severity, **shares(labels, right)}, damage.name


def test_the_surroundings_are_taken_in_turn(model: Path) -> None:
    red, blue = (Image.new("RGB", (SIDE, SIDE), COLOURS[label]) for label in ("cat", "neither"))
    measured = measure(load(model), Selection([(red, 0)] * 5, [red, blue]))
    assert measured["surroundings"] == "the next 2 of neither in that order"
    smallest = measured["damages"]["side among something else"][-1]
    assert smallest == {"severity": 0.2, **shares(["cat"] * 5, [True, False, True, False, True])}


def test_without_neither_photographs_stand_among_patches_that_are_drawn_for_each(model: Path, tmp_path: Path) -> None:
    labels = ("fox", "husky", "wolf")
    selection = choose(lay_out(tmp_path, labels), labels)
    assert selection.surroundings == []
    patches = [drawn(photograph) for photograph, _ in selection.photographs]
    measured, same = (measure(load(model), Selection(selection.photographs, given)) for given in ([], patches))
    assert measured["surroundings"] == "soft patches of colour"
    assert measured["damages"] == same["damages"]
    assert 0 < measured["damages"]["side among something else"][-1]["value"] < 1


def test_the_command_leaves_figures_and_a_plot_beside_the_model(model: Path, data: Path) -> None:
    done = run(robustness, "--data", data, "--model", model, "--count", 7)
    assert done.returncode == 0, done.stderr
    written = json.loads(model.with_name("robustness.json").read_text(encoding="utf-8"))
    assert written == json.loads(done.stdout)
    assert written["undamaged"]["n"] == 7
    assert written["photographs"] == "the first 7 of test by the SHA-256 of their file names"
    with Image.open(model.with_name("robustness.png")) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_that_leaves_no_photograph_is_refused_in_one_line(count: int, model: Path, data: Path) -> None:
    refused = run(robustness, "--data", data, "--model", model, "--count", count)
    assert refused.returncode == 1
    assert refused.stderr == f"training: --count {count} leaves no photograph: 1 is the least.\n"


def test_other_labels_are_refused_in_one_line(data: Path, tmp_path: Path) -> None:
    model = colour_model(tmp_path, ("fox", "husky", "wolf"))
    refused = run(robustness, "--data", data, "--model", model)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"training: {data} holds ('cat', 'dog', 'neither'), but the model knows ('fox', 'husky', 'wolf').\n"
    )
    assert not model.with_name("robustness.json").exists()


def test_a_model_that_is_not_there_is_refused_in_one_line(data: Path, tmp_path: Path) -> None:
    refused = run(robustness, "--data", data, "--model", tmp_path / "none.keras")
    assert refused.returncode == 1
    assert refused.stderr == f"training: The manifest {tmp_path / 'none.json'} is missing.\n"
