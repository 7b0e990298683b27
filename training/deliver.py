"""What a run leaves behind: the model artifact that the service loads, the run record, and the curves."""

import json
from pathlib import Path
from typing import Any

import keras

from catdog_api.artifact import Manifest, file_sha256, write_manifest
from training.folding import fold
from training.network import build_network, multiply_adds
from training.plots import plot_curves


def deliver(network: keras.Model, record: dict[str, Any], out: Path, *, name: str, version: str) -> Path:
    """Write `catdog.keras`, its manifest `catdog.json`, the run record `run.json` and `curves.png`.

    The artifact is float32 and of fixed size whatever the training computed in; its normalizations are folded into its
    convolutions, and it carries no optimizer. The record says under `model` of which artifact it is.

    Args:
        network: Its weights are delivered.
        record: As `Run.record` gives it; `curves.png` is drawn where its history has an epoch.
        out: The folder; made where it is missing.
        name: Of the model, as every answer carries it.
        version: Of the model, as every answer carries it.

    Returns:
        The model file, `catdog.keras`.

    Raises:
        OSError: The folder or a file in it cannot be written.
        ValueError: The network has another number of labels than the record, or other layers than `build_network`.
    """
    out.mkdir(parents=True, exist_ok=True)
    labels = tuple(record["labels"])
    size = record["recipe"]["input_size"]
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    served = build_network(len(labels), size)
    keras.mixed_precision.set_global_policy(policy)
    served.set_weights(network.get_weights())
    served = fold(served)
    model = out / "catdog.keras"
    served.save(model)
    manifest = Manifest(
        name=name,
        version=version,
        labels=labels,
        input_size=size,
        sha256=file_sha256(model),
        parameters=served.count_params(),
        multiply_adds=multiply_adds(served),
    )
    write_manifest(manifest, model)
    identified = {"model": {"name": name, "version": version, "sha256": manifest.sha256}, **record}
    (out / "run.json").write_text(json.dumps(identified, indent=1) + "\n", encoding="utf-8")
    if record["history"]:
        plot_curves(record["history"], out / "curves.png")
    return model
