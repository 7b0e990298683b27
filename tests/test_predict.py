"""End to end: real bytes over a real socket to the true model in a process of its own, and back."""

import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import skimage.data
from PIL import Image

from catdog_api.artifact import read_manifest
from catdog_api.settings import bundled
from tests.conftest import service_process

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def cat() -> bytes:
    """Return Chelsea, a photograph of a cat in the public domain (scikit-image, CC0), as a JPEG."""
    file = io.BytesIO()
    Image.fromarray(skimage.data.chelsea()).save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture
def client(service_url: str) -> httpx.Client:
    """Return a client of the service's process."""
    return httpx.Client(base_url=service_url, timeout=30)


def test_a_photograph_of_a_cat_is_a_cat(client: httpx.Client, cat: bytes) -> None:
    with client:
        answer = client.post("/predict", files={"file": ("chelsea.jpg", cat, "image/jpeg")}).json()
    assert answer["label"] == "cat"
    assert answer["probabilities"]["cat"] > 0.8
    assert answer["image"] == {"width": 451, "height": 300, "format": "JPEG"}


def test_both_ways_to_send_it_get_the_same_answer(client: httpx.Client, cat: bytes) -> None:
    with client:
        multipart = client.post("/predict", files={"file": cat}).json()
        raw = client.post("/predict", content=cat, headers={"Content-Type": "image/jpeg"}).json()
    assert multipart == raw


def test_a_grey_square_is_neither(client: httpx.Client) -> None:
    file = io.BytesIO()
    Image.new("RGB", (300, 300), (128, 128, 128)).save(file, "PNG")
    with client:
        assert client.post("/predict", files={"file": file.getvalue()}).json()["label"] == "neither"


def test_many_at_once_get_the_answer_that_one_gets_alone(client: httpx.Client, cat: bytes) -> None:
    def ask(_: int) -> dict[str, float]:
        probabilities: dict[str, float] = client.post("/predict", files={"file": cat}).json()["probabilities"]
        return probabilities

    with client, ThreadPoolExecutor(8) as pool:
        alone = ask(0)
        for probabilities in pool.map(ask, range(40)):
            assert probabilities == pytest.approx(alone, abs=1e-3)


def test_the_service_says_of_its_model_what_the_manifest_says(client: httpx.Client) -> None:
    manifest = read_manifest(bundled("models") / "catdog.keras")
    with client:
        answer = client.get("/model").json()
    assert (answer["sha256"], answer["labels"]) == (manifest.sha256, list(manifest.labels))
    assert answer["figures"] == manifest.figures


def test_the_model_keeps_within_its_bounds() -> None:
    model = bundled("models") / "catdog.keras"
    manifest = read_manifest(model)
    assert manifest.labels == ("cat", "dog", "neither")
    assert manifest.multiply_adds <= 400_000_000
    assert model.stat().st_size <= 12_000_000


def test_the_model_was_measured_and_is_as_good_as_promised() -> None:
    figures = read_manifest(bundled("models") / "catdog.keras").figures
    cat_against_dog, neither = figures["forced_choice"]["cat against dog"], figures["labels"]["neither"]
    assert cat_against_dog["kaggle"]["value"] >= 0.98
    assert cat_against_dog["breeds"]["value"] >= 0.97
    assert cat_against_dog["imagewoof"]["value"] >= 0.97
    assert figures["accuracy"]["value"] >= 0.965  # 0.97 is wanted
    assert neither["auroc"]["value"] >= 0.995
    assert neither["auroc_by_source"]["wildlife"]["value"] >= 0.97
    assert figures["expected_calibration_error"]["value"] <= 0.010


def test_the_command_answers_as_the_service_does(client: httpx.Client, cat: bytes, tmp_path: Path) -> None:
    path = tmp_path / "chelsea.jpg"
    path.write_bytes(cat)
    command = [sys.executable, "-m", "catdog_api", "predict", "--json", str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    assert output.stderr == ""
    with client:
        served = client.post("/predict", files={"file": cat}).json()
    answer = json.loads(output.stdout)
    assert answer.pop("path") == str(path)
    assert answer.pop("probabilities") == pytest.approx(served.pop("probabilities"), abs=1e-3)
    assert answer == served


def test_several_workers_answer_alike_count_as_one_and_end_in_order(tmp_path: Path, cat: bytes) -> None:
    with service_process(tmp_path / "log", "--workers", "2") as url:
        answers = [httpx.post(f"{url}/predict", files={"file": cat}, timeout=30).json() for _ in range(6)]
        series = httpx.get(f"{url}/metrics").text
    assert all(answer == answers[0] for answer in answers)
    assert 'catdog_requests_total{method="POST",route="/predict",status="200"} 6.0' in series
    assert "process_resident_memory_bytes" in series
