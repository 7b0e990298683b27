"""`catdog_api.finding`: which files names, folders and patterns mean, and when a file has arrived."""

import io
import os
import sys
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


def paths(*names: str, but_not: Path | None = None) -> list[str]:
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
        pytest.param(["-"], ["-"], id="standard-input"),
    ],
)  # fmt: skip
def test_each_file_is_found_once_and_in_order(names: list[str], found: list[str]) -> None:
    assert paths(*names) == found


def test_a_name_that_looks_like_a_pattern_is_a_name_where_such_a_file_lies(tmp_path: Path) -> None:
    (tmp_path / "cat[1].jpg").write_bytes(b"")
    (tmp_path / "cat1.jpg").write_bytes(b"")
    assert paths("cat[1].jpg") == ["cat[1].jpg"]


def test_one_folder_can_be_left_out_under_whatever_name(tmp_path: Path) -> None:
    assert paths(".", but_not=tmp_path / "out") == ["a.jpg", "b.jpg", "in/c.jpg", "in/deep/d.png"]
    assert "out/f.jpg" in paths(".", but_not=tmp_path / "not-there-yet")


def test_only_what_a_person_named_counts_as_named() -> None:
    named = {source.path: source.named for source in find(["a.jpg", "in", "b*"])}
    assert named == {"a.jpg": True, "in/c.jpg": False, "in/deep/d.png": False, "b.jpg": True}


def test_a_source_reads_its_file_or_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Source("in/c.jpg", named=True).read() == b"in/c.jpg"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    assert Source("-", named=True).read() == b"piped"


def test_a_file_has_arrived_when_two_looks_find_it_alike(tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path / "in", but_not=tmp_path / "in" / "deep")
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
