"""How good a model is: its own service's decoder and classifier on held-out photographs, written into its manifest.

    python -m training.evaluate --data DIR

The calibration temperature is chosen on `val`; every figure is measured on `test`.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from catdog_api.artifact import read_manifest, write_manifest
from catdog_api.classifier import load
from catdog_api.errors import ArtifactError
from catdog_api.tensors import Images
from training.dataset import DatasetError, Photographs, load_split
from training.figures import Figure, all_figures, choose_temperature, confusion, reliability
from training.plots import plot_calibration, plot_confusion

BATCH = 32


def calibrate(model: Path, validation: Photographs) -> None:
    """Choose the temperature on the validation split and write it into the manifest.

    Args:
        model: The `.keras` file; its manifest lies beside it.
        validation: At least one photograph, of the model's size and labels.

    Raises:
        ArtifactError: The model is missing, damaged, or not what its manifest says.
        IndexError: A target is the index of none of the model's labels.
        OSError: The manifest cannot be written.
        TypeError: The photographs have another size than the model's.
        ValueError: There are no photographs.
    """
    classifier = load(model)
    logits = np.concatenate([classifier.logits(batch) for batch in _batches(validation.images)])
    temperature = choose_temperature(logits, validation.targets)
    write_manifest(replace(classifier.manifest, temperature=temperature), model)


def evaluate(model: Path, test: Photographs) -> Figure:
    """Measure the model on the test split; write the figures into the manifest and two plots beside it.

    Args:
        model: The `.keras` file; its manifest lies beside it.
        test: Photographs of the model's size and labels, at least one of each label.

    Returns:
        What `all_figures` measured.

    Raises:
        ArtifactError: The model is missing, damaged, or not what its manifest says.
        IndexError: A target is the index of none of the model's labels.
        OSError: The manifest or a plot cannot be written.
        PredictionError: The network gave something that is not a number.
        TypeError: The photographs have another size than the model's.
        ValueError: There are no photographs.
        ZeroDivisionError: A label has no photograph.
    """
    classifier = load(model)
    probabilities = np.concatenate([classifier.predict(batch) for batch in _batches(test.images)])
    labels = classifier.manifest.labels
    figures = all_figures(probabilities, test.targets, np.array(test.sources), labels)
    write_manifest(replace(classifier.manifest, figures=figures), model)
    plot_confusion(confusion(probabilities, test.targets), labels, model.with_name("confusion.png"))
    plot_calibration(*reliability(probabilities, test.targets), model.with_name("calibration.png"))
    return figures


def _photographs(data: Path, split: str, model: Path) -> Photographs:
    manifest = read_manifest(model)
    photographs = load_split(data, split, manifest.input_size)
    if photographs.labels != manifest.labels:
        raise DatasetError(f"{data} holds {photographs.labels}, but the model knows {manifest.labels}.")
    return photographs


def _batches(images: Images) -> Iterator[Images]:
    for start in tqdm(range(0, len(images), BATCH), "predict", unit="batch", disable=None):
        yield images[start : start + BATCH]


def main() -> None:
    """Evaluate from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="holds train, val and test, one folder per label each")
    parser.add_argument(
        "--model", type=Path, default=Path("models/catdog.keras"), help="the model file (default: %(default)s)"
    )
    arguments = parser.parse_args()
    try:
        validation, test = (_photographs(arguments.data, split, arguments.model) for split in ("val", "test"))
        calibrate(arguments.model, validation)
        figures = evaluate(arguments.model, test)
    except (ArtifactError, DatasetError) as error:
        sys.exit(f"training: {error}")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
