"""`training.folding`: the same answers without normalizations, and a refusal of what cannot be folded."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from catdog_api.tensors import Images
from training.folding import fold
from training.network import build_network, multiply_adds

pytestmark = pytest.mark.training


@pytest.fixture
def network() -> keras.Model:
    """A network whose normalizations have statistics and weights of their own, as training leaves them."""
    keras.utils.set_random_seed(3)
    network = build_network(3, 64)
    rng = np.random.default_rng(3)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = (weight.shape for weight in layer.get_weights())
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, gamma),
                    rng.normal(0, 0.5, beta),
                    rng.normal(0, 0.5, mean),
                    rng.uniform(0.25, 2, variance),
                ]
            )
    return network


def _photographs(count: int = 8) -> Images:
    patches = np.random.default_rng(3).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return patches.repeat(16, axis=1).repeat(16, axis=2)


def test_a_folded_network_answers_as_before(network: keras.Model) -> None:
    logits = np.asarray(network(_photographs()))
    assert logits.std(axis=0).min() > 0.01
    np.testing.assert_allclose(fold(network)(_photographs()), logits, atol=1e-4)
    assert np.array_equal(network(_photographs()), logits)  # nothing was done to the network itself


def test_no_normalization_is_left_and_nothing_in_its_place(network: keras.Model) -> None:
    folded = fold(network)
    kept = [layer.name for layer in network.layers if not isinstance(layer, layers.BatchNormalization)]
    assert [layer.name for layer in folded.layers] == kept
    assert len(network.layers) - len(kept) == 10
    assert all(layer.use_bias for layer in folded.layers if isinstance(layer, layers.Conv2D))
    assert multiply_adds(folded) == multiply_adds(network)


def test_a_network_of_float32_is_folded_into_float32_under_another_policy(network: keras.Model) -> None:
    logits = np.asarray(network(_photographs()))
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    folded = fold(network)
    keras.mixed_precision.set_dtype_policy(policy)
    assert {layer.compute_dtype for layer in folded.layers if not isinstance(layer, layers.InputLayer)} == {"float32"}
    np.testing.assert_allclose(folded(_photographs()), logits, atol=1e-4)


def test_the_file_of_a_folded_network_answers_the_same_and_has_no_optimizer(
    network: keras.Model, tmp_path: Path
) -> None:
    folded = fold(network)
    folded.save(tmp_path / "folded.keras")
    again = keras.saving.load_model(tmp_path / "folded.keras")
    assert not again.compiled
    assert (tmp_path / "folded.keras").stat().st_size < 4 * network.count_params() + 500_000
    np.testing.assert_allclose(again(_photographs()), folded(_photographs()), atol=1e-6)


def _behind(*before: keras.Layer) -> keras.Model:
    x = images = keras.Input((8, 8, 3))
    for layer in before:
        x = layer(x)
    return keras.Model(images, layers.BatchNormalization(name="norm")(x))


@pytest.mark.parametrize(
    "network_of",
    [
        pytest.param(_behind, id="the-input"),
        pytest.param(lambda: _behind(layers.Conv2D(4, 3, use_bias=False), layers.ReLU()), id="an-activation"),
        pytest.param(lambda: _behind(layers.Conv2D(4, 3, use_bias=False, activation="relu")), id="its-own-activation"),
        pytest.param(lambda: _behind(layers.Conv2D(4, 3)), id="a-bias"),
        pytest.param(lambda: _behind(layers.Dense(4, use_bias=False)), id="no-convolution"),
        pytest.param(
            lambda: _behind(layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization()),
            id="another-normalization",
        ),
    ],
)
def test_a_normalization_behind_something_else_is_refused(network_of: Callable[[], keras.Model]) -> None:
    network = network_of()
    with pytest.raises(ValueError, match="norm does not stand behind a convolution"):
        fold(network)


def test_a_network_without_normalizations_is_copied() -> None:
    images = keras.Input((8, 8, 3))
    network = keras.Model(images, layers.Conv2D(4, 3)(images))
    pixels = np.ones((1, 8, 8, 3), np.float32)
    folded = fold(network)
    np.testing.assert_allclose(folded(pixels), network(pixels), atol=1e-6)
    assert folded.layers[-1] is not network.layers[-1]
