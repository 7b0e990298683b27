"""Class folders as arrays: find the photographs, check them, drop duplicates, and pack them into one array a split."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from catdog_api.decoding import decode
from catdog_api.errors import ImageError
from catdog_api.tensors import Image, Images

SPLITS = ("train", "val", "test")
MAX_PIXELS = 100_000_000
SURROUNDINGS = "neither"  # the label whose photographs show where a pet may be

Targets: TypeAlias = npt.NDArray[np.int64]
"""What photographs show: int64 (N,), each the index of a label."""


class DatasetError(Exception):
    """The folder does not hold `train`, `val` and `test` with one folder of photographs per label."""


@dataclass(frozen=True)
class Photographs:
    """One split in memory. Immutable, lives as long as the run.

    Attributes:
        images: uint8 (N, side, side, 3), RGB in [0, 255].
        targets: int64 (N,), each the index of a label.
        labels: The folders' names in alphabetical order: the order of the network's outputs.
        sources: N names, each what a file's name begins with up to its first hyphen.
        dropped: How many files were left out, by reason.
        sha256: Of all images and targets: two runs on the same data agree in it.
    """

    images: Images
    targets: Targets
    labels: tuple[str, ...]
    sources: tuple[str, ...]
    dropped: dict[str, int]
    sha256: str

    def counts(self) -> dict[str, int]:
        """Count the photographs of each label."""
        return {label: int(np.sum(self.targets == index)) for index, label in enumerate(self.labels)}


def find_folders(folder: Path) -> tuple[str, ...]:
    """Return the names of the folders in a folder, sorted; none where it is missing, and no hidden one."""
    return (
        tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")))
        if folder.is_dir()
        else ()
    )


def find_files(folder: Path, labels: Sequence[str]) -> list[tuple[Path, int]]:
    """Return every file in the labels' folders with the index of its label, sorted; hidden ones are no photographs.

    Args:
        folder: Holds one folder per label.
        labels: In the network's order.

    Raises:
        OSError: A label has no folder.
    """
    return [
        (path, index)
        for index, label in enumerate(labels)
        for path in sorted((folder / label).iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]


def find_labels(data: Path) -> tuple[str, ...]:
    """Return the names of the folders in `data/train`, sorted.

    Raises:
        DatasetError: There are fewer than two, or the three splits do not have the same.
    """
    found = {split: find_folders(data / split) for split in SPLITS}
    labels = found["train"]
    if len(labels) < 2:  # noqa: PLR2004  # one label leaves nothing to tell apart
        raise DatasetError(f"{data}/train holds {len(labels)} label folders, and two are the least.")
    for split, names in found.items():
        if names != labels:
            raise DatasetError(f"{data}/{split} holds the labels {names}, but train holds {labels}.")
    return labels


def load_split(data: Path, split: str, side: int) -> Photographs:
    """Decode a split as the service decodes, on all cores, damaged files and exact duplicates left out and counted.

    Args:
        data: Holds `train`, `val` and `test`, each with one folder per label.
        split: One of those three.
        side: Height and width to keep the photographs in, pixels.

    Raises:
        DatasetError: The folders are not as described, or a label has no usable photograph.
    """
    labels = find_labels(data)
    files = find_files(data / split, labels)
    images = np.empty((len(files), side, side, 3), np.uint8)
    kept: list[tuple[Path, int]] = []
    targets: dict[bytes, int] = {}  # by the digest of the pixels
    dropped: Counter[str] = Counter()
    for (path, target), image in zip(files, _decode_all(files, side, split), strict=True):
        if image is None:
            dropped["damaged"] += 1
            continue
        first = targets.setdefault(_digest(image), target)
        if len(targets) == len(kept):
            dropped["duplicate" if first == target else "duplicate under another label"] += 1
            continue
        images[len(kept)] = image
        kept.append((path, target))
    for index, label in enumerate(labels):
        if index not in targets.values():
            raise DatasetError(f"{data}/{split}/{label} holds no photograph of its own that can be decoded.")
    content = b"".join(digest + target.to_bytes(1 + target.bit_length() // 8) for digest, target in targets.items())
    return Photographs(
        images=images[: len(kept)],
        targets=np.array(list(targets.values()), np.int64),
        labels=labels,
        sources=tuple(path.name.split("-", 1)[0] for path, _ in kept),
        dropped=dict(dropped),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _decode_all(files: Sequence[tuple[Path, int]], side: int, split: str) -> Iterator[Image | None]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = pool.map(partial(_decode, side=side), (path for path, _ in files))
        yield from tqdm(decoded, split, len(files), unit="image", disable=None)


def _digest(image: Image) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


def _decode(path: Path, side: int) -> Image | None:
    try:
        return decode(path.read_bytes(), side, max_pixels=MAX_PIXELS).image
    except ImageError:
        return None
