"""The right answers: what the network says of the fixed set, for either decoder; a process of its own, for TensorFlow.

    python -m benchmarks.reference FOLDER

writes `FOLDER/expected.json` for the photographs in `FOLDER/raw`.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.agreement import batch_difference, in_batches
from benchmarks.contenders import ours, plain


def write(folder: Path) -> None:
    """Write the probabilities of each photograph, and how far batches of any size are from one at a time."""
    classifier = ours.load()
    photographs = [path.read_bytes() for path in sorted(folder.glob("raw/[0-9]*"))]
    images = np.stack([ours.read(data, classifier.manifest) for data in photographs])
    alone = in_batches(classifier.predict, images, 1)
    network = plain.load()
    full = [plain.answer(network(plain.read(data), training=False)) for data in photographs]
    expected = {
        "ours": [ours.answer(row, classifier.manifest) for row in alone],
        "plain": full,
        "batch_difference": batch_difference(classifier.predict, images, alone),
    }
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
