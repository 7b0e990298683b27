"""The singleton classifier: verify, load and warm up the model artifact, and predict; the only importer of Keras."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from catdog_api.artifact import Manifest, read_manifest, verify
from catdog_api.errors import ArtifactError, PredictionError
from catdog_api.labels import softmax
from catdog_api.tensors import ActivationMaps, Images, Logits, Look, Probabilities


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Silence what TensorFlow's C++ side announces while it is imported; Python's exceptions still get through.

    It logs before its log level can be set, so the file descriptor itself is turned away.
    """
    saved = os.dup(2)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # a device, not a path
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Whatever its user trains with: the service calls the network through `tf.function`.
os.environ["KERAS_BACKEND"] = "tensorflow"
with _quiet_stderr():
    import keras
    import tensorflow as tf

WARM_UP_SIZES = (1, 2, 4, 8)
POOLING, LOGITS = "pooling", "logits"
"""The layers that end a network: a global average over height and width, and one dense layer."""


class Classifier:
    """A loaded network. Made once, in the lifespan, by `load`; `predict` may be called from any thread.

    Attributes:
        manifest: What the network is: labels, input size, version, figures.
    """

    def __init__(self, network: keras.Model, manifest: Manifest) -> None:
        self.manifest = manifest
        size = manifest.input_size
        features = keras.Model(network.input, network.get_layer(POOLING).input)
        dense = network.get_layer(LOGITS)
        self._biases: Logits = dense.bias.numpy()
        # The dense layer before the pooling in place of behind it: the same logits, and where each comes from.
        # One traced function of fixed signature: a call costs an eighth of `model.predict` (measured: 6 ms, not 50).
        self._maps = tf.function(
            lambda images: tf.tensordot(tf.cast(features(images, training=False), tf.float32), dense.kernel, 1),
            input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)],
            autograph=False,  # there is no Python control flow to translate, and it would need a writable folder
        )

    def warm_up(self) -> None:
        """Run the batch sizes that the service forms first, so that no request pays for tracing and allocation."""
        size = self.manifest.input_size
        for count in WARM_UP_SIZES:
            self.predict(np.zeros((count, size, size, 3), np.uint8))

    def logits(self, images: Images) -> Logits:
        """Return what the network says before calibration and softmax.

        Args:
            images: uint8 (N, size, size, 3), RGB in [0, 255].

        Returns:
            float32 (N, labels).
        """
        logits: Logits = self._activation_maps(images).mean(axis=(1, 2)) + self._biases
        return logits

    def predict(self, images: Images) -> Probabilities:
        """Classify a batch.

        Args:
            images: uint8 (N, size, size, 3), RGB in [0, 255].

        Returns:
            float32 (N, labels), calibrated, rows in [0, 1] that sum to 1.

        Raises:
            PredictionError: The network gave something that is not a number.
        """
        return self._probabilities(self.logits(images))

    def look(self, images: Images) -> list[Look]:
        """Classify a batch, and say where each label was seen.

        Args:
            images: uint8 (N, size, size, 3), RGB in [0, 255].

        Returns:
            One for each image.

        Raises:
            PredictionError: The network gave something that is not a number.
        """
        maps = self._activation_maps(images)
        probabilities = self._probabilities(maps.mean(axis=(1, 2)) + self._biases)
        return [Look(row, of_one, self._biases) for row, of_one in zip(probabilities, maps, strict=True)]

    def _activation_maps(self, images: Images) -> ActivationMaps:
        maps: ActivationMaps = self._maps(tf.constant(images)).numpy()
        return maps

    def _probabilities(self, logits: Logits) -> Probabilities:
        probabilities = softmax(logits, self.manifest.temperature)
        if not np.isfinite(probabilities).all():
            raise PredictionError("The network gave no probabilities for this photograph.")
        return probabilities


def load(model: Path) -> Classifier:
    """Load a model artifact and check that it is what its manifest says.

    Args:
        model: The `.keras` file; its manifest lies beside it.

    Raises:
        ArtifactError: It is missing, damaged, or of other shapes than the manifest says.
    """
    manifest = read_manifest(model)
    verify(model, manifest)
    try:
        network = keras.models.load_model(model, compile=False, safe_mode=True)
    except Exception as error:  # Keras documents no exceptions; whatever it is, there is nothing to serve
        raise ArtifactError(f"The model {model} cannot be loaded: {type(error).__name__}.") from error
    size, labels = manifest.input_size, len(manifest.labels)
    if network.input_shape != (None, size, size, 3) or network.output_shape != (None, labels):
        raise ArtifactError(
            f"The model {model} maps {network.input_shape} to {network.output_shape}, but its manifest says "
            f"{(None, size, size, 3)} to {(None, labels)}."
        )
    if {POOLING, LOGITS} - {layer.name for layer in network.layers}:
        raise ArtifactError(f"The model {model} does not end in the layers '{POOLING}' and '{LOGITS}'.")
    return Classifier(network, manifest)
