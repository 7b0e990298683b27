"""Reads label folders, a download's or one's own: check the photographs, and pack them into one array a split."""

import hashlib
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from catdog_api.artifact import file_sha256
from catdog_api.decoding import decode
from catdog_api.errors import (
    EmptyImageError,
    ImageError,
    NotAnImageError,
    TooManyPixelsError,
    TruncatedImageError,
    UnsupportedFormatError,
)
from catdog_api.tensors import Image, Images

SPLITS = ("train", "val", "test")
SOURCE_LEAST = 10  # photographs of a split: the share of fewer says nothing
OTHER = "other"
SURROUNDINGS = "neither"  # the label whose photographs show where a pet may be

MAX_PIXELS = 50_000_000
"""The service's own default: what it would refuse is neither trained on nor counted in a figure."""

REASONS: dict[type[ImageError], str] = {
    EmptyImageError: "empty",
    NotAnImageError: "no image",
    UnsupportedFormatError: "of no accepted format",
    TruncatedImageError: "damaged",
    TooManyPixelsError: "too large",
}
"""Why a file is left out, as a person reads it."""

Targets: TypeAlias = npt.NDArray[np.int64]
"""What photographs show: int64 (N,), each the index of a label."""


class DatasetError(Exception):
    """The folder does not hold `train`, `val` and `test`, each of its own photographs, in one folder per label."""


@dataclass(frozen=True)
class Photographs:
    """One split in memory. Immutable, lives as long as the run.

    Attributes:
        images: uint8 (N, side, side, 3), RGB in [0, 255].
        targets: int64 (N,), each the index of a label.
        labels: The folders' names in alphabetical order: the order of the network's outputs.
        sources: N names, as `name_sources` gives them.
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


def check_apart(data: Path) -> None:
    """Refuse a file that lies in two splits: a photograph that was trained on says nothing of those that were not.

    Args:
        data: Holds `train`, `val` and `test`, each with one folder per label.

    Raises:
        DatasetError: The folders are not as described, or a file of one split is, byte for byte, one of another.
        OSError: A file cannot be read.
    """
    labels = find_labels(data)
    of_size: dict[int, list[tuple[str, Path]]] = defaultdict(list)
    for split in SPLITS:
        for path, _ in find_files(data / split, labels):
            of_size[path.stat().st_size].append((split, path))
    copies = []
    for files in of_size.values():
        if len({split for split, _ in files}) == 1:
            continue
        first: dict[str, tuple[str, Path]] = {}
        for split, path in files:
            seen_in, seen = first.setdefault(file_sha256(path), (split, path))
            if seen_in != split:
                copies.append(f"{path} is {seen} once more")
    if copies:
        raise DatasetError(f"{copies[0]}; {len(copies)} such files: leave each in one of the splits.")


def name_sources(names: Sequence[str]) -> tuple[str, ...]:
    """Return where each photograph of a split comes from: what its file's name begins with up to the first hyphen.

    Args:
        names: Of the files of one split.

    Returns:
        For each name its beginning where at least `SOURCE_LEAST` of them share it, and otherwise `OTHER`, as for a name
        without a hyphen: `001.jpg` under every label is no source.
    """
    beginnings = [beginning if hyphen else OTHER for beginning, hyphen, _ in (name.partition("-") for name in names)]
    counts = Counter(beginnings)
    return tuple(beginning if counts[beginning] >= SOURCE_LEAST else OTHER for beginning in beginnings)


def load_split(data: Path, split: str, side: int) -> Photographs:
    """Decode a split as the service decodes, on all cores; what is left out is counted, and said on stderr.

    Args:
        data: Holds `train`, `val` and `test`, each with one folder per label.
        split: One of those three.
        side: Height and width to keep the photographs in, pixels.

    Raises:
        DatasetError: The folders are not as described, or a label has no usable photograph.
        OSError: A folder or a file cannot be read.
    """
    labels = find_labels(data)
    files = find_files(data / split, labels)
    images = np.empty((len(files), side, side, 3), np.uint8)
    kept: list[tuple[Path, int]] = []
    targets: dict[bytes, int] = {}  # by the digest of the pixels
    dropped: Counter[str] = Counter()
    for (path, target), image in zip(files, _decode_all(files, side, split), strict=True):
        if isinstance(image, ImageError):
            dropped[REASONS[type(image)]] += 1
            continue
        first = targets.setdefault(_digest(image), target)
        if len(targets) == len(kept):
            dropped["duplicate" if first == target else "duplicate under another label"] += 1
            continue
        images[len(kept)] = image
        kept.append((path, target))
    if dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
        tqdm.write(f"{data}/{split}: of {len(files):,} files some are left out: {reasons}.", file=sys.stderr)
    for index, label in enumerate(labels):
        if index not in targets.values():
            raise DatasetError(f"{data}/{split}/{label} holds no photograph of its own that can be decoded.")
    content = b"".join(digest + target.to_bytes(1 + target.bit_length() // 8) for digest, target in targets.items())
    return Photographs(
        images=images[: len(kept)],
        targets=np.array(list(targets.values()), np.int64),
        labels=labels,
        sources=name_sources([path.name for path, _ in kept]),
        dropped=dict(dropped),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _decode_all(files: Sequence[tuple[Path, int]], side: int, split: str) -> Iterator[Image | ImageError]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = pool.map(partial(_decode, side=side), (path for path, _ in files))
        yield from tqdm(decoded, split, len(files), unit="image", disable=None)


def _digest(image: Image) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


def _decode(path: Path, side: int) -> Image | ImageError:
    try:
        return decode(path.read_bytes(), side, max_pixels=MAX_PIXELS).image
    except ImageError as error:
        return error
