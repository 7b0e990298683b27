"""The table of public datasets, and the shares of the splits."""

import re

import pytest

from training.download import main
from training.layout import split_of
from training.sources import SOURCES, Source, read_species


def test_species_are_read_by_name() -> None:
    assert read_species("#Image CLASS-ID\nAbyssinian_100 1 1 1\n\nbeagle_7 5 2 1\n") == {
        "Abyssinian_100": "cat",
        "beagle_7": "dog",
    }


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_every_source_is_recorded_in_full(source: Source) -> None:
    assert "-" not in source.name  # the first hyphen of a file's name ends its source
    for remote in filter(None, (source.archive, source.annotations)):
        assert remote.url.startswith("https://")
        assert re.fullmatch(r"[0-9a-f]{64}", remote.sha256)
        assert remote.size_bytes > 10**7


@pytest.mark.parametrize(
    ("source", "member", "label"),
    [
        pytest.param("kaggle", "PetImages/Cat/12499.jpg", "cat", id="kaggle cat"),
        pytest.param("kaggle", "PetImages/Dog/0.jpg", "dog", id="kaggle dog"),
        pytest.param("oxford", "images/Egyptian_Mau_100.jpg", "cat", id="breed with a capital: a cat"),
        pytest.param("oxford", "images/wheaten_terrier_9.jpg", "dog", id="breed without one: a dog"),
        pytest.param("imagenette", "imagenette2-160/val/n02102040/n02102040_1.JPEG", "dog", id="English springer"),
        pytest.param("imagenette", "imagenette2-160/train/n01440764/n01440764_1.JPEG", "neither", id="tench"),
        pytest.param("caltech101", "101_ObjectCategories/dalmatian/image_0001.jpg", "dog", id="dalmatian"),
        pytest.param("caltech101", "101_ObjectCategories/garfield/image_0001.jpg", "neither", id="a drawn cat"),
        pytest.param("caltech101", "101_ObjectCategories/snoopy/image_0001.jpg", "neither", id="a drawn dog"),
        pytest.param("caltech101", "101_ObjectCategories/wild_cat/image_0001.jpg", "neither", id="wild relative"),
        pytest.param("caltech101", "101_ObjectCategories/BACKGROUND_Google/image_0001.jpg", None, id="unlabelled"),
    ],
)
def test_a_photograph_is_labelled_by_where_it_lies(source: str, member: str, label: str | None) -> None:
    table = {source.name: source for source in SOURCES}
    match = table[source].pattern.fullmatch(member)
    assert match is not None
    assert table[source].label(match) == label


@pytest.mark.parametrize(
    ("source", "member"),
    [
        pytest.param("kaggle", "PetImages/Cat/Thumbs.db", id="no image"),
        pytest.param("kaggle", "../PetImages/Cat/1.jpg", id="from above"),
        pytest.param("kaggle", "/PetImages/Cat/1.jpg", id="from the root"),
        pytest.param("kaggle", "PetImages/Cat/../1.jpg", id="through a folder above"),
        pytest.param("oxford", "images/../Bengal_1.jpg", id="not in its folder"),
        pytest.param("imagenette", "imagenette2-160/train/n01440764/../n01440764_1.JPEG", id="up and down"),
        pytest.param("caltech101", "101_ObjectCategories/../image_0001.jpg", id="no folder of its own"),
    ],
)
def test_what_lies_elsewhere_is_no_photograph(source: str, member: str) -> None:
    table = {source.name: source for source in SOURCES}
    assert table[source].pattern.fullmatch(member) is None


def test_the_splits_have_85_and_5_and_10_percent() -> None:
    splits = [split_of(b"%d" % number) for number in range(20_000)]
    shares = {split: splits.count(split) / len(splits) for split in ("train", "val", "test")}
    assert shares == pytest.approx({"train": 0.85, "val": 0.05, "test": 0.10}, abs=0.01)


def test_the_command_names_the_sources_when_one_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--dest", "x", "--sources", "kaggle,imagenet"])
    assert "there is no 'imagenet'; choose from kaggle, oxford, imagenette, caltech101" in capsys.readouterr().err
