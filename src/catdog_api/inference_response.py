"""Answers as the Open Inference Protocol gives them: JSON, and behind it the bytes of what is wanted in binary."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from catdog_api import errors
from catdog_api.artifact import Manifest
from catdog_api.inference_request import LENGTH_BYTES
from catdog_api.inference_schemas import LABEL, PHOTOGRAPHS, PIXELS, PROBABILITIES, ModelMetadata, TensorMetadata
from catdog_api.outcome import Outcome

PLATFORM = "tensorflow_keras"
ANY = -1  # in a shape


def described(manifest: Manifest) -> ModelMetadata:
    """Describe the model's tensors."""
    labels = list(manifest.labels)
    either = {"one_of": [PHOTOGRAPHS, PIXELS]}
    return ModelMetadata(
        name=manifest.name,
        versions=[manifest.version],
        platform=PLATFORM,
        inputs=[
            TensorMetadata(name=PHOTOGRAPHS, datatype="BYTES", shape=[ANY], parameters=either),
            TensorMetadata(name=PIXELS, datatype="UINT8", shape=[ANY, ANY, ANY, 3], parameters=either),
        ],
        outputs=[
            TensorMetadata(name=LABEL, datatype="BYTES", shape=[ANY], parameters={}),
            TensorMetadata(
                name=PROBABILITIES, datatype="FP32", shape=[ANY, len(labels)], parameters={"labels": labels}
            ),
        ],
    )


def all_answered(outcomes: Sequence[Outcome | errors.CatdogError]) -> list[Outcome]:
    """Return the outcomes, if each is an answer: the protocol knows no tensor of which a part failed.

    Raises:
        CatdogError: Whatever came in the place of the first that is none; an image's fault says which image.
    """
    answered = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, errors.ImageError):
            raise type(outcome)(f"Photograph {index} of {len(outcomes)}, counted from 0: {outcome}") from outcome
        if isinstance(outcome, errors.CatdogError):
            raise outcome
        answered.append(outcome)
    return answered


def pack(
    manifest: Manifest,
    request_id: str | None,
    outputs: dict[str, bool],
    labels: Sequence[str],
    outcomes: Sequence[Outcome],
) -> tuple[bytes, int | None]:
    """Write the answer down.

    Args:
        manifest: Of the model that answered.
        request_id: To give back.
        outputs: As `Inference.outputs`.
        labels: What was decided on each photograph, in their order.
        outcomes: Likewise, at least one.

    Returns:
        The body, and how many bytes of it are JSON; None if all are.
    """
    probabilities = np.stack([outcome.look.probabilities for outcome in outcomes])
    tensors: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for name, is_binary in outputs.items():
        if name == LABEL:
            tensor = {"name": name, "datatype": "BYTES", "shape": [len(labels)]}
            written, raw = labels, b"".join(map(_prefixed, labels))
        else:
            tensor = {"name": name, "datatype": "FP32", "shape": list(probabilities.shape)}
            written, raw = probabilities.ravel().astype(float).tolist(), probabilities.astype("<f4").tobytes()
        if is_binary:
            behind.append(raw)
        tensors.append(
            {**tensor, **({"parameters": {"binary_data_size": len(raw)}} if is_binary else {"data": written})}
        )
    given_back = {} if request_id is None else {"id": request_id}
    head = {"model_name": manifest.name, "model_version": manifest.version, **given_back, "outputs": tensors}
    body = json.dumps(head).encode()
    return b"".join([body, *behind]), len(body) if behind else None


def _prefixed(label: str) -> bytes:
    encoded = label.encode()
    return len(encoded).to_bytes(LENGTH_BYTES, "little") + encoded
