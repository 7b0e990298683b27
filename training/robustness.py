"""How well a model answers damaged photographs, through its own service's decoder and classifier.

    python -m training.robustness --data DIR

Of `test` it takes the first photographs by the SHA-256 of their file names, 160 pixels wide and high as training
keeps them. Where there is the label `neither`, the next ones of it stand around and before those; elsewhere soft
patches of colour do. It writes `robustness.json` and `robustness.png` beside the model.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
from tqdm import tqdm

from catdog_api.classifier import Classifier, load
from catdog_api.decoding import decode
from catdog_api.errors import ImageError
from training.asking import check_labels, in_batches
from training.commands import add_model, faults_in_one_line
from training.damages import Photograph, all_damages, drawn, png
from training.dataset import MAX_PIXELS, SURROUNDINGS, DatasetError, find_files
from training.figures import Figure, share
from training.layout import SIDE
from training.plots import plot_robustness

COUNT = 1_000


@dataclass(frozen=True)
class Selection:
    """What a model is asked about. Immutable, lives as long as the command.

    Attributes:
        photographs: Of `SIDE` pixels, each with the index of its label; at least one.
        surroundings: Others of `SIDE` pixels, that stand around or before those in turn; empty where patches are drawn.
    """

    photographs: list[tuple[Photograph, int]]
    surroundings: list[Photograph]


def choose(data: Path, labels: tuple[str, ...], count: int = COUNT) -> Selection:
    """Take the photographs whose file names have the lowest SHA-256: the same ones on every machine.

    Args:
        data: Holds `train`, `val` and `test`, each with one folder per label.
        labels: The model's, in the network's order.
        count: How many to take where there are more, at least 1; what cannot be decoded is passed over.

    Returns:
        Those photographs, and as surroundings the next `count` that have the label `SURROUNDINGS`: fewer, or none,
        where no more are left.

    Raises:
        DatasetError: The folders are not as described, their labels are others, or nothing in `test` can be decoded.
    """
    check_labels(data, labels)
    files = find_files(data / "test", labels)
    ordered = iter(sorted(files, key=lambda file: hashlib.sha256(file[0].name.encode()).digest()))
    photographs = list(islice(_decoded(ordered), count))
    if not photographs:
        raise DatasetError(f"{data}/test holds no photograph that can be decoded.")
    others = ((path, target) for path, target in ordered if labels[target] == SURROUNDINGS)
    return Selection(photographs, [photograph for photograph, _ in islice(_decoded(others), count)])


def _decoded(files: Iterable[tuple[Path, int]]) -> Iterator[tuple[Photograph, int]]:
    for path, target in files:
        try:
            image = decode(path.read_bytes(), SIDE, max_pixels=MAX_PIXELS).image
        except ImageError:
            continue
        yield PIL.Image.fromarray(image), target


def measure(classifier: Classifier, selection: Selection) -> Figure:
    """Ask about every photograph as it is and under every damage.

    Args:
        classifier: The model.
        selection: The photographs, and what stands around or before them.

    Returns:
        What `robustness.json` holds: which model, photographs and surroundings, the share of right answers
        `undamaged`, and under `damages` by the name of the damage one for each `severity`; each with the `recall` of
        every label that there is a photograph of.

    Raises:
        PredictionError: The network gave something that is not a number.
        ValueError: There are no photographs.
    """
    photographs, surroundings = selection.photographs, selection.surroundings
    arounds = cycle(surroundings) if surroundings else (drawn(photograph) for photograph, _ in photographs)
    progress = tqdm(photographs, "robustness", unit="photograph", disable=None)
    asked = zip(progress, arounds, strict=False)
    right = np.stack([_right(classifier, photograph, target, around) for (photograph, target), around in asked])
    manifest = classifier.manifest
    shown = np.array([manifest.labels[target] for _, target in photographs])
    shares = (_by_label(column, shown, manifest.labels) for column in right.T)
    return {
        "model": {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256},
        "photographs": f"the first {len(photographs):,} of test by the SHA-256 of their file names",
        "surroundings": (
            f"the next {len(surroundings):,} of {SURROUNDINGS} in that order"
            if surroundings
            else "soft patches of colour"
        ),
        "undamaged": next(shares),
        "damages": {
            damage.name: [{"severity": severity, **next(shares)} for severity in damage.severities]
            for damage in all_damages(photographs[0][0])
        },
    }


def _by_label(right: npt.NDArray[np.bool_], shown: npt.NDArray[np.str_], labels: Sequence[str]) -> Figure:
    """Return the share of right answers, and the recall of the labels that are shown; both bool and str are (N,)."""
    recall = {label: share(right[shown == label]) for label in labels if label in shown}
    return {**share(right), "recall": recall}


def _right(classifier: Classifier, photograph: Photograph, target: int, around: Photograph) -> npt.NDArray[np.bool_]:
    """Return which answers are right: bool (1 + severities of all damages,), the first without any damage."""
    files = [png(photograph)]
    files += [damage.apply(photograph, severity) for damage in all_damages(around) for severity in damage.severities]
    size = classifier.manifest.input_size
    images = np.stack([decode(file, size, max_pixels=MAX_PIXELS).image for file in files])
    right: npt.NDArray[np.bool_] = in_batches(classifier.predict, images, quiet=True).argmax(axis=1) == target
    return right


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.robustness", description=__doc__.split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="holds train, val and test, one folder per label each")
    add_model(parser)
    parser.add_argument("--count", type=int, default=COUNT, help="of photographs, at least 1 (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.count < 1:
        sys.exit(f"training: --count {arguments.count} leaves no photograph: 1 is the least.")
    with faults_in_one_line():
        classifier = load(arguments.model)
        figures = measure(classifier, choose(arguments.data, classifier.manifest.labels, arguments.count))
        text = json.dumps(figures, indent=1)
        arguments.model.with_name("robustness.json").write_text(text + "\n", encoding="utf-8")
        plot_robustness(figures, arguments.model.with_name("robustness.png"))
    print(text)


if __name__ == "__main__":
    main()
