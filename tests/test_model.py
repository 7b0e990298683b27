"""The model that is delivered, pinned: what it says of drawings, and of 500 photographs of the test split.

A new model changes these figures on purpose; nothing else may.
"""

import csv
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import PIL.Image
import pytest
from PIL import ImageDraw

from catdog_api.classifier import Classifier, load
from catdog_api.decoding import decode
from catdog_api.precision import TOLERANCE, draw, largest_change
from catdog_api.settings import bundled
from catdog_api.tensors import Image, Images
from tests.images import encode, quarters

pytestmark = pytest.mark.model

PHOTOGRAPHS = Path(__file__).resolve().parents[2] / "shared" / "data"
FEW = 500


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Load the artifact that the service serves."""
    return load(bundled("models") / "catdog.keras")


def face(ears: str) -> PIL.Image.Image:
    """Draw a head with pointed or hanging ears, which is no photograph of anything."""
    drawing = PIL.Image.new("RGB", (200, 160), (90, 140, 80))
    pen = ImageDraw.Draw(drawing)
    for left in (50, 110):
        if ears == "pointed":
            pen.polygon([(left, 70), (left + 20, 15), (left + 40, 70)], (150, 110, 70))
        else:
            pen.ellipse((left - 10, 50, left + 20, 130), (110, 70, 40))
    pen.ellipse((45, 45, 155, 145), (170, 130, 90))
    for left in (70, 110):
        pen.ellipse((left, 75, left + 16, 91), (20, 30, 20))
    pen.polygon([(92, 105), (108, 105), (100, 115)], (60, 30, 30))
    return drawing


DRAWN = {
    "quarters": (quarters(160, 120), [0.0298, 0.0086, 0.9616]),
    "pointed": (face("pointed"), [0.0015, 0.0019, 0.9966]),
    "hanging": (face("hanging"), [0.0014, 0.0019, 0.9967]),
}


@pytest.mark.parametrize(("drawing", "probabilities"), DRAWN.values(), ids=DRAWN)
def test_drawings_get_the_answer_that_they_always_got(
    drawing: PIL.Image.Image, probabilities: list[float], classifier: Classifier
) -> None:
    image = decode(encode(drawing, "PNG"), classifier.manifest.input_size, max_pixels=10**6).image
    assert classifier.predict(image[None])[0] == pytest.approx(np.array(probabilities), abs=1e-3)


def test_callers_at_the_same_time_share_the_cores_and_wait_for_no_other() -> None:
    script = """
import pathlib
from catdog_api.classifier import load, share_cores, tf
share_cores(3, 7)
classifier = load(pathlib.Path(PATH))
classifier.warm_up()
names = [(task / "comm").read_text().strip() for task in pathlib.Path("/proc/self/task").iterdir()]
print(names.count("tf_Compute"), tf.config.threading.get_intra_op_parallelism_threads())
""".replace("PATH", repr(str(bundled("models") / "catdog.keras")))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)  # noqa: S603  # ours
    assert done.stdout.split() == ["3", "2"]


@pytest.fixture(scope="module")
def photographs(classifier: Classifier) -> tuple[Images, list[str]]:
    """Return a fixed part of the test split, and the labels."""
    if not PHOTOGRAPHS.exists():
        pytest.skip("the photographs are not beside the checkout")
    with (PHOTOGRAPHS / "index.csv").open(newline="") as index:
        rows = [row for row in csv.DictReader(index) if row["split"] == "test"]
    few = sorted(rows, key=lambda row: hashlib.sha256(row["member"].encode()).digest())[:FEW]
    shards = {name: zipfile.ZipFile(PHOTOGRAPHS / name) for name in {row["shard"] for row in few}}
    files = [shards[row["shard"]].read(row["member"]) for row in few]
    for shard in shards.values():
        shard.close()
    images = [decode(file, classifier.manifest.input_size, max_pixels=10**6).image for file in files]
    return np.stack(images), [row["label"] for row in few]


def test_of_500_photographs_as_many_are_answered_rightly_as_always(
    classifier: Classifier, photographs: tuple[Images, list[str]]
) -> None:
    images, labels = photographs
    answers = np.concatenate([classifier.predict(images[at : at + 20]) for at in range(0, FEW, 20)])
    right = [
        classifier.manifest.labels[answer.argmax()] == label for answer, label in zip(answers, labels, strict=True)
    ]
    assert sum(right) == pytest.approx(488, abs=1)  # another processor rounds otherwise


def test_bfloat16_may_be_chosen_because_it_answers_as_float32_does(
    classifier: Classifier, photographs: tuple[Images, list[str]]
) -> None:
    rounded = load(bundled("models") / "catdog.keras", "bfloat16")
    drawn, temperature = draw(8, rounded.manifest.input_size), rounded.manifest.temperature
    assert largest_change(rounded.logits(drawn), classifier.logits(drawn), temperature) < TOLERANCE
    batches = [photographs[0][at : at + 20] for at in range(0, FEW, 20)]
    found, expected = (np.concatenate([each.predict(batch) for batch in batches]) for each in (rounded, classifier))
    assert np.sum(found.argmax(axis=1) != expected.argmax(axis=1)) <= 2
    assert np.abs(found - expected).max() < 0.03
    assert np.abs(found - expected).mean() < 0.001
    alone = np.concatenate([rounded.predict(image[None]) for image in batches[0]])
    assert alone == pytest.approx(found[:20], abs=1e-3)


def test_the_mean_of_a_labels_map_plus_its_bias_is_its_logit(
    classifier: Classifier, photographs: tuple[Images, list[str]]
) -> None:
    images = photographs[0][:20]
    network = keras.models.load_model(bundled("models") / "catdog.keras", compile=False)
    logits = np.asarray(network(images, training=False))
    for look, of_one in zip(classifier.look(images), logits, strict=True):
        assert look.maps.mean(axis=(0, 1)) + look.biases == pytest.approx(of_one, abs=1e-3)


def test_the_heat_lies_on_the_photograph_and_not_on_the_grey_square_beside_it(
    classifier: Classifier, photographs: tuple[Images, list[str]]
) -> None:
    images, labels = photographs
    pets = [(image, label) for image, label in zip(images, labels, strict=True) if label != "neither"][:200]
    grey = np.full_like(images[0], 128)
    shares = []
    for number, (image, label) in enumerate(pets):
        is_left = number % 2 == 0
        pair = np.concatenate([image, grey] if is_left else [grey, image], axis=1)
        (look,) = classifier.look(squashed(pair)[None])
        # Its own label's, whatever the answer: a grey square is good evidence of *neither*.
        heat = np.maximum(look.maps[..., classifier.manifest.labels.index(label)], 0)
        columns = heat.sum(axis=0) if is_left else heat.sum(axis=0)[::-1]
        half = len(columns) // 2
        on_photograph = columns[:half].sum() + len(columns) % 2 * columns[half] / 2  # the middle one is half of each
        shares.append(on_photograph / max(float(heat.sum()), 1e-6))  # no heat at all is none on it
    assert np.mean(np.array(shares) >= 0.7) >= 0.95


def squashed(pair: Images) -> Image:
    """Bring a wide picture to the square as the service does."""
    size = pair.shape[0]
    return decode(encode(PIL.Image.fromarray(pair), "PNG"), size, max_pixels=10**6).image
