"""`catdog_api.sorting`: answered files in folders by their answer."""

import shutil
from pathlib import Path

import pytest

from catdog_api.errors import SettingsError
from catdog_api.sorting import sort_into


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "rex.jpg"
    path.parent.mkdir()
    path.write_bytes(b"a dog")
    return path


@pytest.mark.parametrize("link", [False, True])
def test_a_file_stays_where_it_is_and_lies_under_its_label_too(file: Path, tmp_path: Path, *, link: bool) -> None:
    place = sort_into(tmp_path / "sorted", "dog", file, link=link)
    assert place == tmp_path / "sorted" / "dog" / "rex.jpg"
    assert place.read_bytes() == file.read_bytes() == b"a dog"
    assert place.is_symlink() == link
    assert [path.name for path in place.parent.iterdir()] == ["rex.jpg"]


def test_a_link_leads_to_the_file_from_wherever_it_is_made(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = sort_into(Path("sorted"), "dog", Path("in/rex.jpg"), link=True)
    assert place.resolve() == file


@pytest.mark.parametrize("link", [False, True])
def test_sorting_the_same_file_again_changes_nothing(file: Path, tmp_path: Path, *, link: bool) -> None:
    first = sort_into(tmp_path / "sorted", "dog", file, link=link)
    assert sort_into(tmp_path / "sorted", "dog", file, link=link) == first
    assert len(list(first.parent.iterdir())) == 1


@pytest.mark.parametrize("link", [False, True])
def test_a_copy_needs_no_link_beside_it_and_a_link_no_copy(file: Path, tmp_path: Path, *, link: bool) -> None:
    first = sort_into(tmp_path / "sorted", "dog", file, link=link)
    assert sort_into(tmp_path / "sorted", "dog", file, link=not link) == first
    assert len(list(first.parent.iterdir())) == 1


@pytest.mark.parametrize("place", ["/proc/nowhere", "in/rex.jpg", "in/taken"])
def test_a_place_that_cannot_be_sorted_into_is_named_as_what_is_wrong(file: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "in" / "taken").mkdir()
    (tmp_path / "in" / "taken" / "dog").write_text("a file")
    with pytest.raises(SettingsError, match=rf"^Nothing can be sorted into {tmp_path / place}/dog: [A-Z][^\[\n]+\.$"):
        sort_into(tmp_path / place, "dog", file, link=False)


def test_of_a_copy_that_failed_nothing_is_left(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path, unfinished: Path) -> None:
        unfinished.write_bytes(b"a d")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(SettingsError, match=r"dog: No space left on device\.$"):
        sort_into(tmp_path / "sorted", "dog", file, link=False)
    assert list((tmp_path / "sorted" / "dog").iterdir()) == []


def test_a_file_that_has_left_is_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sort_into(tmp_path / "sorted", "dog", tmp_path / "gone.jpg", link=False)


def test_the_longest_name_that_a_file_can_have_is_copied(file: Path, tmp_path: Path) -> None:
    long = file.rename(file.with_name("x" * 251 + ".jpg"))
    assert sort_into(tmp_path / "sorted", "dog", long, link=False).read_bytes() == b"a dog"


@pytest.mark.parametrize("link", [False, True])
def test_no_file_takes_the_place_of_another_of_its_name(file: Path, tmp_path: Path, *, link: bool) -> None:
    other = tmp_path / "rex.jpg"
    other.write_bytes(b"another dog")
    places = [sort_into(tmp_path / "sorted", "dog", path, link=link) for path in (file, other, other)]
    assert [place.name for place in places] == ["rex.jpg", "rex-2.jpg", "rex-2.jpg"]
    assert [place.read_bytes() for place in places] == [b"a dog", b"another dog", b"another dog"]


def test_a_link_that_leads_nowhere_is_left_alone(file: Path, tmp_path: Path) -> None:
    place = sort_into(tmp_path / "sorted", "dog", file, link=True)
    file.rename(tmp_path / "moved.jpg")
    (tmp_path / "in" / "other").mkdir()
    new = tmp_path / "in" / "other" / "rex.jpg"
    new.write_bytes(b"a third dog")
    assert sort_into(tmp_path / "sorted", "dog", new, link=True).name == "rex-2.jpg"
    assert place.is_symlink()
