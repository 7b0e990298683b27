"""What a run was made of: its recipe and every other number, its photographs, and the packages that it ran on."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from training import augment, muon, network
from training.dataset import Photographs
from training.recipe import Recipe


def provenance(recipe: Recipe, splits: Mapping[str, Photographs]) -> dict[str, Any]:
    """Describe what goes into a run and with what it is made, for its record.

    Args:
        recipe: What is done.
        splits: The photographs by the name of their split, `train` among them; all with the same labels.
    """
    packages = {name: version(name) for name in ("keras", "numpy", "pillow")}
    packages["tensorflow"] = tf.__version__  # which has two distributions
    return {
        "labels": splits["train"].labels,
        "recipe": asdict(recipe),
        "constants": {part.__name__.rpartition(".")[2]: constants(part) for part in (augment, muon, network)},
        "data": {
            name: {"counts": split.counts(), "dropped": split.dropped, "sha256": split.sha256}
            for name, split in splits.items()
        },
        "precision": keras.mixed_precision.global_policy().name,
        "python": sys.version.split()[0],
        "packages": packages,
    }


def constants(module: ModuleType) -> dict[str, Any]:
    """Return the numbers that a module is written around, by their names: all that a run depends on, none forgotten."""
    return {name: value for name, value in vars(module).items() if name.isupper()}
