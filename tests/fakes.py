"""Small real classes that stand in for the network, and for who watches, where a test is about the service around."""

import threading
from collections.abc import Sequence

import numpy as np

from catdog_api.artifact import Manifest
from catdog_api.errors import PredictionError
from catdog_api.tensors import Images, Look, Probabilities

MANIFEST = Manifest(
    name="fake", version="0.0.1", labels=("cat", "dog", "neither"), input_size=32, sha256="0" * 64, temperature=1.0
)


class ColourClassifier:
    """Answers by the mean colour: red is the first label, green the second, blue the third."""

    def __init__(self, manifest: Manifest = MANIFEST) -> None:
        self.manifest = manifest
        self.precision = "float32"
        self.batches: list[int] = []

    def warm_up(self) -> None:
        """There is nothing to warm."""

    def predict(self, images: Images) -> Probabilities:
        """Return the share of each colour."""
        self.batches.append(len(images))
        colours = images.astype(np.float32).mean(axis=(1, 2)) + 1
        probabilities: Probabilities = (colours / colours.sum(axis=1, keepdims=True)).astype(np.float32)
        return probabilities

    def look(self, images: Images) -> list[Look]:
        """Answer, and point at the upper left quarter; a label's logit is the logarithm of its probability."""
        evidence = np.zeros((4, 4), np.float32)
        evidence[:2, :2] = 4
        return [
            Look(row, np.repeat(evidence[..., None], len(row), axis=-1), np.log(row) - 1)
            for row in self.predict(images)
        ]


class GatedClassifier(ColourClassifier):
    """Waits in `predict` until the test opens the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.gate = threading.Event()

    def predict(self, images: Images) -> Probabilities:
        """Say that a batch has arrived, wait for the gate, answer."""
        self.entered.set()
        assert self.gate.wait(10), "the test forgot to open the gate"
        return super().predict(images)


class FailingClassifier(ColourClassifier):
    """Fails on the batches that the test names, counted from 0, and answers the others."""

    def __init__(self, failing: Sequence[int] = (0,)) -> None:
        super().__init__()
        self.failing = failing

    def predict(self, images: Images) -> Probabilities:
        """Fail or answer."""
        answer = super().predict(images)
        if len(self.batches) - 1 in self.failing:
            raise PredictionError("The network gave no probabilities for this photograph.")
        return answer


class Witness:
    """Remembers what the batcher tells."""

    def __init__(self) -> None:
        self.depths: list[int] = []
        self.sizes: list[int] = []

    def queue_changed(self, depth: int) -> None:
        """Remember how many images have a place."""
        self.depths.append(depth)

    def batch_formed(self, size: int) -> None:
        """Remember how many images the model was given."""
        self.sizes.append(size)


class LongWork:
    """Keeps a thread until the test opens the gate."""

    def __init__(self) -> None:
        self.entered, self.gate = threading.Event(), threading.Event()

    def __call__(self) -> None:
        """Wait."""
        self.entered.set()
        assert self.gate.wait(10), "the test forgot to open the gate"
