"""`training.muon`: equal singular values, who gets which step, and a state that survives a kill."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from training.muon import Muon, orthogonalize

pytestmark = pytest.mark.training

Kernel = npt.NDArray[np.float32]

RNG_SEED = 4


def _matrix(kernel: Kernel) -> npt.NDArray[np.float64]:
    return kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)


def _singular_values(kernel: Kernel) -> npt.NDArray[np.floating[Any]]:
    return np.linalg.svd(_matrix(kernel), compute_uv=False)


def _gaussian(*shape: int) -> Kernel:
    return np.random.default_rng(RNG_SEED).normal(size=shape).astype(np.float32)


def _small_network(optimizer: Muon) -> keras.Model:
    """Build the least network that has each kind of weight: a first and a hidden convolution, norms, a dense layer."""
    keras.utils.set_random_seed(RNG_SEED)
    images = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, name="first")(images)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.ReLU()(layers.Conv2D(16, 3, name="hidden")(x))
    network = keras.Model(images, layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(x)))
    network.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    optimizer.build(network.trainable_variables)
    return network


def _weights(network: keras.Model) -> dict[str, Kernel]:
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in network.trainable_weights}


def _train(network: keras.Model, steps: int) -> list[float]:
    images = np.concatenate([_gaussian(16, 8, 8, 3), _gaussian(16, 8, 8, 3)[::-1] + 0.3])
    targets = np.repeat(np.eye(2, dtype=np.float32), 16, axis=0)
    return [float(network.train_on_batch(images, targets)) for _ in range(steps)]


@pytest.mark.parametrize("shape", [(3, 3, 32, 64), (3, 3, 128, 128), (5, 5, 16, 32), (1, 1, 64, 64)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_all_singular_values_come_near_1_whatever_the_gradients_size(shape: tuple[int, ...], scale: float) -> None:
    kernel = _gaussian(*shape) * np.float32(scale)
    found = np.asarray(orthogonalize(keras.ops.convert_to_tensor(kernel)))
    assert found.shape == shape
    assert found.dtype == np.float32
    values = _singular_values(found)
    assert values.max() < 1.3
    # A square matrix has singular values near 0, which four iterations cannot lift.
    assert np.quantile(values, 0.05 if shape[:3] == (1, 1, 64) else 0) > 0.6


def test_rare_directions_count_as_much_as_dominant_ones_and_stay_the_same_directions() -> None:
    left, _, right = np.linalg.svd(_matrix(_gaussian(3, 3, 16, 32)), full_matrices=False)
    gradient = (left * np.geomspace(1, 0.02, 32) @ right).astype(np.float32).reshape(3, 3, 16, 32)
    step = np.asarray(orthogonalize(keras.ops.convert_to_tensor(gradient)))
    along = left.T @ _matrix(step) @ right.T  # what the step does along each direction of the gradient
    assert along.diagonal().min() > 0.6
    assert along.diagonal().max() < 1.3
    assert np.abs(along - np.diag(along.diagonal())).max() < 0.1


def test_a_gradient_of_zero_moves_nothing() -> None:
    assert not np.asarray(orthogonalize(keras.ops.zeros((3, 3, 8, 16)))).any()


def test_hidden_convolutions_take_muons_step_and_everything_else_takes_adams() -> None:
    network = _small_network(Muon(0.02, decay=0.0))
    before = _weights(network)
    _train(network, 1)
    moved = {path: weight - before[path] for path, weight in _weights(network).items()}
    values = _singular_values(moved.pop("hidden/kernel")) / 0.02
    assert np.median(values) > 0.6  # so small a network's gradient has directions near 0, which stay below
    assert values.max() < 1.3
    # Adam's first step is the sign of the gradient: 0.02 times its tenth, where the gradient is not 0 by construction.
    assert np.abs(moved["first/kernel"]).mean() == pytest.approx(0.002, rel=0.02)
    assert np.abs(moved["logits/kernel"]).mean() == pytest.approx(0.002, rel=0.02)
    assert all(np.abs(move).max() <= 0.002 * 1.001 for move in moved.values())


def test_weight_decay_shrinks_hidden_convolutions_and_nothing_else() -> None:
    def after_a_step(decay: float) -> dict[str, Kernel]:
        network = _small_network(Muon(0.1, decay=decay))
        _train(network, 1)
        return _weights(network)

    start = _weights(_small_network(Muon(0.1, decay=0.0)))
    without, decayed = after_a_step(0.0), after_a_step(0.5)
    np.testing.assert_allclose(
        without.pop("hidden/kernel") - decayed.pop("hidden/kernel"), 0.1 * 0.5 * start["hidden/kernel"], atol=1e-5
    )
    for path, weight in without.items():
        np.testing.assert_allclose(decayed[path], weight, atol=1e-6)


def test_it_learns() -> None:
    losses = _train(_small_network(Muon(0.02, decay=0.02)), 40)
    assert losses[-1] < 0.5 * losses[0]


def test_the_state_is_saved_and_restored_with_the_weights(tmp_path: Path) -> None:
    trained = _small_network(Muon(0.02, decay=0.02))
    _train(trained, 3)
    trained.save_weights(tmp_path / "run.weights.h5")
    resumed, forgetful = (_small_network(Muon(0.02, decay=0.02)) for _ in range(2))
    resumed.load_weights(tmp_path / "run.weights.h5")
    forgetful.set_weights(trained.get_weights())
    assert int(resumed.optimizer.iterations) == 3
    for network in (trained, resumed, forgetful):
        _train(network, 1)
    weights, same, others = (network.get_weights() for network in (trained, resumed, forgetful))
    for weight, expected in zip(same, weights, strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)
    assert max(np.abs(weight - expected).max() for weight, expected in zip(others, weights, strict=True)) > 1e-3
