"""`catdog-api predict --engine ray` on two nodes with the true model, and moto's S3 on loopback."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import ray
from moto.server import ThreadedMotoServer
from pyarrow import fs
from pyarrow import parquet as pq

from benchmarks.cluster import Nodes, wait_until
from benchmarks.photographs import draw
from catdog_api.app import load_model
from catdog_api.decoding import decode
from catdog_api.settings import Settings
from tests.cluster.jobs import PHOTOGRAPHS, ended, shelf, started, watched

OTHERS = {
    "photographs/2026/notes.txt": b"no image",
    "photographs/2026/empty.jpg": b"",
    "photographs/2026/cut.jpg": draw(1)[0][:3000],
}


class Taking:
    """Takes cores, and does nothing with them."""


@pytest.fixture
def options() -> Iterator[str]:
    """Serve S3 with photographs in it; return what an address needs behind its `?`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        given = f"endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
        yield given
    finally:
        server.stop()


def put(options: str, files: dict[str, bytes]) -> None:
    bucket, _ = fs.FileSystem.from_uri(f"s3://photographs?{options}")
    bucket.create_dir("photographs")
    for path, data in files.items():
        with bucket.open_output_stream(path) as stream:
            stream.write(data)


def predict(nodes: Nodes, options: str) -> tuple[int, str]:
    """Run the command from the one bucket to the other; return its status, and what it says last."""
    return ended(started(nodes, f"s3://photographs/2026?{options}", "--out", f"s3://answers/2026.parquet?{options}"))


def answers(options: str) -> pa.Table:
    filesystem, path = fs.FileSystem.from_uri(f"s3://answers/2026.parquet?{options}")
    return pq.read_table(path, filesystem=filesystem)


def test_who_watches_a_bucket_sees_how_far_it_is(nodes: Nodes, tmp_path: Path) -> None:
    with watched(nodes, tmp_path, ("-m", "catdog_api")) as (job, seen):
        assert set(seen) - {0, 1000}
    assert job.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_job_that_is_told_to_end_keeps_what_is_answered(nodes: Nodes, tmp_path: Path, number: signal.Signals) -> None:
    never = "import sys; from catdog_api import cli, cluster; cluster.KEPT_SECONDS = 3600; sys.exit(cli.main())"
    with watched(nodes, tmp_path, ("-c", never)) as (job, seen):
        next(count for count in seen if count)
        assert not any((tmp_path / "answers.parquet").iterdir())
        job.send_signal(number)
        assert 1000 not in set(seen)
    assert job.returncode != 0
    assert 0 < pq.read_table(tmp_path / "answers.parquet").num_rows < 1000


def test_a_bucket_is_answered_as_the_model_answers_and_given_again_only_what_is_new(nodes: Nodes, options: str) -> None:
    put(options, PHOTOGRAPHS | OTHERS)
    status, said = predict(nodes, options)
    assert status == 1, said
    assert said.endswith("2 without an answer; 1 passed over, which are no images")
    rows = {row["path"].removeprefix("s3://"): row for row in answers(options).to_pylist()}
    assert rows.keys() == PHOTOGRAPHS.keys() | {"photographs/2026/empty.jpg", "photographs/2026/cut.jpg"}
    model = load_model(Settings(precision="float32"))
    for path, data in PHOTOGRAPHS.items():
        image = decode(data, model.manifest.input_size, max_pixels=50_000_000).image
        probabilities = model.look(image[None])[0].probabilities
        assert list(rows[path]["probabilities"].values()) == pytest.approx(probabilities.tolist(), abs=1e-4)
        assert rows[path]["label"] == model.manifest.labels[probabilities.argmax()]
        assert rows[path]["error"] is None
    assert rows["photographs/2026/cut.jpg"]["error"] == "Damaged image: The JPEG image ends early or is damaged."
    assert rows["photographs/2026/empty.jpg"]["label"] is None

    put(options, {"photographs/2026/later/new.jpg": PHOTOGRAPHS["photographs/2026/00.jpg"]})
    status, said = predict(nodes, options)
    assert status == 1, said  # those without an answer are still without one
    assert said.startswith("1 answered, ")
    assert said.endswith("1 passed over, which are no images; 22 answered before")
    table = answers(options)
    assert len(table) == len(set(table["path"].to_pylist())) == 23


def test_what_could_not_be_read_is_answered_by_the_next_run(nodes: Nodes, tmp_path: Path) -> None:
    later, there = tmp_path / "later.jpg", tmp_path / "there.jpg"
    there.write_bytes(PHOTOGRAPHS["photographs/2026/00.jpg"])
    arguments = [str(later), str(there), "--out", str(tmp_path / "answers.parquet")]
    status, said = ended(started(nodes, *arguments))
    assert status == 1
    assert said.startswith("1 answered, ")
    assert said.endswith("; 1 without an answer")
    later.write_bytes(PHOTOGRAPHS["photographs/2026/01.jpg"])
    status, said = ended(started(nodes, *arguments))
    assert status == 0
    assert said.startswith("1 answered, ")
    assert said.endswith("; 1 answered before")
    rows = pq.read_table(tmp_path / "answers.parquet").to_pylist()
    assert {row["path"]: row["error"] for row in rows} == {str(later): None, str(there): None}


def test_a_job_says_that_it_waits_for_cores_that_others_have(nodes: Nodes, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PHOTOGRAPHS["photographs/2026/00.jpg"])
    wait_until(lambda: ray.available_resources().get("CPU") == 4, "all cores free")
    others = [ray.remote(num_cpus=2)(Taking).remote() for _ in nodes.workers]
    ray.get([other.__ray_ready__.remote() for other in others])
    with started(nodes, str(tmp_path / "a.jpg"), "--out", str(tmp_path / "answers.parquet")) as job:
        assert job.stderr
        said = next(line for line in job.stderr if "Ray" in line)
        assert said == "All cores of the Ray cluster are taken; waiting for one ...\n"
        for other in others:
            ray.kill(other)
        status, said = ended(job)
    assert status == 0, said
    assert said.startswith("1 answered, ")


def test_a_job_that_is_killed_is_gone_on_with_where_it_was(nodes: Nodes, tmp_path: Path) -> None:
    photographs, out = shelf(tmp_path / "photographs"), tmp_path / "answers.parquet"
    often = "import sys; from catdog_api import cli, cluster; cluster.KEPT_ROWS = 50; sys.exit(cli.main())"
    with started(nodes, str(tmp_path / "photographs"), "--out", str(out), program=("-c", often)) as job:
        wait_until(lambda: any(out.glob("part-*-000001.parquet")), "answers")
        job.kill()
    before = pq.read_table(out).num_rows  # there may be half a file, too
    assert 0 < before < len(photographs)
    status, said = ended(started(nodes, str(tmp_path / "photographs"), "--out", str(out)))
    assert status == 0, said
    assert said.startswith(f"{len(photographs) - before:,} answered, ")
    assert said.endswith(f"{before:,} answered before")
    assert sorted(pq.read_table(out)["path"].to_pylist()) == sorted(photographs)
