"""`training.dataset`: label folders become arrays, and what cannot be used is refused or counted."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from catdog_api.decoding import decode
from catdog_api.errors import ImageError
from catdog_api.settings import Settings
from tests.images import encode, quarters
from training.dataset import MAX_PIXELS, REASONS, DatasetError, check_apart, find_labels, load_split, name_sources

SIDE = 32


def _photograph(number: int) -> bytes:
    """Draw a picture that no other number has."""
    pixels = np.random.default_rng(number).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return encode(Pillow.fromarray(pixels).resize((60, 40), Pillow.Resampling.NEAREST), "PNG")


def _write(data: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Lay out three labels, of which `train` has three, two and one photograph."""
    splits = {
        f"{split}/{label}/zoo-{label}-{number}.png": _photograph(100 * place + 10 * index + number)
        for place, split in enumerate(("train", "val", "test"))
        for index, label in enumerate(("fox", "husky", "wolf"))
        for number in range(3 - index)
    }
    return _write(tmp_path, splits)


def test_labels_are_the_folders_names_in_alphabetical_order(data: Path) -> None:
    _write(data, {"train/readme.txt": b"a file is no label"})
    assert find_labels(data) == ("fox", "husky", "wolf")


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        pytest.param([], r"/train holds 0 label folders", id="empty"),
        pytest.param(["cat/a", "dog/a"], r"/train holds 0 label folders", id="no-splits"),
        pytest.param(["train/cat/a", "val/cat/a", "test/cat/a"], r"/train holds 1 label folders", id="one-label"),
        pytest.param(
            ["train/cat/a", "train/dog/a", "test/cat/a", "test/dog/a"],
            r"/val holds the labels \(\), but train holds \('cat', 'dog'\)",
            id="no-val",
        ),
        pytest.param(
            ["train/cat/a", "train/dog/a", "val/cat/a", "val/dog/a", "test/cat/a", "test/dogs/a"],
            r"/test holds the labels \('cat', 'dogs'\), but train holds \('cat', 'dog'\)",
            id="misspelt",
        ),
    ],
)
def test_splits_that_differ_are_refused_by_name(layout: list[str], message: str, tmp_path: Path) -> None:
    _write(tmp_path, {name: _photograph(1) for name in layout})
    with pytest.raises(DatasetError, match=message):
        load_split(tmp_path, "train", SIDE)


@pytest.mark.parametrize(("split", "place"), [("train", 0), ("val", 1), ("test", 2)])
def test_each_split_gives_its_own_photographs_with_their_labels(data: Path, split: str, place: int) -> None:
    photographs = load_split(data, split, SIDE)
    assert photographs.labels == ("fox", "husky", "wolf")
    assert photographs.targets.tolist() == [0, 0, 0, 1, 1, 2]
    assert photographs.counts() == {"fox": 3, "husky": 2, "wolf": 1}
    assert photographs.dropped == {}
    assert photographs.images.dtype == np.uint8
    numbers = [100 * place + number for number in (0, 1, 2, 10, 11, 20)]
    served = [decode(_photograph(number), SIDE, max_pixels=10_000).image for number in numbers]
    assert np.array_equal(photographs.images, np.stack(served))


@pytest.mark.parametrize(
    ("names", "sources"),
    [
        pytest.param([f"kaggle-{n}.jpg" for n in range(10)], ["kaggle"] * 10, id="ten-of-a-source"),
        pytest.param([f"kaggle-{n}.jpg" for n in range(9)], ["other"] * 9, id="nine-of-a-source"),
        pytest.param([f"IMG_{n}.jpg" for n in range(20)], ["other"] * 20, id="no-hyphen"),
        pytest.param([f"{n}-a-cat.jpg" for n in range(20)], ["other"] * 20, id="each-its-own"),
        pytest.param(["001.jpg"] * 12, ["other"] * 12, id="the-same-number-under-twelve-labels"),
        pytest.param(
            [f"park-{n}-x.jpg" for n in range(11)] + ["sled-1.jpg", "2.jpg"],
            ["park"] * 11 + ["other"] * 2,
            id="one-source-and-a-few-others",
        ),
    ],
)
def test_a_source_is_what_ten_names_of_a_split_begin_with(names: list[str], sources: list[str]) -> None:
    assert list(name_sources(names)) == sources


def test_each_photograph_keeps_its_source(data: Path) -> None:
    _write(data, {f"train/husky/sled-{number}.png": _photograph(1000 + number) for number in range(10)})
    assert load_split(data, "train", SIDE).sources == (*["other"] * 3, *["sled"] * 10, *["other"] * 3)


def test_copies_that_are_dropped_make_no_source(data: Path) -> None:
    _write(data, {f"train/husky/sled-{number}.png": _photograph(1000) for number in range(10)})
    assert set(load_split(data, "train", SIDE).sources) == {"other"}


def test_damaged_files_and_exact_duplicates_are_left_out_counted_and_said(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rubbish = {
        "train/wolf/cut.png": _photograph(1000)[:-60],
        "train/wolf/empty.jpg": b"",
        "train/wolf/notes.txt": b"not an image",
        "train/wolf/zoo-wolf-copy.png": _photograph(20),
        "train/wolf/zoo-fox-also-here.jpg": _photograph(0),
        "train/wolf/.hidden.png": _photograph(1001),
        "train/wolf/more/inside.png": _photograph(1002),
        "train/.ipynb_checkpoints/fox.png": _photograph(1003),
    }
    before = load_split(data, "train", SIDE)
    assert capsys.readouterr().err == ""
    after = load_split(_write(data, rubbish), "train", SIDE)
    assert after.dropped == {
        "damaged": 1,
        "empty": 1,
        "no image": 1,
        "duplicate": 1,
        "duplicate under another label": 1,
    }
    said = capsys.readouterr().err
    assert said.startswith(f"{data}/train: of 11 files some are left out: ")
    assert all(f"1 {reason}" in said for reason in after.dropped)
    assert len(after.images) == len(after.targets) == len(after.sources) == len(before.images)
    assert {image.tobytes() for image in after.images} == {image.tobytes() for image in before.images}


def test_a_photograph_that_lies_in_two_splits_is_refused_by_name(data: Path) -> None:
    check_apart(data)
    _write(data, {"train/fox/again.png": _photograph(0), "val/fox/of-the-same-size.bmp": b"no copy".ljust(200)})
    check_apart(data)  # twice in one split is no leak: it is left out there
    _write(data, {"test/wolf/leaked.png": _photograph(0), "val/husky/leaked.png": _photograph(0)})
    with pytest.raises(DatasetError, match=r"/val/husky/leaked.png is .*/train/fox/again.png once more; 2 such files"):
        check_apart(data)


def test_every_reason_not_to_decode_a_photograph_has_words() -> None:
    assert set(ImageError.__subclasses__()) == set(REASONS)


def test_a_label_without_a_usable_photograph_is_refused_by_name(data: Path) -> None:
    (data / "val/wolf/zoo-wolf-0.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(DatasetError, match=r"/val/wolf holds no photograph of its own that can be decoded"):
        load_split(data, "val", SIDE)
    assert load_split(data, "train", SIDE).counts()["wolf"] == 1


def test_the_same_photographs_have_the_same_hash_wherever_they_lie(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    names = sorted(data.rglob("*.png"), reverse=True)
    _write(elsewhere, {str(path.relative_to(data)): path.read_bytes() for path in names})
    assert load_split(elsewhere, "train", SIDE).sha256 == load_split(data, "train", SIDE).sha256


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: _write(data, {"train/fox/new.png": _photograph(1000)}), id="one-more"),
        pytest.param(lambda data: (data / "train/fox/zoo-fox-0.png").unlink(), id="one-less"),
        pytest.param(
            lambda data: (data / "train/fox/zoo-fox-0.png").write_bytes(encode(quarters(), "PNG")), id="other"
        ),
        pytest.param(
            lambda data: (data / "train/fox/zoo-fox-2.png").rename(data / "train/husky/zoo-fox-2.png"), id="relabelled"
        ),
    ],
)
def test_other_photographs_or_other_labels_have_another_hash(data: Path, change: Callable[[Path], object]) -> None:
    before = load_split(data, "train", SIDE).sha256
    change(data)
    assert load_split(data, "train", SIDE).sha256 != before


def test_what_the_service_would_refuse_as_too_large_is_too_large_here() -> None:
    assert Settings.model_fields["max_pixels"].default == MAX_PIXELS
