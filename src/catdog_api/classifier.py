"""The singleton classifier: verify, load and warm up the model artifact, and predict; the only importer of Keras."""

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from catdog_api.artifact import Manifest, read_manifest, verify
from catdog_api.errors import ArtifactError, PredictionError
from catdog_api.labels import softmax
from catdog_api.memory import give_back
from catdog_api.precision import draw, is_better
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
NICENESS = 5  # at 0 nobody yields; at 10 other programs of a machine would take nearly all of it
POOLING, LOGITS = "pooling", "logits"
"""The layers that end a network: a global average over height and width, and one dense layer."""


class Classifier:
    """A loaded network. Made once, in the lifespan, by `load`; `predict` may be called from any thread, and by several.

    Attributes:
        manifest: What the network is: labels, input size, version, figures.
        precision: In what its convolutions compute, `float32` or `bfloat16`; `auto` until `warm_up` has decided.
    """

    def __init__(self, network: keras.Model, manifest: Manifest, precision: str) -> None:
        self.manifest = manifest
        self.precision = precision
        self._network = network
        self._biases: Logits = network.get_layer(LOGITS).bias.numpy()
        self._maps = _traced(_in_bfloat16(network) if precision == "bfloat16" else network)

    def warm_up(self) -> None:
        """Settle the precision, and run batches of up to the largest size, so that no request pays for either.

        Raises:
            ArtifactError: The network gives no probabilities, whatever it is shown.
        """
        images = draw(max(WARM_UP_SIZES), self.manifest.input_size)
        if self.precision == "auto":
            self._decide(images)
        try:
            for count in WARM_UP_SIZES:
                self.predict(images[:count])
        except PredictionError as error:
            name, version = self.manifest.name, self.manifest.version
            raise ArtifactError(f"The model {name} {version} gives no probabilities.") from error
        gc.collect()
        give_back()  # tracing took 70 MB, which glibc would keep (measured)

    def _decide(self, images: Images) -> None:
        exact, rounded = self._maps, _traced(_in_bfloat16(self._network))
        better = is_better(
            lambda batch: self._pooled(rounded(batch)),
            lambda batch: self._pooled(exact(batch)),
            images,
            self.manifest.temperature,
        )
        self.precision, self._maps = ("bfloat16", rounded) if better else ("float32", exact)

    def logits(self, images: Images) -> Logits:
        """Return what the network says before calibration and softmax.

        Args:
            images: uint8 (N, size, size, 3), RGB in [0, 255].

        Returns:
            float32 (N, labels).
        """
        return self._pooled(self._maps(images))

    def predict(self, images: Images) -> Probabilities:
        """Answer a batch.

        Args:
            images: uint8 (N, size, size, 3), RGB in [0, 255].

        Returns:
            float32 (N, labels), calibrated, rows in [0, 1] that sum to 1.

        Raises:
            PredictionError: The network gave something that is not a number.
        """
        probabilities = softmax(self.logits(images), self.manifest.temperature)
        if not np.isfinite(probabilities).all():
            raise PredictionError("The network gave no probabilities.")
        return probabilities

    def look(self, images: Images) -> list[Look]:
        """Answer a batch, and say where each label was seen.

        Args:
            images: uint8 (N, size, size, 3), RGB in [0, 255].

        Returns:
            One for each image; what is no number stays in it, for who asked about that image to judge.
        """
        maps = self._maps(images)
        probabilities = softmax(self._pooled(maps), self.manifest.temperature)
        return [Look(row, of_one, self._biases) for row, of_one in zip(probabilities, maps, strict=True)]

    def _pooled(self, maps: ActivationMaps) -> Logits:
        logits: Logits = maps.mean(axis=(1, 2)) + self._biases
        return logits


def share_cores(callers: int, cores: int) -> None:
    """Let several threads predict at once, each with its share of the cores.

    On two cores two calls of one thread each give 181 images a second, and one call of two threads 138 (measured).
    TensorFlow takes its threads with its first operation: in a process where it has run already, it keeps those it has.

    Args:
        callers: Threads that will call `predict`.
        cores: For all of them.
    """
    pools = tf.config.threading
    for limit, threads in (
        # As many as callers: with one of these, one call would wait for another (measured: one thread did all work).
        (pools.set_inter_op_parallelism_threads, callers),
        (pools.set_intra_op_parallelism_threads, max(1, cores // callers)),
    ):
        with suppress(RuntimeError):
            limit(threads)
    beginning = threading.Thread(target=_begin)
    beginning.start()
    beginning.join()


def _begin() -> None:
    """Begin TensorFlow's threads, which are as nice as the one that begins them.

    They yield to those that bring them work: to what is decoded beside them, and to the event loop, which takes on what
    comes and refuses what is too much. At full load it is no loss: 7.3 ms of the processor for 7.5 (measured).
    """
    os.nice(NICENESS if sys.platform == "linux" else 0)  # elsewhere it would be the whole process's
    tf.config.list_logical_devices()


def load(model: Path, precision: str = "float32") -> Classifier:
    """Load a model artifact and check that it is what its manifest says.

    Args:
        model: The `.keras` file; its manifest lies beside it.
        precision: `float32`, `bfloat16`, or `auto` to let `warm_up` decide.

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
    return Classifier(network, manifest, precision)


def _traced(network: keras.Model) -> Callable[[Images], ActivationMaps]:
    """Return the network as one function of fixed signature: an eighth of `model.predict` (measured: 6 ms, not 50).

    The dense layer stands before the pooling in place of behind it: the same logits, and where each comes from.
    """
    features = keras.Model(network.input, network.get_layer(POOLING).input)
    kinds = (features.trainable_variables, features.non_trainable_variables)
    values = [[variable.numpy() for variable in kind] for kind in kinds]
    kernel = network.get_layer(LOGITS).kernel.numpy()

    def traced(images: tf.Tensor) -> tf.Tensor:
        # Constants of the graph are rounded once; variables were with every call, a third of it for one photograph.
        weights = ([tf.constant(each) for each in kind] for kind in values)
        found, _ = features.stateless_call(*weights, images, training=False)
        return tf.tensordot(tf.cast(found, tf.float32), tf.constant(kernel), 1)

    function = tf.function(
        traced,
        input_signature=[tf.TensorSpec(network.input_shape, tf.uint8)],
        autograph=False,  # there is no Python control flow to translate, and it would need a writable folder
    ).get_concrete_function()  # once; what it was traced from is let go

    def maps(images: Images) -> ActivationMaps:
        found: ActivationMaps = function(tf.constant(images)).numpy()
        return found

    return maps


def _in_bfloat16(network: keras.Model) -> keras.Model:
    """Return a copy whose convolutions compute in bfloat16.

    They are where the time goes, and the copy is as fast as one that does everything so, at two thirds of its error
    (measured on 400 photographs: a probability changed by up to 0.010, not 0.015).
    """

    def rebuild(layer: keras.Layer) -> keras.Layer:
        rounds = isinstance(layer, keras.layers.Conv2D)
        return type(layer).from_config({**layer.get_config(), **({"dtype": "mixed_bfloat16"} if rounds else {})})

    copy = keras.models.clone_model(network, clone_function=rebuild)
    copy.set_weights(network.get_weights())
    return copy
