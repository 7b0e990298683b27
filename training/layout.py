"""Writes the label folders of a download: which split a photograph goes to, under what name, and none of them twice."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PillowImage

from catdog_api.decoding import decode
from catdog_api.errors import ImageError
from catdog_api.tensors import Image
from training.dataset import MAX_PIXELS

SIDE = 160
"""Height and width of what is written and trained on, pixels: a little more than is served, so that a zoomed view still
has pixels of its own."""

WEBP_QUALITY = 80
"""Measured on 150 photographs of 160 x 160 pixels: 4.4 kB each at 80, 7.1 kB at 90, 3.0 kB at 60."""

TEST_SHARE = 0.10
VAL_SHARE = 0.05


@dataclass(frozen=True)
class _Photograph:
    """The first photograph that was seen with its pixels."""

    source: str
    label: str
    split: str
    path: Path


class Layout:
    """Fills `dest/{train,val,test}/{label}/{source}-{name}.webp`, and counts. Lives as long as one run; one thread.

    Two photographs are the same when their decoded pixels are (SHA-256 of the 160 x 160 square): that also finds
    copies which differ in their metadata alone. Of several with one label the first stays; of several that were given
    different labels none does, for nobody knows which label is right.

    Args:
        dest: Where the folders are; created when missing.

    Attributes:
        kept: How many photographs are there, by (label, source, split).
        dropped: How many are not, by (source, reason).
    """

    def __init__(self, dest: Path) -> None:
        self._dest = dest
        self._first: dict[bytes, _Photograph | None] = {}  # None once its copies were found to disagree
        self.kept: Counter[tuple[str, str, str]] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()

    def add(self, source: str, name: str, label: str, data: bytes) -> None:
        """Write a photograph to its folder, or drop it as damaged or as a copy; a file that is there is left alone.

        Args:
            source: The dataset it comes from.
            name: What it is called there; unique within the source.
            label: The folder it belongs to.
            data: The encoded image.
        """
        try:
            image = decode(data, SIDE, max_pixels=MAX_PIXELS).image
        except ImageError:
            self.drop(source, "damaged")
            return
        split = split_of(data)
        path = self._dest / split / label / f"{source}-{name}.webp"
        photograph = _Photograph(source, label, split, path)
        pixels = hashlib.sha256(image.tobytes()).digest()
        if pixels in self._first:
            self._drop_copy(photograph, pixels)
            return
        self._write(image, path)
        self.kept[label, source, split] += 1
        self._first[pixels] = photograph

    def drop(self, source: str, reason: str) -> None:
        """Count a file that does not become a photograph."""
        self.dropped[source, reason] += 1

    def _drop_copy(self, copy: _Photograph, pixels: bytes) -> None:
        copy.path.unlink(missing_ok=True)  # a run over fewer sources took it for the first
        first = self._first[pixels]
        if first is not None and first.label == copy.label:
            self.drop(copy.source, "copy of another")
            return
        self.drop(copy.source, "labelled in two ways")
        if first is not None:
            self._first[pixels] = None
            first.path.unlink()
            self.kept[first.label, first.source, first.split] -= 1
            self.drop(first.source, "labelled in two ways")

    def _write(self, image: Image, path: Path) -> None:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # A killed run must leave no half-written file under a name that the next run takes for a whole one.
        part = self._dest / "writing.part"
        PillowImage.fromarray(image).save(part, "WEBP", quality=WEBP_QUALITY)
        part.replace(path)


def split_of(data: bytes) -> str:
    """Choose a photograph's split by its content: `train` 85 %, `val` 5 %, `test` 10 %.

    The SHA-256 of the file as published decides, not that of its pixels: another version of a decoder may round pixels
    differently, and must not move photographs from train to test.
    """
    position = int.from_bytes(hashlib.sha256(data).digest()[:8]) / 2**64  # uniform in [0, 1)
    if position < TEST_SHARE:
        return "test"
    return "val" if position < TEST_SHARE + VAL_SHARE else "train"
