"""The commands of `training`, in this process: one of its own would first import TensorFlow for seconds."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from types import ModuleType
from unittest import mock


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit status, and what it wrote to each of its outputs."""

    returncode: int
    stdout: str
    stderr: str


def run(module: ModuleType, *arguments: object) -> Ran:
    """Run a module's `main` with these arguments, as `python -m` does."""
    stdout, stderr, status = io.StringIO(), io.StringIO(), 0
    command = [str(module.__file__), *map(str, arguments)]
    with mock.patch.object(sys, "argv", command), redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            module.main()
        except SystemExit as end:  # what the interpreter makes of it: a number is the status, words are an error
            status = end.code if isinstance(end.code, int) else 1
            if isinstance(end.code, str):
                print(end.code, file=stderr)
    return Ran(status, stdout.getvalue(), stderr.getvalue())
