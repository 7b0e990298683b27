"""The served graph: every batch normalization folded into the convolution before it.

At inference a normalization is a fixed scale and shift a channel, which the convolution's kernel and a bias can carry
(Jacob et al. 2017, arXiv 1712.05877, section 3.2): the same answers with less memory traffic.
"""

from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

Weights = npt.NDArray[np.float32]


def fold(network: keras.Model) -> keras.Model:
    """Copy a network so that no batch normalization is left in it.

    Args:
        network: In which each batch normalization stands directly behind a convolution that has neither bias nor
            activation, and whose output goes nowhere else.

    Returns:
        A network of the same inputs, types and, but for rounding, outputs, whatever the dtype policy is by now. It is
        compiled where the given one is.

    Raises:
        ValueError: A batch normalization stands behind something else.
    """
    normalizations = _normalizations(network)
    clone = partial(_clone, normalizations=normalizations)
    folded = keras.models.clone_model(network, clone_function=clone, call_function=_call)
    for layer in [layer for layer in folded.layers if layer.weights]:
        weights = network.get_layer(layer.name).get_weights()
        if layer.name in normalizations:
            weights = _scaled(weights[0], normalizations[layer.name])
        layer.set_weights(weights)
    return folded


def _normalizations(network: keras.Model) -> dict[str, layers.BatchNormalization]:
    """Return the normalizations, each under the name of the convolution before it."""
    convolutions = {id(layer.output): layer for layer in network.layers if _can_carry(layer)}
    found = {}
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            if id(layer.input) not in convolutions:
                raise ValueError(f"{layer.name} does not stand behind a convolution into which it can be folded.")
            found[convolutions[id(layer.input)].name] = layer
    return found


def _can_carry(layer: keras.Layer) -> bool:
    return isinstance(layer, layers.Conv2D) and not layer.use_bias and layer.activation is keras.activations.linear


def _clone(layer: keras.Layer, normalizations: dict[str, layers.BatchNormalization]) -> keras.Layer:
    config = layer.get_config()
    if layer.name in normalizations:
        config["use_bias"] = True
    return type(layer).from_config(config)


def _call(layer: keras.Layer, *tensors: keras.KerasTensor, **options: Any) -> keras.KerasTensor:  # noqa: ANN401  # Keras's signature
    return tensors[0] if isinstance(layer, layers.BatchNormalization) else layer(*tensors, **options)


def _scaled(kernel: Weights, normalization: layers.BatchNormalization) -> list[Weights]:
    """Return a kernel, (rows, columns, channels, filters), and a bias, (filters,), that normalize what they give."""
    gamma, beta, mean, variance = normalization.get_weights()
    scale = gamma / np.sqrt(variance + normalization.epsilon)
    return [kernel * scale, beta - mean * scale]
