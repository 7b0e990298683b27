"""Photographs on Arrow's file systems, and the folder of Parquet files that answers are kept in; without Ray."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import httpx
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import parquet as pq

from catdog_api.errors import SettingsError
from catdog_api.parquet import Answers, find_stored
from tests.fakes import MANIFEST

SHELF = ("b.jpg", "deep/c.jpg", "deep/deeper/a.jpg", ".hidden/d.jpg", ".e.jpg")
BUCKETS = {"shelf": SHELF, "odd": ("a/b.jpg", "a//c.jpg", "/d.jpg", "e.jpg")}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in SHELF:
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Serve S3 while the module's tests run: its end alone takes half a second."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "127.0.0.1:{1}".format(*server.get_host_and_port())
    finally:
        server.stop()


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Lay the shelf in one bucket, and odd names in another; return an address to put a bucket's path in."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    assert httpx.post(f"http://{endpoint}/moto-api/reset").is_success
    client = boto3.client("s3", endpoint_url=f"http://{endpoint}", region_name="us-east-1")
    for bucket, names in BUCKETS.items():
        client.create_bucket(Bucket=bucket)
        for name in names:
            client.put_object(Bucket=bucket, Key=name, Body=name.encode())
    return f"s3://%s?endpoint_override={endpoint}&scheme=http&region=us-east-1"


def row(path: str, label: str | None = "cat", error: str | None = None) -> dict[str, object]:
    probabilities = dict.fromkeys(MANIFEST.labels, 0.25) if label else None
    return {"path": path, "label": label, "probabilities": probabilities, "error": error}


def table(answers: Answers, *rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=answers.schema)


def test_local_photographs_are_found_as_without_a_cluster_and_named_in_full(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shelf)
    found = list(find_stored(["deep", "*.jpg"]))
    assert [stored.path for stored in found] == [
        str(shelf / name) for name in ("deep/c.jpg", "deep/deeper/a.jpg", "b.jpg")
    ]
    assert [stored.size_bytes() for stored in found] == [10, 17, 5]
    assert not any(stored.named or stored.may_never_end() for stored in found)


def test_a_local_address_is_another_name_of_what_lies_there(shelf: Path) -> None:
    deep = shelf / "deep"
    found = list(find_stored([f"file://{deep}", str(deep), f"file://{deep}/c.jp%67", str(deep / "away.jpg")]))
    assert {stored.path: stored.named for stored in found} == {
        str(deep / "c.jpg"): True,
        str(deep / "deeper" / "a.jpg"): False,
        str(deep / "away.jpg"): True,
    }
    assert len(found) == 3


def test_an_address_is_looked_through_to_the_bottom_but_for_what_is_hidden(store: str) -> None:
    found = list(find_stored([store % "shelf"]))
    assert [stored.path for stored in found] == [
        f"s3://shelf/{name}" for name in ("b.jpg", "deep/c.jpg", "deep/deeper/a.jpg")
    ]
    assert found[1].size_bytes() == 10
    with found[1].open() as file:
        assert file.read(4) == b"deep"


@pytest.mark.parametrize(
    "names", [["deep", "deep"], ["deep", "deep/"], ["deep", "deep/deeper"], ["deep/c.jpg", "deep"]], ids=str
)
def test_a_photograph_that_is_named_twice_is_found_once_whatever_options_lead_to_it(
    store: str, names: list[str]
) -> None:
    options = ("", "&allow_bucket_creation=true")
    found = list(find_stored([store % f"shelf/{name}" + more for name, more in zip(names, options, strict=True)]))
    assert sorted(stored.path for stored in found) == [
        f"s3://shelf/{name}" for name in ("deep/c.jpg", "deep/deeper/a.jpg")
    ]
    assert [stored.named for stored in found if stored.path.endswith("c.jpg")] == ["deep/c.jpg" in names]


def test_what_arrow_cannot_open_is_said_and_all_else_in_a_bucket_found_once(store: str) -> None:
    found = {stored.path: stored for stored in find_stored([store % "odd", store % "odd/a"])}
    assert len(found) == len(list(find_stored([store % "odd", store % "odd/a"])))
    odd = {"s3://odd//", "s3://odd/a//"}
    assert found.keys() == odd | {"s3://odd/a/b.jpg", "s3://odd/e.jpg"}
    for path, stored in found.items():
        with pytest.raises(OSError, match="//") if path in odd else stored.open():
            stored.open().close()
    with pytest.raises(SettingsError, match=r"a//c.jpg.* cannot be looked into"):
        list(find_stored([store % "odd/a//c.jpg"]))


@pytest.mark.parametrize(("name", "size"), [("b.jpg", 5), ("away.jpg", 0)])
def test_the_address_of_one_photograph_names_it_whether_or_not_it_is_there(store: str, name: str, size: int) -> None:
    (stored,) = find_stored([store % f"shelf/{name}"])
    assert stored.named
    assert stored.size_bytes() == size


def test_a_photograph_that_is_not_there_cannot_be_opened(shelf: Path) -> None:
    (stored,) = find_stored([str(shelf / "away.jpg")])
    with pytest.raises(FileNotFoundError):
        stored.open()


def test_a_name_that_is_no_utf8_is_found_under_one_that_can_be_written(shelf: Path) -> None:
    Path(os.fsdecode(bytes(shelf / "deep") + b"/\xff.jpg")).write_bytes(b"x")
    assert rf"{shelf}/deep/\udcff.jpg" in [stored.path for stored in find_stored([str(shelf / "deep")])]


@pytest.mark.parametrize("name", ["nowhere://bucket/folder", "file://%zz", "file:///%ff"])
def test_what_is_no_address_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="is no address"):
        list(find_stored([name]))


def test_a_folder_that_leaves_while_it_is_looked_through_is_said_to_have_left(store: str) -> None:
    found = find_stored([store % "shelf"])
    next(found).filesystem.delete_dir("shelf/deep")
    with pytest.raises(SettingsError, match="cannot be looked into"):
        list(found)


def test_answers_are_there_for_the_next_run_and_for_whoever_reads_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "more" / "answers.parquet"
    first = Answers(str(out), MANIFEST)
    assert (first.earlier, first.failed) == (set(), 0)
    first.write(table(first, row("a.jpg"), row("b.jpg", None, "Empty file: no bytes.")))
    first.write(table(first, row("c.jpg", "dog")))
    second = Answers(f"file://{out}", MANIFEST)
    assert (second.earlier, second.failed) == ({"a.jpg", "b.jpg", "c.jpg"}, 1)
    second.write(table(second, row("d.jpg")))
    read = sorted(pq.read_table(out).to_pylist(), key=lambda entry: entry["path"])
    assert [entry["path"] for entry in read] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert read[0]["probabilities"] == {"cat": 0.25, "dog": 0.25, "neither": 0.25}
    assert read[1] == {"path": "b.jpg", "label": None, "probabilities": None, "error": "Empty file: no bytes."}


def test_a_file_that_was_being_written_at_the_end_of_a_run_is_passed_over_by_every_reader(tmp_path: Path) -> None:
    out = tmp_path / "answers.parquet"
    out.mkdir()
    (out / "_part-0123abcd-000000.parquet.partial").write_bytes(b"PAR1 and no more")
    answers = Answers(str(out), MANIFEST)
    answers.write(table(answers, row("a.jpg")))
    assert pq.read_table(out).num_rows == 1
    assert Answers(str(out), MANIFEST).earlier == {"a.jpg"}


def test_what_is_not_written_whole_has_a_name_that_readers_pass_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(str(tmp_path), MANIFEST)
    monkeypatch.setattr("catdog_api.parquet.pq.write_table", lambda *_: pytest.fail(str(list(tmp_path.iterdir()))))
    with pytest.raises(pytest.fail.Exception, match=r"/_part-\w+-000000\.parquet\.partial'"):
        answers.write(table(answers, row("a.jpg")))


def test_two_runs_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    first, second = (Answers(str(tmp_path), MANIFEST) for _ in range(2))
    first.write(table(first, row("a.jpg")))
    second.write(table(second, row("b.jpg")))
    assert sorted(pq.read_table(tmp_path)["path"].to_pylist()) == ["a.jpg", "b.jpg"]


def test_answers_of_another_model_are_not_mixed_with(tmp_path: Path) -> None:
    answers = Answers(str(tmp_path), MANIFEST)
    answers.write(table(answers, row("a.jpg")))
    with pytest.raises(SettingsError, match="answered by another model"):
        Answers(str(tmp_path), replace(MANIFEST, version="0.0.2"))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photograph.jpg").write_bytes(b"x")
    with pytest.raises(SettingsError, match=r"photograph\.jpg is none of its own files"):
        Answers(str(tmp_path), MANIFEST)


def test_a_file_in_the_folders_place_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "answers.parquet"
    out.write_bytes(b"x")
    with pytest.raises(SettingsError, match="cannot be kept"):
        Answers(str(out), MANIFEST)
    assert out.read_bytes() == b"x"


def test_answers_with_other_labels_are_not_mixed_with(tmp_path: Path) -> None:
    wolves = Answers(str(tmp_path), replace(MANIFEST, labels=("wolf", "husky")))
    wolves.write(wolves.schema.empty_table())
    with pytest.raises(SettingsError, match="other labels"):
        Answers(str(tmp_path), MANIFEST)


def test_a_file_that_is_no_parquet_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "part-0123abcd-000000.parquet").write_bytes(b"no parquet")
    with pytest.raises(SettingsError, match="cannot be kept"):
        Answers(str(tmp_path), MANIFEST)


def test_answers_that_cannot_be_written_end_the_run_with_a_sentence(tmp_path: Path) -> None:
    answers = Answers(str(tmp_path / "answers.parquet"), MANIFEST)
    shutil.rmtree(tmp_path / "answers.parquet")
    with pytest.raises(SettingsError, match="cannot be kept"):
        answers.write(table(answers, row("a.jpg")))
