"""How a model is asked about photographs outside the service: their labels are checked, then they go in batches."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from catdog_api.tensors import Images
from training.dataset import DatasetError, find_labels

BATCH = 32


def check_labels(data: Path, labels: tuple[str, ...]) -> None:
    """Refuse photographs of other labels than the model's.

    Args:
        data: Holds `train`, `val` and `test`, each with one folder per label.
        labels: The model's, in the network's order.

    Raises:
        DatasetError: The folders are not as described, or their labels are others.
    """
    found = find_labels(data)
    if found != labels:
        raise DatasetError(f"{data} holds {found}, but the model knows {labels}.")


def in_batches(
    ask: Callable[[Images], npt.NDArray[np.float32]], images: Images, *, quiet: bool = False
) -> npt.NDArray[np.float32]:
    """Ask about any number of images, `BATCH` at a time.

    Args:
        ask: A classifier's `predict` or `logits`.
        images: uint8 (N, size, size, 3), RGB in [0, 255]; N at least 1.
        quiet: Show no progress.

    Returns:
        float32 (N, labels): what `ask` gave, in the images' order.

    Raises:
        PredictionError: The network gave something that is not a number.
        TypeError: The images have another size than the model's.
        ValueError: There are no images.
    """
    starts = tqdm(range(0, len(images), BATCH), "predict", unit="batch", disable=quiet or None)
    return np.concatenate([ask(images[start : start + BATCH]) for start in starts])
