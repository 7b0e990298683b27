"""This project's `decode` and `classifier.predict`, for the contenders that run them under another's batching."""

from typing import Any

from benchmarks.contenders import knobs
from catdog_api.artifact import Manifest
from catdog_api.classifier import Classifier
from catdog_api.classifier import load as load_classifier
from catdog_api.decoding import decode
from catdog_api.tensors import Image, Probabilities

MAX_PIXELS = 50_000_000  # the service's own default


def load() -> Classifier:
    """Load and warm up; in bfloat16 where the service would take it."""
    classifier = load_classifier(knobs.model(), "auto")
    classifier.warm_up()
    return classifier


def read(data: bytes, manifest: Manifest) -> Image:
    """Decode a photograph to uint8 (size, size, 3)."""
    return decode(data, manifest.input_size, max_pixels=MAX_PIXELS).image


def answer(row: Probabilities, manifest: Manifest) -> dict[str, Any]:
    """Turn float32 (labels,) into the JSON that every contender gives."""
    probabilities = dict(zip(manifest.labels, row.tolist(), strict=True))
    return {"label": manifest.labels[int(row.argmax())], "probabilities": probabilities}
