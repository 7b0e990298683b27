"""Answered files in folders by their answer: copied, or linked."""

import filecmp
import os
import shutil
from itertools import count
from pathlib import Path

from catdog_api.errors import SettingsError


def sort_into(folder: Path, label: str, file: Path, *, link: bool) -> Path:
    """Put a file into the folder of its label, under its own name, or that with a number if another file has it.

    Args:
        folder: Holds a folder for each label; made where it is missing.
        label: The answer.
        file: What was answered; it stays where it is.
        link: Whether to make a symbolic link in place of a copy.

    Returns:
        Where it lies now; where it already lay, as a copy or as a link, nothing was done.

    Raises:
        FileNotFoundError: The file has left.
        SettingsError: The folder, the copy or the link cannot be made.
    """
    target = folder / label
    try:
        target.mkdir(parents=True, exist_ok=True)
        return _place(target, file, link=link)
    except OSError as error:
        if not os.path.lexists(file):
            raise FileNotFoundError(str(file)) from error
        raise SettingsError(f"Nothing can be sorted into {target}: {error.strerror or error}.") from error


def _place(target: Path, file: Path, *, link: bool) -> Path:
    place, numbers = target / file.name, count(2)
    while os.path.lexists(place):
        if place.exists() and (place.samefile(file) or filecmp.cmp(file, place, shallow=False)):
            return place
        place = target / f"{file.stem}-{next(numbers)}{file.suffix}"
    if link:
        place.symlink_to(file.resolve())
        return place
    # Under another name first, and no longer one: whoever looks into the folder finds whole photographs only.
    unfinished = target / f".{os.getpid()}.part"
    try:
        shutil.copy2(file, unfinished)
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
    return place
