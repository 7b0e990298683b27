"""`training.losses`: one number a photograph, as the loss that is trained would give it alone."""

import keras
import numpy as np
import pytest

from training.losses import PhotographLosses

pytestmark = pytest.mark.training

ONE_HOT = np.eye(3, dtype=np.float32)


def test_each_photographs_loss_is_that_of_the_training_loss_for_it_alone() -> None:
    logits = np.random.default_rng(1).normal(0, 3, (8, 3)).astype(np.float32)
    targets = ONE_HOT[np.random.default_rng(2).integers(0, 3, 8)]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    metric = PhotographLosses(8, 0.1)
    metric.update_state(targets, logits, np.full(8, 2, np.float32))
    alone = [float(loss(targets[i : i + 1], logits[i : i + 1])) for i in range(8)]
    np.testing.assert_allclose(metric.losses.numpy(), alone, atol=1e-5)
    assert float(metric.result()) == pytest.approx(np.mean(alone), abs=1e-5)


def test_a_step_leaves_the_losses_of_its_own_photographs_in_their_order() -> None:
    images = keras.Input((3,))
    network = keras.Model(images, keras.layers.Identity()(images))  # its logits are what goes in
    metric = PhotographLosses(2, 0.0)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(), loss, metrics=[metric], jit_compile=False)
    sure = np.array([[20, 0, 0], [0, 20, 0]], np.float32)
    for targets, expected in ((ONE_HOT[[0, 1]], [0, 0]), (ONE_HOT[[0, 0]], [0, 20]), (ONE_HOT[[1, 1]], [20, 0])):
        network.test_on_batch(sure, targets, np.array([1, 3], np.float32))
        np.testing.assert_allclose(metric.losses.numpy(), expected, atol=1e-4)
