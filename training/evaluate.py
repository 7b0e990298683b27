"""How good a model is: its own service's decoder and classifier on held-out photographs, written into its manifest.

    python -m training.evaluate --data DIR

The calibration temperature is chosen on `val`; every figure is measured on `test`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from catdog_api.artifact import read_manifest, write_manifest
from catdog_api.classifier import load
from training.asking import check_labels, in_batches
from training.calibration import choose_temperature, reliability
from training.commands import add_model, faults_in_one_line
from training.dataset import Photographs, check_apart, load_split
from training.figures import Figure, all_figures, confusion
from training.plots import plot_calibration, plot_confusion


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
    logits = in_batches(classifier.logits, validation.images)
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
    probabilities = in_batches(classifier.predict, test.images)
    labels = classifier.manifest.labels
    figures = all_figures(probabilities, test.targets, np.array(test.sources), labels)
    write_manifest(replace(classifier.manifest, figures=figures), model)
    plot_confusion(confusion(probabilities, test.targets), labels, model.with_name("confusion.png"))
    plot_calibration(*reliability(probabilities, test.targets), model.with_name("calibration.png"))
    return figures


def _photographs(data: Path, split: str, model: Path) -> Photographs:
    manifest = read_manifest(model)
    check_labels(data, manifest.labels)
    return load_split(data, split, manifest.input_size)


def main() -> None:
    """Evaluate from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="holds train, val and test, one folder per label each")
    add_model(parser)
    arguments = parser.parse_args()
    with faults_in_one_line():
        check_apart(arguments.data)
        validation, test = (_photographs(arguments.data, split, arguments.model) for split in ("val", "test"))
        calibrate(arguments.model, validation)
        figures = evaluate(arguments.model, test)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
