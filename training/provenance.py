"""What a run was made of: its recipe, its photographs, and the packages that it ran on."""

import importlib
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import keras

from training.dataset import Photographs
from training.recipe import Recipe


def provenance(recipe: Recipe, splits: Mapping[str, Photographs]) -> dict[str, Any]:
    """Describe what goes into a run and with what it is made, for its record.

    Args:
        recipe: What is done.
        splits: The photographs by the name of their split, `train` among them; all with the same labels.
    """
    backend = keras.backend.backend()
    packages = {name: version(name) for name in ("keras", "numpy", "pillow")}
    packages[backend] = importlib.import_module(backend).__version__  # tensorflow has two distributions
    return {
        "labels": splits["train"].labels,
        "recipe": asdict(recipe),
        "data": {
            name: {"counts": split.counts(), "dropped": split.dropped, "sha256": split.sha256}
            for name, split in splits.items()
        },
        "precision": keras.mixed_precision.global_policy().name,
        "backend": backend,
        "python": sys.version.split()[0],
        "packages": packages,
    }
