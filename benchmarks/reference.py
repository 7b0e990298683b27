"""The right answers: what the network says of the fixed set, for either decoder; a process of its own, for TensorFlow.

    python -m benchmarks.reference FOLDER

writes `FOLDER/expected.json` for the photographs in `FOLDER/raw`.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.contenders import ours, plain


def write(folder: Path) -> None:
    """Write the probabilities of each photograph, and how far a batch is from one at a time."""
    classifier = ours.load()
    photographs = [path.read_bytes() for path in sorted(folder.glob("raw/[0-9]*"))]
    images = [ours.read(data, classifier.manifest) for data in photographs]
    alone = np.concatenate([classifier.predict(image[None]) for image in images])
    batched = np.concatenate([classifier.predict(np.stack(images[at : at + 8])) for at in range(0, len(images), 8)])
    network = plain.load()
    full = [plain.answer(network(plain.read(data), training=False)) for data in photographs]
    expected = {
        "ours": [ours.answer(row, classifier.manifest) for row in alone],
        "plain": full,
        "batch_difference": float(np.abs(alone - batched).max()),
    }
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
