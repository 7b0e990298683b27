"""What the commands have in common: the argument that names the model, and one line where something is at fault."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catdog_api.errors import CatdogError
from training.dataset import DatasetError


def add_model(parser: ArgumentParser) -> None:
    """Let a command be told which model it is for; the project's own unless told."""
    default = Path("models/catdog.keras")
    parser.add_argument("--model", type=Path, default=default, help="the model file (default: %(default)s)")


@contextmanager
def faults_in_one_line(*others: type[Exception]) -> Iterator[None]:
    """End the command with status 1 and one line where a file, the photographs or the model are at fault.

    Args:
        others: What else is no mistake of the code, but for the person at the command to mend.
    """
    faults: tuple[type[Exception], ...] = (CatdogError, DatasetError, OSError, *others)
    try:
        yield
    except faults as error:
        sys.exit(f"training: {error}")
