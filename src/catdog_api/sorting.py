"""Answered files in folders by their answer: copied, or linked."""

import filecmp
import os
import shutil
from itertools import count
from pathlib import Path


def sort_into(folder: Path, label: str, file: Path, *, link: bool) -> Path:
    """Put a file into the folder of its label, under its own name, or that with a number if another file has it.

    Args:
        folder: Holds a folder for each label; made where it is missing.
        label: The answer.
        file: What was answered; it stays where it is.
        link: Whether to make a symbolic link in place of a copy.

    Returns:
        Where it lies now; where it already lay, nothing was done.

    Raises:
        OSError: The folder or the copy cannot be made.
    """
    target = folder / label
    target.mkdir(parents=True, exist_ok=True)
    place, numbers = target / file.name, count(2)
    while os.path.lexists(place):
        if place.exists() and (place.samefile(file) if link else filecmp.cmp(file, place, shallow=False)):
            return place
        place = target / f"{file.stem}-{next(numbers)}{file.suffix}"
    if link:
        place.symlink_to(file.resolve())
    else:
        # Under another name first: whoever looks into the folder finds whole photographs only.
        unfinished = place.with_name(f".{place.name}.part")
        shutil.copy2(file, unfinished)
        unfinished.replace(place)
    return place
