"""The arrays that pass between the rooms: what an image is and what an answer of the network is."""

from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
"""One photograph: uint8 (size, size, 3), RGB in [0, 255], the whole photograph brought to the square."""

View: TypeAlias = npt.NDArray[np.uint8]
"""One photograph in its own shape, as bare pixels: uint8 (rows, columns, 3), RGB in [0, 255]."""

Images: TypeAlias = npt.NDArray[np.uint8]
"""A batch of them: uint8 (N, size, size, 3), RGB in [0, 255]."""

Probabilities: TypeAlias = npt.NDArray[np.float32]
"""The calibrated answer for a batch: float32 (N, labels), each row in [0, 1] and summing to 1."""

Logits: TypeAlias = npt.NDArray[np.float32]
"""What the network says before the softmax: float32 (N, labels), unbounded."""

ActivationMap: TypeAlias = npt.NDArray[np.float32]
"""Where the network saw one label: float32 (h, w), in logits; its mean and the label's bias make the label's logit."""

ActivationMaps: TypeAlias = npt.NDArray[np.float32]
"""Those of every label: float32 (N, h, w, labels) for a batch, (h, w, labels) for one image."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the network says of one image, and where it saw it; immutable.

    Attributes:
        probabilities: float32 (labels,), calibrated, in [0, 1], summing to 1.
        maps: float32 (h, w, labels), the activation map of each label.
        biases: float32 (labels,), what each label's logit has beside the mean of its map.
    """

    probabilities: Probabilities
    maps: ActivationMaps
    biases: Logits

    def within(self, across: float, down: float) -> Self:
        """Cut it to the middle of the image, where the photograph is.

        Args:
            across: The middle's share of the width, in (0, 1].
            down: Its share of the height, likewise.

        Returns:
            Maps of as many cells, over the middle alone; what lay around it is in the biases, so that the mean of a map
            and its bias still make the logit.
        """
        rows, columns, _ = self.maps.shape
        maps = np.einsum("ih,jw,hwl->ijl", _middle(rows, down), _middle(columns, across), self.maps)
        biases = self.biases + self.maps.mean((0, 1)) - maps.mean((0, 1))
        return replace(self, maps=maps.astype(np.float32), biases=biases)


def _middle(cells: int, share: float) -> npt.NDArray[np.float32]:
    """Return the matrix, float32 (cells, cells), that resamples a row of cells to as many over its middle, linearly."""
    at = ((np.arange(cells) + 0.5) / cells - 0.5) * share * cells + cells / 2 - 0.5
    near = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells)))
    weights: npt.NDArray[np.float32] = (near / near.sum(1, keepdims=True)).astype(np.float32)
    return weights
