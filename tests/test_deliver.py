"""`training.deliver`: one float32 network, folded, whatever the training computed in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from catdog_api.artifact import file_sha256, read_manifest
from training.deliver import deliver
from training.network import build_network, multiply_adds

pytestmark = pytest.mark.training

RECORD: dict[str, Any] = {"labels": ["husky", "wolf"], "recipe": {"input_size": 32}, "history": []}


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    """Train in each of the two types that training chooses between."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(request.param)
    yield request.param
    keras.mixed_precision.set_dtype_policy(before)


def test_what_is_delivered_computes_in_float32_and_answers_as_the_trained_weights_do(
    policy: str, tmp_path: Path
) -> None:
    trained = build_network(2)
    deliver(trained, RECORD, tmp_path / "models", name="sled", version="2.1.0")
    assert keras.mixed_precision.dtype_policy().name == policy
    keras.mixed_precision.set_dtype_policy("float32")
    expected = build_network(2, 32)
    expected.set_weights(trained.get_weights())
    served = keras.saving.load_model(tmp_path / "models" / "catdog.keras")
    assert {layer.compute_dtype for layer in served.layers} == {"float32"}
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in served.layers)
    assert not served.compiled
    photographs = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_allclose(served(photographs), expected(photographs), atol=1e-4)


def test_the_manifest_and_the_record_are_those_of_the_model(tmp_path: Path) -> None:
    model = deliver(build_network(2), RECORD, tmp_path, name="sled", version="2.1.0")
    assert model == tmp_path / "catdog.keras"
    served = keras.saving.load_model(model)
    manifest = read_manifest(model)
    assert (manifest.name, manifest.version, manifest.labels) == ("sled", "2.1.0", ("husky", "wolf"))
    assert manifest.sha256 == file_sha256(model)
    assert (manifest.input_size, manifest.parameters) == (32, served.count_params())
    assert manifest.multiply_adds == multiply_adds(served)
    identity = {"name": "sled", "version": "2.1.0", "sha256": manifest.sha256}
    assert json.loads((tmp_path / "run.json").read_text()) == {"model": identity, **RECORD}
    assert {path.name for path in tmp_path.iterdir()} == {"catdog.keras", "catdog.json", "run.json"}


def test_a_network_of_other_labels_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="weight"):
        deliver(build_network(3), RECORD, tmp_path, name="sled", version="2.1.0")
    assert list(tmp_path.iterdir()) == []
