"""Small real model artifacts, for the tests of what asks a model."""

from pathlib import Path

import keras

from catdog_api.artifact import Manifest, file_sha256, write_manifest

SIZE = 32


def colour_model(folder: Path, labels: tuple[str, ...] = ("cat", "dog", "neither"), *, gain: float = 1.0) -> Path:
    """Write a network that answers by the mean colour: red is the first label, green the second, blue the third.

    Args:
        folder: Where it goes.
        labels: Three.
        gain: Of its last layer; where it is no number, no answer is.

    Returns:
        The `.keras` file; its manifest lies beside it, and promises `SIZE` pixels.
    """
    images = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    means = keras.layers.GlobalAveragePooling2D(name="pooling")(keras.layers.Rescaling(1 / 16)(images))
    head = keras.layers.Dense(len(labels), kernel_initializer=keras.initializers.Identity(gain), name="logits")
    path = folder / "catdog.keras"
    keras.Model(images, head(means)).save(path)
    write_manifest(Manifest("colours", "1.0.0", labels, SIZE, file_sha256(path)), path)
    return path
