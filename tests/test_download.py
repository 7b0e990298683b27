"""`training.download` from end to end: archives made here, served on loopback, laid out on disk."""

import hashlib
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catdog_api.decoding import decode
from training.download import download, main, table
from training.fetch import RemoteFile
from training.layout import split_of
from training.sources import SOURCES, Source


def photograph(number: int, kind: str = "JPEG", comment: bytes = b"") -> bytes:
    """Draw a picture that no other number has: 40 x 30 pixels, one colour on the left, another on the right."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:, :20], pixels[:, 20:] = np.random.default_rng(number).integers(0, 256, (2, 3))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, comment=comment)
    return file.getvalue()


def tar(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as bundle:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            bundle.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("images/Abyssinian_9.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        bundle.addfile(link)
    return file.getvalue()


def packed(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return file.getvalue()


KAGGLE = {
    "PetImages/Cat/0.jpg": photograph(0),
    "PetImages/Cat/1.jpg": photograph(0),  # the same bytes
    "PetImages/Cat/2.jpg": photograph(0, comment=b"x"),  # other bytes, the same pixels
    "PetImages/Cat/3.jpg": photograph(3),
    "PetImages/Dog/3.jpg": photograph(3, comment=b"x"),  # a cat above
    "PetImages/Dog/4.jpg": photograph(3, comment=b"y"),
    "PetImages/Cat/666.jpg": b"",
    "PetImages/Dog/11702.jpg": photograph(5)[:300],
    "PetImages/Dog/7.jpg": photograph(7, "PNG"),  # by its content, not by its suffix
    "PetImages/Dog/Thumbs.db": b"no photograph",
    "PetImages/Dog/../../../../escaped.jpg": photograph(8),
    "PetImages/Dog\\10.jpg": photograph(10),
}
OXFORD = {
    "images/Abyssinian_1.jpg": photograph(20),
    "images/beagle_1.jpg": photograph(21),
    "images/._beagle_1.jpg": b"what an Apple archiver leaves",
    "images/Bengal_2.jpg": photograph(22),
    "images/beagle_2.jpg": photograph(0),  # a cat in kaggle
}
ANNOTATIONS = {
    "./annotations/list.txt": b"#Image CLASS-ID SPECIES BREED ID\nAbyssinian_1 1 1 1\nbeagle_1 5 2 1\nBengal_2 6 2 3\n",
    "./annotations/trimaps/Abyssinian_1.png": photograph(24, "PNG"),
}
IMAGENETTE = {
    "imagenette2-160/train/n02102040/n02102040_1.JPEG": photograph(30),  # an English springer
    "imagenette2-160/val/n03028079/ILSVRC2012_val_00000001.JPEG": photograph(31),  # a church
}
CALTECH_FOLDERS = ["dalmatian", "garfield", "snoopy", "wild_cat", "Leopards", "accordion", "BACKGROUND_Google"]
CALTECH = {f"101_ObjectCategories/{name}/image_0001.jpg": photograph(40 + i) for i, name in enumerate(CALTECH_FOLDERS)}

ARCHIVES = {
    "kaggle": packed(KAGGLE),
    "oxford": tar(OXFORD),
    "imagenette": tar(IMAGENETTE),
    "caltech101": packed(
        {
            "__MACOSX/caltech-101/._101_ObjectCategories.tar.gz": b"no archive",
            "caltech-101/101_ObjectCategories.tar.gz": tar(CALTECH),
        }
    ),
    "annotations": tar(ANNOTATIONS),
}

EXPECTED = {
    "cat/oxford-Abyssinian_1",
    "dog/caltech101-dalmatian-0001",
    "dog/imagenette-n02102040-n02102040_1",
    "dog/kaggle-Dog-7",
    "dog/kaggle-Dog-10",
    "dog/oxford-beagle_1",
    *(f"neither/caltech101-{name}-0001" for name in CALTECH_FOLDERS[1:6]),
    "neither/imagenette-n03028079-ILSVRC2012_val_00000001",
}


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder and keeps the tests' output clean."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Source]]:
    """The true table, with addresses on loopback and what is recorded of the archives made here."""
    folder = tmp_path_factory.mktemp("published")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def publish(name: str, remote: RemoteFile) -> RemoteFile:
        (folder / name).write_bytes(ARCHIVES[name])
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        return RemoteFile(url, remote.name, len(ARCHIVES[name]), hashlib.sha256(ARCHIVES[name]).hexdigest())

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield [
            replace(
                source,
                archive=publish(source.name, source.archive),
                annotations=source.annotations and publish("annotations", source.annotations),
            )
            for source in SOURCES
        ]
    server.shutdown()
    server.server_close()
    thread.join()


def photographs(dest: Path) -> dict[str, Path]:
    """Find what was laid out, as `label/name`, whatever the split."""
    return {f"{path.parent.name}/{path.stem}": path for path in dest.glob("*/*/*.*")}


def test_every_photograph_lies_once_under_its_label(sources: list[Source], tmp_path: Path) -> None:
    dest = tmp_path / "deep" / "deeper" / "photos"
    layout = download(dest, sources)
    found = photographs(dest)
    assert set(found) == EXPECTED
    assert {path.parents[1].name for path in found.values()} <= {"train", "val", "test"}
    assert {path.suffix for path in found.values()} == {".webp"}
    assert sum(layout.kept.values()) == len(EXPECTED)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and dest not in path.parents] == []


def test_every_file_that_was_dropped_is_counted_with_its_reason(sources: list[Source], tmp_path: Path) -> None:
    assert download(tmp_path, sources).dropped == {
        ("kaggle", "copy of another"): 2,
        ("kaggle", "damaged"): 2,
        ("kaggle", "labelled in two ways"): 4,
        ("kaggle", "not a photograph of the dataset"): 2,
        ("oxford", "label disputed by the annotations"): 1,
        ("oxford", "labelled in two ways"): 1,
        ("caltech101", "left out"): 1,
    }


def test_a_photograph_is_squashed_to_160_pixels_as_the_service_does_it(sources: list[Source], tmp_path: Path) -> None:
    download(tmp_path, sources)
    written = decode(photographs(tmp_path)["dog/kaggle-Dog-7"].read_bytes(), 160, max_pixels=10**6)
    expected = decode(KAGGLE["PetImages/Dog/7.jpg"], 160, max_pixels=10**6)
    assert (written.width, written.height, written.format) == (160, 160, "WEBP")
    difference = np.abs(written.image.astype(int) - expected.image)
    assert difference.mean() < 3  # of 255: what the lossy file format costs


def test_the_split_follows_from_the_content_alone(sources: list[Source], tmp_path: Path) -> None:
    download(tmp_path / "one", sources)
    download(tmp_path / "other", list(reversed(sources)))
    one, other = photographs(tmp_path / "one"), photographs(tmp_path / "other")
    assert [one[name].parents[1].name for name in sorted(one)] == [
        other[name].parents[1].name for name in sorted(other)
    ]
    assert one["dog/kaggle-Dog-7"].parents[1].name == split_of(KAGGLE["PetImages/Dog/7.jpg"])


def test_a_second_run_leaves_what_is_there_and_restores_what_is_missing(sources: list[Source], tmp_path: Path) -> None:
    first = download(tmp_path, sources)
    before = {name: path.stat().st_mtime_ns for name, path in photographs(tmp_path).items()}
    photographs(tmp_path)["dog/kaggle-Dog-7"].unlink()
    (tmp_path / "writing.part").write_bytes(b"a run was killed here")
    second = download(tmp_path, sources)
    after = {name: path.stat().st_mtime_ns for name, path in photographs(tmp_path).items()}
    assert {name for name in after if after[name] != before[name]} == {"dog/kaggle-Dog-7"}
    assert table(second) == table(first)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == []


def test_a_source_that_joins_later_takes_its_copies_away(sources: list[Source], tmp_path: Path) -> None:
    download(tmp_path, [source for source in sources if source.name == "oxford"])
    assert "dog/oxford-beagle_2" in photographs(tmp_path)
    download(tmp_path, sources)
    assert set(photographs(tmp_path)) == EXPECTED


def test_an_interrupted_run_says_so_and_the_next_one_finishes_it(
    sources: list[Source], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: re.Match[str]) -> str:
        raise KeyboardInterrupt

    assert main(["--dest", str(tmp_path)], [*sources[:2], replace(sources[2], label=interrupt)]) == 130
    assert "Run the same command again" in capsys.readouterr().err
    assert 0 < len(photographs(tmp_path)) < len(EXPECTED)
    download(tmp_path, sources)
    assert set(photographs(tmp_path)) == EXPECTED


def test_the_command_ends_with_a_table(
    sources: list[Source], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--dest", str(tmp_path), "--sources", "oxford,caltech101"], sources) == 0
    output, errors = capsys.readouterr()
    assert errors == ""  # no progress bar where there is no terminal
    rows = [re.split(r"\s{2,}", line.strip()) for line in output.splitlines()]
    assert [row[:2] for row in rows[1:5]] == [
        ["cat", "oxford"],
        ["dog", "caltech101"],
        ["dog", "oxford"],
        ["neither", "caltech101"],
    ]
    assert rows[5][0] == "all"
    assert sum(int(count) for count in rows[5][1:]) == 9
    assert ["left out", "caltech101", "1"] in rows


def test_the_command_says_in_one_line_why_an_archive_cannot_be_had(
    sources: list[Source], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = replace(sources[0], archive=replace(sources[0].archive, url=sources[0].archive.url + "-gone"))
    assert main(["--dest", str(tmp_path)], [gone]) == 1
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/kaggle-gone answers 404 .*\n", capsys.readouterr().err)
