"""`training.asking`: other labels are refused by name, and batches give what single images give."""

from pathlib import Path

import numpy as np
import pytest

from catdog_api.tensors import Images, Probabilities
from training.asking import BATCH, check_labels, in_batches
from training.dataset import SPLITS, DatasetError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Lay out empty folders of two labels."""
    for split in SPLITS:
        for label in ("husky", "wolf"):
            (tmp_path / split / label).mkdir(parents=True)
    return tmp_path


def test_the_models_own_labels_pass(data: Path) -> None:
    check_labels(data, ("husky", "wolf"))


@pytest.mark.parametrize("labels", [("cat", "dog"), ("husky",), ("wolf", "husky"), ("husky", "neither", "wolf")])
def test_labels_that_are_not_the_models_are_refused_by_name(labels: tuple[str, ...], data: Path) -> None:
    with pytest.raises(DatasetError) as refusal:
        check_labels(data, labels)
    assert str(refusal.value) == f"{data} holds ('husky', 'wolf'), but the model knows {labels}."


def test_folders_that_are_no_splits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="/train holds 0 label folders"):
        check_labels(tmp_path, ("husky", "wolf"))


@pytest.mark.parametrize("count", [1, BATCH, 2 * BATCH + 3])
def test_every_image_is_asked_about_once_and_in_order(count: int) -> None:
    asked = []

    def brightness(images: Images) -> Probabilities:
        asked.append(len(images))
        means: Probabilities = images.mean(axis=(1, 2)).astype(np.float32)
        return means

    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    assert in_batches(brightness, images)[:, 0].tolist() == list(range(count))
    assert sum(asked) == count
    assert max(asked) <= BATCH
