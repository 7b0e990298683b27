"""How photographs of many shapes are best brought to the square, and how far a JPEG may be reduced while it is decoded.

    python -m training.framing --photographs DIR

DIR holds one folder for each of some of the model's labels (`cat` and `dog`), of photographs in their own shape. There
the answers are forced choices between those labels; cut to other shapes, they are free ones of all labels.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import TypeAlias

import numpy as np
import PIL.Image
from PIL.ImageOps import exif_transpose, fit, pad
from tqdm import tqdm

from catdog_api.classifier import Classifier, load
from catdog_api.decoding import DRAFT_SCALE, GROUND, HALF_SCALE, decode
from catdog_api.tensors import Probabilities
from training.asking import in_batches
from training.commands import add_model, faults_in_one_line
from training.damages import Photograph, cut, jpeg, png
from training.dataset import MAX_PIXELS, DatasetError, Targets, find_files, find_folders
from training.figures import Figure, share

SHAPES = {
    f"{width}:{height}": width / height
    for pair in ((3, 2), (5, 3), (16, 9), (2, 1), (3, 1))
    for width, height in (pair, pair[::-1])
}
DRAFT_SCALES = (DRAFT_SCALE, HALF_SCALE, 1)
DRAFTED_QUALITY = 92

Frame: TypeAlias = Callable[[Path], Photograph]
"""From a photograph's file to what is then brought to the square as the service does it; a square stays one."""

Ask: TypeAlias = Callable[[Frame, str], Probabilities]
"""From a framing and its name to the answers to all photographs: float32 (N, labels)."""


def padded(photograph: Photograph, side: int) -> Photograph:
    """Return the whole photograph in its shape, in the middle of a square of so many pixels, as the service pads it."""
    return pad(photograph, (side, side), PIL.Image.Resampling.BILINEAR, GROUND)


def squashed(photograph: Photograph, side: int) -> Photograph:
    """Return the whole photograph, deformed to a square of so many pixels, as the service squashes it."""
    return photograph.resize((side, side), PIL.Image.Resampling.BILINEAR)


def middle(photograph: Photograph) -> Photograph:
    """Return the largest square in the middle of the photograph."""
    side = min(photograph.size)
    return fit(photograph, (side, side))


def read(path: Path) -> Photograph:
    """Decode a photograph in its own shape.

    Args:
        path: Its file.

    Returns:
        RGB, upright.

    Raises:
        DatasetError: It cannot be decoded.
    """
    try:
        with PIL.Image.open(path) as opened:
            return exif_transpose(opened).convert("RGB")
    except OSError as error:
        raise DatasetError(f"{path} cannot be decoded: {error}.") from error


def halved(path: Path, least: int, *, drafted: bool) -> Photograph:
    """Enlarge a photograph until half of it is the least that drafting leaves, save it as a JPEG, and decode that.

    Args:
        path: Its file.
        least: The shorter side of that half, pixels.
        drafted: Decode it at a half; else every pixel.

    Returns:
        RGB, with a shorter side of `least` pixels, or of twice as many.

    Raises:
        DatasetError: The photograph cannot be decoded.
    """
    photograph = read(path)
    scale = 2 * least / min(photograph.size)
    width, height = (round(scale * side) for side in photograph.size)
    enlarged = photograph.resize((width, height), PIL.Image.Resampling.LANCZOS)
    with PIL.Image.open(BytesIO(jpeg(enlarged, DRAFTED_QUALITY))) as opened:
        if drafted:
            opened.draft(None, (least, least))
        return opened.convert("RGB")


def choose(photographs: Path, known: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Find the photographs of some of the model's labels.

    Args:
        photographs: Holds a folder for each of them, and no other folder.
        known: The model's labels.

    Returns:
        The labels that are there, and every file with the index of its label among those.

    Raises:
        DatasetError: A folder is none of the model's labels or empty, or there are fewer than two.
    """
    labels = find_folders(photographs)
    if len(labels) < 2 or not set(labels) <= set(known):  # noqa: PLR2004  # one label leaves nothing to choose between
        raise DatasetError(f"{photographs} holds the folders {labels}, not at least two of {tuple(known)} alone.")
    files = find_files(photographs, labels)
    if empty := [label for index, label in enumerate(labels) if index not in {target for _, target in files}]:
        raise DatasetError(f"{photographs}/{empty[0]} holds no photograph.")
    return labels, files


def measure(classifier: Classifier, labels: Sequence[str], files: Sequence[tuple[Path, int]]) -> Figure:
    """Ask about every photograph in four framings, cut to ten shapes, and drafted to three scales.

    Args:
        classifier: The model.
        labels: Those between which the framings are judged; each is one of the model's.
        files: At least one photograph, with the index of its label in `labels`.

    Returns:
        Under `framing` for `as served`, `squash`, `pad` and `middle square` the share of right answers, of `labels`
        alone; under `shapes` by width and height for `squash` and `pad` that share of all the model's labels; under
        `draft` by the least side that drafting leaves, in squares, how many got the `same_label` as from every pixel,
        and the `largest_difference` of a probability.

    Raises:
        DatasetError: A photograph cannot be decoded.
        PredictionError: The network gave something that is not a number.
        ValueError: There are no photographs.
    """
    ask, size = partial(_ask, classifier, files), classifier.manifest.input_size
    framings: dict[str, Frame] = {
        "as served": read,
        "squash": lambda path: squashed(read(path), size),
        "pad": lambda path: padded(read(path), size),
        "middle square": lambda path: middle(read(path)),
    }
    answers = {name: ask(frame, name) for name, frame in framings.items()}
    chosen = [classifier.manifest.labels.index(label) for label in labels]
    targets = np.array([target for _, target in files])
    return {
        "framing": {name: share(given[:, chosen].argmax(axis=1) == targets) for name, given in answers.items()},
        "shapes": _shapes(ask, np.array(chosen)[targets], size),
        "draft": _draft(ask, size),
    }


def _shapes(ask: Ask, targets: Targets, size: int) -> Figure:
    """Return by width and height the shares of right answers, squashed and padded; targets are those of the model."""
    shapes: Figure = {name: {} for name in SHAPES}
    for name, shape in SHAPES.items():
        for framing, bring in (("squash", squashed), ("pad", padded)):
            answers = ask(partial(_strip, shape=shape, bring=partial(bring, side=size)), f"{framing} {name}")
            shapes[name][framing] = share(answers.argmax(axis=1) == targets)
    return shapes


def _strip(path: Path, shape: float, bring: Callable[[Photograph], Photograph]) -> Photograph:
    """Return a strip of a photograph, brought to a square."""
    return bring(cut(read(path), shape))


def _draft(ask: Ask, size: int) -> Figure:
    """Compare the answers where drafting leaves as little as it may with those from every pixel of the same files."""
    draft = {}
    for scale in DRAFT_SCALES:
        read_half = partial(halved, least=ceil(scale * size))
        half = ask(partial(read_half, drafted=True), f"draft to {scale}")
        whole = ask(partial(read_half, drafted=False), f"whole, for {scale}")
        draft[str(scale)] = {
            "same_label": share(half.argmax(axis=1) == whole.argmax(axis=1)),
            "largest_difference": round(float(np.abs(half - whole).max()), 4),
        }
    return draft


def _ask(classifier: Classifier, files: Sequence[tuple[Path, int]], frame: Frame, name: str) -> Probabilities:
    """Return the answers to framed photographs: float32 (N, labels)."""
    size = classifier.manifest.input_size
    framed = (png(frame(path)) for path, _ in tqdm(files, name, unit="photograph", disable=None))
    images = [decode(data, size, max_pixels=MAX_PIXELS).image for data in framed]
    return in_batches(classifier.predict, np.stack(images), quiet=True)


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.framing", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--photographs", type=Path, required=True, help="holds a folder for each of two or more of the model's labels"
    )
    add_model(parser)
    arguments = parser.parse_args()
    with faults_in_one_line():
        classifier = load(arguments.model)
        figures = measure(classifier, *choose(arguments.photographs, classifier.manifest.labels))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
