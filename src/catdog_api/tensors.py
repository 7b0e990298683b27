"""The array types that pass between the rooms: what an image is and what an answer of the network is."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
"""One photograph: uint8 (size, size, 3), RGB in [0, 255], the whole photograph squashed to the square."""

Images: TypeAlias = npt.NDArray[np.uint8]
"""A batch of them: uint8 (N, size, size, 3), RGB in [0, 255]."""

Probabilities: TypeAlias = npt.NDArray[np.float32]
"""The calibrated answer for a batch: float32 (N, labels), each row in [0, 1] and summing to 1."""

Logits: TypeAlias = npt.NDArray[np.float32]
"""What the network says before the softmax: float32 (N, labels), unbounded."""
