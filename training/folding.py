"""The served graph: every batch normalization folded into the convolution before it.

At inference a normalization is a fixed scale and shift a channel, which the convolution's kernel and a bias can carry
(Jacob et al. 2017, arXiv 1712.05877, section 3.2): the same answers with less memory traffic.
"""

import keras
import numpy as np
from keras import layers


def fold(network: keras.Model) -> keras.Model:
    """Copy a network so that no batch normalization is left in it.

    Args:
        network: In which each batch normalization stands directly behind a convolution without a bias.

    Returns:
        A network of the same inputs and, but for rounding, the same outputs; it is not compiled, so that no optimizer
        is saved with it.

    Raises:
        ValueError: A batch normalization stands behind something else.
    """
    normalizations = {_before(layer): layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)}
    folded = keras.models.clone_model(
        network,
        clone_function=lambda layer: _clone(layer, normalizations),
        call_function=lambda layer, *tensors, **_: layer(
            *tensors
        ),  # a normalization takes a mask, and nothing does here
    )
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            continue
        weights = layer.get_weights()
        if layer.name in normalizations:
            weights = _folded(weights[0], normalizations[layer.name])
        folded.get_layer(layer.name).set_weights(weights)
    return folded


def _before(normalization: layers.BatchNormalization) -> str:
    layer = normalization.input._keras_history.operation  # noqa: SLF001  # Keras has no public way from a tensor back
    if not isinstance(layer, layers.Conv2D) or layer.use_bias:
        raise ValueError(f"{normalization.name} stands behind {layer.name}, into which it cannot be folded.")
    return str(layer.name)


def _clone(layer: keras.Layer, normalizations: dict[str, layers.BatchNormalization]) -> keras.Layer:
    config = layer.get_config()
    if isinstance(layer, layers.BatchNormalization):
        return layers.Identity(name=layer.name)
    if layer.name in normalizations:
        config["use_bias"] = True
    return type(layer).from_config(config)


def _folded(kernel: np.ndarray, normalization: layers.BatchNormalization) -> list[np.ndarray]:
    gamma, beta, mean, variance = normalization.get_weights()
    scale = gamma / np.sqrt(variance + normalization.epsilon)
    return [kernel * scale, beta - mean * scale]
