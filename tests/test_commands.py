"""`training.commands`: whichever command asks a model, what is at fault it says in one line."""

from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from catdog_api.errors import ArtifactError, PredictionError
from tests.artifacts import colour_model
from tests.commands import run
from tests.images import encode
from training import evaluate, framing, robustness
from training.card import CardError
from training.commands import faults_in_one_line
from training.dataset import SPLITS, DatasetError

pytestmark = pytest.mark.training

ASKING = [
    pytest.param(evaluate, "--data", "", id="evaluate"),
    pytest.param(framing, "--photographs", "test", id="framing"),
    pytest.param(robustness, "--data", "", id="robustness"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Lay out a photograph of each label in each split."""
    for split in SPLITS:
        for place, label in enumerate(("cat", "dog", "neither")):
            folder = tmp_path / "photos" / split / label
            folder.mkdir(parents=True)
            grey = (len(split), 80 * place, 9)
            (folder / "one.png").write_bytes(encode(Image.new("RGB", (40, 30), grey), "PNG"))
    return tmp_path / "photos"


@pytest.mark.parametrize(("command", "option", "place"), ASKING)
def test_a_network_that_gives_no_numbers_is_told_in_one_line(
    command: ModuleType, option: str, place: str, data: Path, tmp_path: Path
) -> None:
    model = colour_model(tmp_path, gain=float("nan"))
    refused = run(command, option, data / place, "--model", model)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == "training: The network gave no probabilities.\n"


@pytest.mark.parametrize("error", [ArtifactError, DatasetError, OSError, PredictionError, CardError])
def test_a_fault_ends_a_command_with_its_own_words(error: type[Exception]) -> None:
    with pytest.raises(SystemExit, match=r"^training: it is missing$"), faults_in_one_line(CardError):
        raise error("it is missing")


@pytest.mark.parametrize("error", [CardError, KeyError, ValueError])
def test_what_is_no_fault_of_the_commands_is_not_passed_off_as_one(error: type[Exception]) -> None:
    with pytest.raises(error), faults_in_one_line():
        raise error
