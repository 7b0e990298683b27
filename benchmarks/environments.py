"""The virtual environment of each contender, made once by uv from its pinned requirements."""

import subprocess
import sys
from pathlib import Path

from benchmarks.registry import REQUIREMENTS, ROOT

ENVIRONMENTS = ROOT / "benchmarks" / ".venvs"


def requirements_of(environment: str) -> Path:
    """Return the file that pins an environment; this service's is the project's own lock."""
    return ROOT / "requirements.lock" if environment == "service" else REQUIREMENTS / f"{environment}.txt"


def prepare(environment: str) -> Path:
    """Make an environment unless it is there already and as its requirements say; return its `bin`.

    Raises:
        CalledProcessError: uv cannot make it or install into it.
    """
    folder = ENVIRONMENTS / environment
    stamp = folder / "requirements"
    pinned = requirements_of(environment).read_text(encoding="utf-8")
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != pinned:
        print(f"Installing {environment} into benchmarks/.venvs ...", flush=True)
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python")]
        subprocess.run([*install, "-r", str(requirements_of(environment))], check=True)
        stamp.write_text(pinned, encoding="utf-8")
    return folder / "bin"
