"""`catdog_api.finding`: which files names, folders and patterns mean, and when a file has arrived."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from catdog_api.finding import Arrivals, Source, find


@pytest.fixture(autouse=True)
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.jpg", "a.jpg", "in/c.jpg", "in/deep/d.png", "in/.hidden.jpg", ".thumbnails/e.jpg", "out/f.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)


def paths(*names: str, but_not: Sequence[Path | int] = ()) -> list[str]:
    """Return the paths of what is found."""
    return [source.path for source in find(names, but_not=but_not)]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        pytest.param(["b.jpg", "a.jpg"], ["b.jpg", "a.jpg"], id="in-the-order-that-was-given"),
        pytest.param(["in"], ["in/c.jpg", "in/deep/d.png"], id="a-folder-to-the-bottom-without-what-is-hidden"),
        pytest.param(["."], ["a.jpg", "b.jpg", "in/c.jpg", "in/deep/d.png", "out/f.jpg"], id="here"),
        pytest.param(["*.jpg"], ["a.jpg", "b.jpg"], id="a-pattern"),
        pytest.param(["**/*.png"], ["in/deep/d.png"], id="a-pattern-to-the-bottom"),
        pytest.param(["i*"], ["in/c.jpg", "in/deep/d.png"], id="a-pattern-of-folders"),
        pytest.param(["gone.jpg", "gone*.jpg"], ["gone.jpg", "gone*.jpg"], id="what-does-not-exist-is-kept-to-be-said"),
        pytest.param(["b.jpg", "in", "b.jpg", "*.jpg"], ["b.jpg", "in/c.jpg", "in/deep/d.png", "a.jpg"], id="once"),
        pytest.param(["./b.jpg", "in/../b.jpg"], ["./b.jpg"], id="once-however-it-is-written"),
        pytest.param(["in/**"], ["in/c.jpg", "in/deep/d.png"], id="a-pattern-of-all-below"),
        pytest.param(["in/*/d.png", "*/f.jpg"], ["in/deep/d.png", "out/f.jpg"], id="a-pattern-in-the-middle"),
        pytest.param([".t*/*", "a.jpg/*"], [".thumbnails/e.jpg", "a.jpg/*"], id="a-pattern-of-what-is-hidden"),
        pytest.param(["-"], ["-"], id="standard-input"),
    ],
)  # fmt: skip
def test_each_file_is_found_once_and_in_order(names: list[str], found: list[str]) -> None:
    assert paths(*names) == found


def test_a_name_that_looks_like_a_pattern_is_a_name_where_such_a_file_lies(tmp_path: Path) -> None:
    (tmp_path / "cat[1].jpg").write_bytes(b"")
    (tmp_path / "cat1.jpg").write_bytes(b"")
    assert paths("cat[1].jpg") == ["cat[1].jpg"]


def test_a_folder_can_be_left_out_under_whatever_name(tmp_path: Path) -> None:
    for names in (["."], ["*"], ["**/*.*"], ["*/*", "*"], ["**"]):
        assert sorted(paths(*names, but_not=[tmp_path / "out"])) == ["a.jpg", "b.jpg", "in/c.jpg", "in/deep/d.png"]
    assert "out/f.jpg" in paths(".", but_not=[Path("not-there-yet")])
    assert paths("not-there-yet", but_not=[Path("not-there-yet")]) == ["not-there-yet"]


def test_an_open_file_can_be_left_out_too() -> None:
    with Path("out/f.jpg").open("rb") as stream:
        assert paths("out", "in/c.jpg", but_not=[stream.fileno()]) == ["in/c.jpg"]


def test_a_file_that_is_called_as_standard_input_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("-").write_bytes(b"a file")
    for name in (".", "*"):
        (source,) = find([name])
        with source.open() as file:
            assert file.read() == b"a file"


def test_only_what_a_person_named_counts_as_named() -> None:
    named = {source.path: source.named for source in find(["a.jpg", "in", "b*", "in/c.jpg"])}
    assert named == {"a.jpg": True, "in/c.jpg": True, "in/deep/d.png": False, "b.jpg": False}


def test_links_to_folders_make_no_pattern_endless_and_no_file_two(tmp_path: Path) -> None:
    for name in ("loop", "in/loop", "in/deep/cross"):
        (tmp_path / name).symlink_to(tmp_path)
    (tmp_path / "z.jpg").symlink_to(tmp_path / "a.jpg")
    assert sorted(paths("**/*.jpg")) == ["a.jpg", "b.jpg", "in/c.jpg", "out/f.jpg"]
    assert paths("loop", "a.jpg") == [
        "loop/a.jpg",
        "loop/b.jpg",
        "loop/in/c.jpg",
        "loop/in/deep/d.png",
        "loop/out/f.jpg",
    ]


def test_a_drive_without_inodes_has_files_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        st_dev = st_ino = 0
        st_mode = stat.S_IFREG

    monkeypatch.setattr("catdog_api.finding._status", lambda _: Bare())
    assert paths("a.jpg", "b.jpg") == ["a.jpg", "b.jpg"]


def test_a_pipe_in_a_folder_is_no_file_and_one_that_is_named_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in" / "pipe.jpg")
    assert paths("in", "in/p*") == ["in/c.jpg", "in/deep/d.png"]
    assert paths("in/pipe.jpg") == ["in/pipe.jpg"]
    arrivals = Arrivals(tmp_path / "in")
    arrivals.look()
    assert [Path(source.path).name for source in arrivals.look()] == ["c.jpg", "d.png"]


def test_a_folder_that_cannot_be_looked_into_is_kept_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def locked(path: str) -> object:
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert paths("in") == ["in/c.jpg", "in/deep"]


def test_a_source_opens_its_file_or_standard_input() -> None:
    named, piped = Source("in/c.jpg", named=True), Source("-", named=True)
    reading, writing = os.pipe()
    os.write(writing, b"piped")
    os.close(writing)
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        with named.open() as file, piped.open() as pipe:
            assert (file.read(), pipe.read()) == (b"in/c.jpg", b"piped")
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)
    assert (named.size_bytes(), piped.size_bytes()) == (8, 0)
    assert (named.may_never_end(), piped.may_never_end()) == (False, True)


def test_a_file_has_arrived_when_two_looks_find_it_alike(tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path / "in", but_not=[tmp_path / "in" / "deep"])
    assert arrivals.look() == []
    assert arrivals.look() == [Source(str(tmp_path / "in" / "c.jpg"), named=False)]
    assert arrivals.look() == []
    growing = tmp_path / "in" / "growing.jpg"
    for content in (b"1", b"12", b"123"):
        growing.write_bytes(content)
        assert arrivals.look() == []
    assert [source.path for source in arrivals.look()] == [str(growing)]


def test_a_file_that_is_written_anew_arrives_anew(tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path / "out")
    arrivals.look()
    (arrived,) = arrivals.look()
    os.utime(arrived.path, ns=(1, 1))
    assert arrivals.look() == []
    assert arrivals.look() == [arrived]
    (tmp_path / "out" / "f.jpg").rename(tmp_path / "g.jpg")
    assert arrivals.look() == []
    (tmp_path / "g.jpg").rename(tmp_path / "out" / "f.jpg")
    assert [arrivals.look(), arrivals.look()] == [[], [arrived]]


def test_a_file_that_leaves_during_a_look_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "out" / "dangling.jpg").symlink_to(tmp_path / "nowhere")
    arrivals = Arrivals(tmp_path / "out")
    assert [len(arrivals.look()), len(arrivals.look())] == [0, 1]


def test_what_had_arrived_in_a_folder_that_was_away_does_not_arrive_again(tmp_path: Path) -> None:
    folder, away = tmp_path / "out", tmp_path / "away"
    arrivals = Arrivals(folder)
    arrivals.look()
    assert len(arrivals.look()) == 1
    folder.rename(away)
    with pytest.raises(FileNotFoundError):
        arrivals.look()
    folder.mkdir()  # as the place of a drive that was taken out
    assert arrivals.look() == []
    folder.rmdir()
    away.rename(folder)
    (folder / "new.jpg").write_bytes(b"new")
    assert [arrivals.look(), [Path(source.path).name for source in arrivals.look()]] == [[], ["new.jpg"]]


def test_the_answers_to_what_arrives_do_not_arrive(tmp_path: Path) -> None:
    with (tmp_path / "in" / "answers.jsonl").open("w") as stream:
        arrivals = Arrivals(tmp_path / "in", but_not=[stream.fileno()])
        arrivals.look()
        assert [Path(source.path).name for source in arrivals.look()] == ["c.jpg", "d.png"]
