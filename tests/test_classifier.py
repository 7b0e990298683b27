"""Loading a model artifact: what is served, and what stops the start."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from catdog_api import precision
from catdog_api.artifact import Manifest, file_sha256, manifest_path, read_manifest, verify, write_manifest
from catdog_api.classifier import WARM_UP_SIZES, load, share_cores
from catdog_api.errors import ArtifactError, PredictionError
from catdog_api.queues import MAX_BATCH

pytestmark = pytest.mark.model

SIZE = 16
LABELS = ("cat", "dog", "neither")


@pytest.fixture(scope="module")
def drawn_model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a real `.keras` file: the mean colours, through a convolution, weighted by nothing that was trained."""
    images = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 64 / 1.1)(images)
    convolution = keras.layers.Conv2D(3, 1, use_bias=False)
    features = keras.layers.GlobalAveragePooling2D(name="pooling")(convolution(scaled))
    convolution.set_weights([1.1 * np.eye(3).reshape(1, 1, 3, 3)])  # of which bfloat16 makes 1.1015625
    path = tmp_path_factory.mktemp("drawn") / "model.keras"
    keras.Model(images, keras.layers.Dense(3, kernel_initializer="identity", name="logits")(features)).save(path)
    return path.read_bytes()


@pytest.fixture
def model(tmp_path: Path, drawn_model: bytes) -> Path:
    """Return where a whole artifact lies."""
    path = tmp_path / "model.keras"
    path.write_bytes(drawn_model)
    write_manifest(Manifest("drawn", "1.2.3", LABELS, SIZE, file_sha256(path), temperature=2.0), path)
    return path


def colours(*rows: list[int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.stack([np.full((SIZE, SIZE, 3), row, np.uint8) for row in rows])


def test_a_whole_artifact_answers_with_calibrated_probabilities(model: Path) -> None:
    classifier = load(model)
    classifier.warm_up()
    probabilities = classifier.predict(colours([255, 0, 0], [0, 128, 0]))
    odds = np.exp(np.array([[255, 0, 0], [0, 128, 0]]) / 64 / 2.0)
    assert probabilities == pytest.approx(odds / odds.sum(axis=1, keepdims=True), abs=1e-5)
    assert probabilities.dtype == np.float32


def test_an_image_alone_and_in_a_batch_gets_the_same_answer(model: Path) -> None:
    classifier = load(model)
    images = colours([255, 0, 0], [1, 2, 3], [7, 200, 9])
    together = classifier.predict(images)
    alone = np.concatenate([classifier.predict(image[None]) for image in images])
    assert together == pytest.approx(alone, abs=1e-3)


def test_a_look_says_what_predict_says_and_where_each_label_was_seen(model: Path) -> None:
    classifier = load(model)
    images = colours([255, 0, 0], [7, 200, 9])
    images[0, :, SIZE // 2 :] = 0  # red on the left alone
    looks = classifier.look(images)
    assert np.stack([look.probabilities for look in looks]) == pytest.approx(classifier.predict(images), abs=1e-6)
    assert looks[0].maps.shape == (SIZE, SIZE, len(LABELS))
    assert looks[0].maps[:, : SIZE // 2, 0] == pytest.approx(255 / 64)
    assert looks[0].maps[:, SIZE // 2 :, 0] == pytest.approx(0)


def test_a_network_that_ends_otherwise_is_refused(model: Path) -> None:
    images = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 64)(images))
    keras.Model(images, keras.layers.Dense(3)(flat)).save(model)
    write_manifest(replace(read_manifest(model), sha256=file_sha256(model)), model)
    with pytest.raises(ArtifactError, match="does not end in the layers 'pooling' and 'logits'"):
        load(model)


def test_bfloat16_is_obeyed_where_it_is_asked_for(model: Path) -> None:
    exact, rounded = load(model), load(model, "bfloat16")
    rounded.warm_up()
    assert (exact.precision, rounded.precision) == ("float32", "bfloat16")
    images = colours([255, 1, 77])
    assert rounded.logits(images) == pytest.approx(exact.logits(images), rel=2**-7)
    assert not np.array_equal(rounded.logits(images), exact.logits(images))
    assert rounded.predict(images).dtype == np.float32


@pytest.mark.parametrize(
    ("clearly", "tolerance", "settled"),
    [
        pytest.param(0, 1, "bfloat16", id="faster-and-alike"),
        pytest.param(float("inf"), 1, "float32", id="slower"),
        pytest.param(0, 1e-6, "float32", id="different"),
    ],
)
def test_auto_settles_by_the_clock_and_the_answers_while_it_warms_up(
    model: Path, monkeypatch: pytest.MonkeyPatch, clearly: float, tolerance: float, settled: str
) -> None:
    monkeypatch.setattr(precision, "CLEARLY", clearly)
    monkeypatch.setattr(precision, "TOLERANCE", tolerance)
    classifier = load(model, "auto")
    classifier.warm_up()
    images = colours([255, 1, 77])
    assert classifier.precision == settled
    assert np.array_equal(classifier.logits(images), load(model, settled).logits(images))


def test_tensorflow_keeps_the_threads_with_which_it_has_begun(model: Path) -> None:
    load(model).predict(colours([1, 2, 3]))
    before = tf.config.threading.get_inter_op_parallelism_threads()
    share_cores(before + 7, before + 7)
    assert tf.config.threading.get_inter_op_parallelism_threads() == before


def test_what_is_not_a_number_is_never_an_answer(model: Path) -> None:
    classifier = load(model)
    classifier.manifest = replace(classifier.manifest, temperature=float("nan"))
    with pytest.raises(PredictionError, match="no probabilities"):
        classifier.predict(colours([1, 2, 3]))
    with pytest.raises(ArtifactError, match=r"The model .* gives no probabilities"):
        classifier.warm_up()


def test_a_missing_model_is_named(model: Path) -> None:
    model.unlink()
    with pytest.raises(ArtifactError, match="cannot be read: No such file"):
        load(model)


def test_a_missing_manifest_is_named(model: Path) -> None:
    manifest_path(model).unlink()
    with pytest.raises(ArtifactError, match=r"manifest .* is missing"):
        load(model)


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_truncated_model_does_not_match_its_manifest(model: Path, keep: int) -> None:
    model.write_bytes(model.read_bytes()[:keep])
    with pytest.raises(ArtifactError, match="truncated, or not the one"):
        load(model)


def test_a_file_that_is_no_model_is_refused_even_where_the_checksum_agrees(model: Path) -> None:
    model.write_bytes(b"not a model")
    write_manifest(replace(read_manifest(model), sha256=file_sha256(model)), model)
    with pytest.raises(ArtifactError, match="cannot be loaded"):
        load(model)


@pytest.mark.parametrize(
    "change", [pytest.param({"input_size": 32}, id="size"), pytest.param({"labels": ("cat", "dog")}, id="labels")]
)
def test_a_model_of_other_shapes_than_its_manifest_says_is_refused(model: Path, change: dict[str, Any]) -> None:
    write_manifest(replace(read_manifest(model), **change), model)
    with pytest.raises(ArtifactError, match="its manifest says"):
        load(model)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[1, 2]", id="no-object"),
        pytest.param("{}", id="no-labels"),
        pytest.param('{"labels": ["cat", "dog"]}', id="fields-missing"),
        pytest.param('{"labels": 5}', id="labels-no-list"),
        pytest.param('{"labels": "abc"}', id="labels-of-letters"),
    ],
)
def test_a_manifest_that_describes_no_model_is_refused(model: Path, text: str) -> None:
    manifest_path(model).write_text(text)
    with pytest.raises(ArtifactError, match="does not describe a model"):
        load(model)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"labels": ["cat"]}, id="one-label"),
        pytest.param({"labels": ["cat", "cat"]}, id="twice-the-same"),
        pytest.param({"labels": ["cat", ""]}, id="nameless-label"),
        pytest.param({"labels": [1, 2]}, id="labels-of-numbers"),
        pytest.param({"input_size": 0}, id="size-0"),
        pytest.param({"input_size": "128"}, id="size-of-text"),
        pytest.param({"temperature": 0}, id="temperature-0"),
        pytest.param({"temperature": None}, id="no-temperature"),
        pytest.param({"temperature": float("inf")}, id="temperature-infinite"),
        pytest.param({"name": None}, id="no-name"),
        pytest.param({"version": 1}, id="version-of-numbers"),
        pytest.param({"sha256": 0}, id="checksum-of-numbers"),
        pytest.param({"parameters": "many"}, id="parameters-of-text"),
        pytest.param({"multiply_adds": None}, id="no-multiply-adds"),
        pytest.param({"figures": []}, id="figures-no-object"),
    ],
)
def test_a_manifest_with_absurd_values_is_refused(model: Path, change: dict[str, Any]) -> None:
    path = manifest_path(model)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ArtifactError, match=f"makes no sense: {next(iter(change))} "):
        load(model)


def test_a_manifest_is_read_as_it_was_written(model: Path) -> None:
    manifest = replace(read_manifest(model), figures={"accuracy": {"value": 0.97, "n": 100}})
    write_manifest(manifest, model)
    assert read_manifest(model) == manifest
    verify(model, manifest)


@pytest.mark.skipif(sys.platform != "linux", reason="reads each thread's niceness from /proc")
def test_tensorflows_threads_yield_and_the_first_does_not() -> None:
    program = """
import os
from contextlib import suppress
from pathlib import Path
from catdog_api import classifier
classifier.share_cores(2, 2)
for task in Path("/proc/self/task").iterdir():
    with suppress(FileNotFoundError):  # it has ended meanwhile
        niceness = int((task / "stat").read_text().rpartition(") ")[2].split()[16]) - os.nice(0)
        print((task / "comm").read_text().strip() if int(task.name) != os.getpid() else "first", niceness)
"""
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603  # ours
    lines = ran.stdout.splitlines()
    assert lines.count("tf_Compute 5") == 2
    assert "first 0" in lines


def test_the_largest_batch_is_no_surprise() -> None:
    assert max(WARM_UP_SIZES) == MAX_BATCH
