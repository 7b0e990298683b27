"""`training.framing`: what each framing keeps of a photograph, and what drafting changes."""

import json
from collections.abc import Callable
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catdog_api.classifier import load
from catdog_api.decoding import GROUND, HALF_SCALE, decode
from tests.artifacts import SIZE, colour_model
from tests.commands import run
from tests.images import encode
from training import framing
from training.damages import Photograph, cut, jpeg, png
from training.dataset import DatasetError
from training.figures import share
from training.framing import choose, halved, measure, middle, padded, read, squashed

pytestmark = pytest.mark.training

RED, GREEN = (200, 30, 30), (30, 200, 30)
KNOWN = ("cat", "dog", "neither")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model that answers by the mean colour: cat is red, dog is green."""
    return colour_model(tmp_path_factory.mktemp("model"))


def flag(outer: tuple[int, int, int], inner: tuple[int, int, int], width: int = 300) -> Image.Image:
    """Draw a photograph of 100 pixels' height, its middle square of another colour."""
    image = Image.new("RGB", (width, 100), outer)
    image.paste(inner, ((width - 100) // 2, 0, (width + 100) // 2, 100))
    return image


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Lay out wide photographs, the cats' red at the sides and green in the middle, the dogs' green all over."""
    for label, image in {"cat": flag(RED, GREEN), "dog": flag(GREEN, GREEN)}.items():
        (tmp_path / label).mkdir()
        for number in range(2):
            file = encode(image, "JPEG", quality=90 + number)
            (tmp_path / label / f"{number}.jpg").write_bytes(file)
    return tmp_path


def test_padding_keeps_the_whole_photograph_between_bars_of_the_services_ground() -> None:
    for turned in (False, True):
        photograph = flag(RED, GREEN).rotate(90 * turned, expand=True)
        square = np.asarray(padded(photograph, 300).rotate(-90 * turned))
        assert square.shape == (300, 300, 3)
        assert np.array_equal(square[100:200], np.asarray(flag(RED, GREEN)))
        assert (square[:100] == GROUND).all()
        assert (square[200:] == GROUND).all()


@pytest.mark.parametrize(
    ("bring", "shape"),
    [
        pytest.param(padded, 3, id="wide"),
        pytest.param(padded, 1 / 3, id="tall"),
        pytest.param(squashed, 3 / 2, id="usual"),
        pytest.param(squashed, 2 / 3, id="usual-upright"),
    ],
)
def test_squashing_and_padding_are_the_services_own(
    bring: Callable[[Photograph, int], Photograph], shape: float
) -> None:
    noise = Image.fromarray(np.random.default_rng(4).integers(0, 256, (60, 60, 3), dtype=np.uint8))
    photograph = cut(noise, shape)
    served = decode(encode(photograph, "PNG"), SIZE, max_pixels=10**6).image
    assert np.array_equal(np.asarray(bring(photograph, SIZE)), served)


def test_the_middle_square_is_as_large_as_it_can_be() -> None:
    for turned in (False, True):
        square = np.asarray(middle(flag(RED, GREEN).rotate(90 * turned, expand=True)))
        assert square.shape == (100, 100, 3)
        assert (square == GREEN).all()


def test_squashing_keeps_the_whole_photograph_and_not_its_shape() -> None:
    square = np.asarray(squashed(flag(RED, GREEN), 60))
    assert square.shape == (60, 60, 3)
    assert (square[:, [3, 30, 57]] == [RED, GREEN, RED]).all()


def test_a_square_is_left_alone_by_every_framing() -> None:
    square = flag(RED, GREEN, 100)
    assert padded(square, 100).tobytes() == square.tobytes()
    assert squashed(square, 100).tobytes() == square.tobytes()
    assert middle(square).tobytes() == square.tobytes()


def test_a_photograph_is_read_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # its right side is up
    path = tmp_path / "sideways.jpg"
    path.write_bytes(encode(flag(RED, GREEN), "JPEG", exif=exif))
    assert read(path).size == (100, 300)


@pytest.mark.parametrize(("scale", "served"), [(HALF_SCALE, 0), (2, 0), (HALF_SCALE - 1 / SIZE, 1), (1, 1)], ids=str)
def test_a_half_is_the_services_square_from_the_scale_on_that_it_allows(
    scale: float, served: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = Image.fromarray(np.random.default_rng(4).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    (tmp_path / "noise.png").write_bytes(encode(noise, "PNG"))
    files: list[bytes] = []

    def kept(photograph: Photograph, quality: float) -> bytes:
        files.append(jpeg(photograph, quality))
        return files[-1]

    monkeypatch.setattr(framing, "jpeg", kept)
    least = ceil(scale * SIZE)
    half, whole = (halved(tmp_path / "noise.png", least, drafted=drafted) for drafted in (True, False))
    assert (half.height, whole.size) == (least, (3 * least, 2 * least))
    squares = [decode(png(photograph), SIZE, max_pixels=10**6).image for photograph in (half, whole)]
    assert not np.array_equal(squares[0], squares[1])
    assert np.array_equal(squares[served], decode(files[0], SIZE, max_pixels=10**6).image)


def test_a_framing_that_cuts_the_cat_off_takes_it_for_a_dog(model: Path, photographs: Path) -> None:
    labels, files = choose(photographs, KNOWN)
    assert labels == ("cat", "dog")
    measured = measure(load(model), labels, files)
    everything, half = share(np.ones(4, np.bool_)), share(np.arange(4) < 2)
    assert measured["framing"] == {
        "as served": everything,
        "squash": everything,
        "pad": everything,
        "middle square": half,
    }
    assert list(measured["draft"]) == ["2", str(HALF_SCALE), "1"]
    for drafted in measured["draft"].values():
        assert drafted["same_label"] == everything
        assert 0 < drafted["largest_difference"] < 0.1


def test_the_choice_is_between_the_labels_that_are_there_alone(model: Path, tmp_path: Path) -> None:
    for label in ("dog", "neither"):  # redder than anything else, which no folder stands for
        (tmp_path / label).mkdir()
        colour = (250, 90, 30) if label == "dog" else (250, 30, 90)
        (tmp_path / label / "it.png").write_bytes(encode(Image.new("RGB", (20, 10), colour), "PNG"))
    measured = measure(load(model), *choose(tmp_path, KNOWN))
    assert measured["framing"]["squash"]["value"] == 1
    assert measured["shapes"]["3:2"]["squash"]["value"] == 0  # there it is free, and all of them are cats


def test_each_shape_is_cut_from_the_middle_and_judged_squashed_and_padded(model: Path, tmp_path: Path) -> None:
    faint = (100, 106, 100)  # the service's ground is redder than this is green
    for label, image in {"cat": flag(RED, GREEN), "dog": flag(faint, faint)}.items():
        (tmp_path / label).mkdir()
        (tmp_path / label / "it.png").write_bytes(encode(image, "PNG"))
    shapes = measure(load(model), *choose(tmp_path, KNOWN))["shapes"]
    assert list(shapes) == ["3:2", "2:3", "5:3", "3:5", "16:9", "9:16", "2:1", "1:2", "3:1", "1:3"]
    right = {shape: [shapes[shape][framing]["value"] for framing in ("squash", "pad")] for shape in shapes}
    assert right["3:1"] == [1, 0.5]  # the whole photographs: the dog is lost on the ground, and the cat is not
    assert right["3:2"] == [0.5, 0.5]  # so much of its middle alone is a dog
    assert right["1:3"] == [0.5, 0]
    assert shapes["3:2"]["pad"]["n"] == 2


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        pytest.param([], r"holds the folders \(\), not at least two of \('cat', 'dog', 'neither'\) alone", id="none"),
        pytest.param(["cat"], r"holds the folders \('cat',\)", id="one"),
        pytest.param(["cat", "fox"], r"holds the folders \('cat', 'fox'\)", id="unknown"),
        pytest.param(["cat", "dog"], "/cat holds no photograph", id="empty"),
    ],
)
def test_folders_that_leave_no_choice_are_refused(folders: list[str], message: str, tmp_path: Path) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(DatasetError, match=message):
        choose(tmp_path, KNOWN)


def test_the_command_prints_one_json(model: Path, photographs: Path) -> None:
    done = run(framing, "--photographs", photographs, "--model", model)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"framing", "shapes", "draft"}


def test_a_damaged_photograph_is_named_in_one_line(model: Path, photographs: Path) -> None:
    (photographs / "dog/2.jpg").write_bytes(b"\xff\xd8\xff and no more")
    refused = run(framing, "--photographs", photographs, "--model", model)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"training: {photographs}/dog/2.jpg cannot be decoded: ")
    assert refused.stderr.count("\n") == 1
