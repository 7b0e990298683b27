"""The state of a run in one file, so that a kill at any moment leaves one whole state behind."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, Sequence[npt.NDArray[Any]]]


class CheckpointError(ValueError):
    """The file is no checkpoint, or a damaged one."""


def save(path: Path, arrays: Arrays, record: dict[str, Any]) -> None:
    """Write a checkpoint in the place of the one before it.

    Args:
        path: Of the file.
        arrays: By name; any shapes, and the dtypes that are NumPy's own (bfloat16 is none of them).
        record: JSON types alone.

    Raises:
        OSError: The file cannot be written; what stood there stands.
    """
    content: dict[str, Any] = {f"{name} {i}": array for name, group in arrays.items() for i, array in enumerate(group)}
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        np.savez(file, record=np.array(json.dumps(record)), **content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def load(path: Path) -> tuple[dict[str, list[npt.NDArray[Any]]], dict[str, Any]]:
    """Read a checkpoint.

    Args:
        path: Of a file that `save` wrote.

    Returns:
        The arrays by name, in their order, and the record.

    Raises:
        OSError: The file cannot be read.
        CheckpointError: The file is no checkpoint, or a damaged one.
    """
    arrays: dict[str, list[npt.NDArray[Any]]] = {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            record = json.loads(str(archive["record"]))
            for name in archive.files:  # in the order in which they were written
                if name != "record":
                    arrays.setdefault(name.rsplit(" ", 1)[0], []).append(archive[name])
    # In turn: damaged; empty; another .npz; an .npy, which is no archive; neither of NumPy's formats.
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is no checkpoint, or a damaged one.") from error
    return arrays, record
