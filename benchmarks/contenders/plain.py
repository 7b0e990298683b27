"""As documentation shows it: full decode by `PIL.Image.open`, the network as Keras loads it; nothing of catdog_api."""

import functools
import io
import json
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.contenders import knobs


def load() -> keras.Model:
    """Load the network."""
    return keras.models.load_model(knobs.model(), compile=False)


def read(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode a photograph in full to uint8 (1, size, size, 3)."""
    return pixels(Image.open(io.BytesIO(data)))


def pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Turn an opened photograph into uint8 (1, size, size, 3)."""
    size = _manifest()["input_size"]
    return np.asarray(image.convert("RGB").resize((size, size)))[None]


def answer(logits: npt.ArrayLike) -> dict[str, Any]:
    """Turn the logits of one photograph, (labels,) or (1, labels), into the JSON that every contender gives."""
    manifest = _manifest()
    scaled = np.reshape(logits, -1).astype(np.float64) / manifest["temperature"]
    exponentials = np.exp(scaled - scaled.max())
    probabilities = dict(zip(manifest["labels"], (exponentials / exponentials.sum()).tolist(), strict=True))
    return {"label": max(probabilities, key=probabilities.__getitem__), "probabilities": probabilities}


@functools.cache
def _manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(knobs.model().with_suffix(".json").read_text(encoding="utf-8"))
    return manifest
