"""`training.network`: what goes in, what comes out, and what it costs."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from keras import layers

from catdog_api.tensors import Images
from training.network import build_network, multiply_adds
from training.recipe import Recipe

pytestmark = pytest.mark.training


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    """Compute in each of the two types that training chooses between."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(request.param)
    yield request.param
    keras.mixed_precision.set_dtype_policy(before)


def _photographs(size: int, count: int = 2) -> Images:
    return np.random.default_rng(3).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_logits_are_float32_in_whatever_the_network_computes(policy: str) -> None:
    network = build_network(3, 32)
    assert network.get_layer("pooling").compute_dtype == policy.removeprefix("mixed_")
    logits = network(_photographs(32))
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert logits.shape == (2, 3)


def test_one_photograph_costs_at_most_400_million_multiply_adds_and_the_file_at_most_8_megabytes() -> None:
    network = build_network(3, Recipe().input_size)
    assert multiply_adds(network) <= 400e6
    assert 4 * network.count_params() <= 7.5e6  # the file has half a megabyte at most beside them


def test_multiply_adds_are_those_counted_by_hand() -> None:
    images = keras.Input((8, 10, 3))
    x = layers.Conv2D(5, 3, strides=2, padding="same")(images)  # (4, 5, 5), each of 3 * 3 * 3 products
    x = layers.Dense(7)(layers.GlobalAveragePooling2D()(layers.ReLU()(x)))
    assert multiply_adds(keras.Model(images, x)) == 4 * 5 * 5 * 27 + 5 * 7


@pytest.mark.parametrize("labels", [2, 3, 11])
def test_any_number_of_labels_has_one_logit_each(labels: int) -> None:
    assert build_network(labels, 32).output_shape == (None, labels)


def test_the_same_weights_work_at_every_size_from_32() -> None:
    network = build_network(2)
    assert network.input_shape == (None, None, None, 3)
    for size in (32, 33, 47, 64, 100, 160):
        logits = np.asarray(network(_photographs(size)))
        assert logits.shape == (2, 2)
        assert np.isfinite(logits).all()
    fixed = build_network(2, 33)
    fixed.set_weights(network.get_weights())
    np.testing.assert_allclose(fixed(_photographs(33)), network(_photographs(33)), atol=1e-4)


def test_pixels_go_in_as_they_are_and_are_rescaled_inside() -> None:
    network = build_network(2, 32)
    assert keras.backend.standardize_dtype(network.input.dtype) == "uint8"
    rescale = keras.Model(network.input, network.get_layer("rescaling").output)
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    pixels[0, 0, 0], pixels[0, 0, 1] = 255, (0, 51, 204)
    rescaled = np.array([[1, 1, 1], [-1, -0.6, 0.6], [-1, -1, -1]])
    np.testing.assert_allclose(rescale(pixels)[0, 0, :3], rescaled, atol=1e-6)


def test_a_labels_logit_is_the_mean_of_its_class_activation_map_plus_its_bias() -> None:
    network = build_network(3, 128)
    dense = network.get_layer("logits")
    bias = np.array([0.5, -1.0, 2.0], np.float32)
    dense.bias.assign(bias)
    features = np.asarray(keras.Model(network.input, network.get_layer("pooling").input)(_photographs(128)))
    assert features.shape == (2, 8, 8, 192)
    maps = features @ keras.ops.convert_to_numpy(dense.kernel)  # (2, 8, 8, 3)
    assert maps.std(axis=(1, 2)).min() > 0
    np.testing.assert_allclose(network(_photographs(128)), maps.mean(axis=(1, 2)) + bias, atol=1e-4)


def test_dropout_acts_in_training_alone() -> None:
    network = build_network(2, 32)
    head = keras.Model(network.get_layer("pooling").output, network.output)
    features = np.ones((1, 192), np.float32)
    assert np.array_equal(head(features), head(features))
    assert not np.array_equal(head(features, training=True), head(features, training=True))
