"""A practitioner's own folders, drawn: wolf against husky, and `training` started on them as its user does."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tests.images import encode

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"wolf": "park", "husky": "sled"}


def photograph(label: str, number: int, split: str) -> bytes:
    """Draw a wolf as dark bars on a warm ground, a husky as a light disc on a cold one."""
    rng = np.random.default_rng([number, len(label), *split.encode()])
    noise = rng.integers(-30, 30, (48, 64, 3)) + ((130, 110, 90) if label == "wolf" else (70, 90, 130))
    picture = Image.fromarray(noise.astype(np.uint8))
    pen, left, top = ImageDraw.Draw(picture), int(rng.integers(5, 25)), int(rng.integers(2, 14))
    if label == "wolf":
        for row in range(top, 48, 12):
            pen.rectangle((0, row, 64, row + 5), (40, 30, 25))
    else:
        pen.ellipse((left, top, left + 32, top + 32), (225, 230, 240))
    return encode(picture, "JPEG", quality=90)


def draw(data: Path, counts: dict[str, int]) -> Path:
    """Fill the three splits with so many photographs of each label."""
    for split, count in counts.items():
        for label, source in SOURCES.items():
            folder = data / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{source}-{number:03}.jpg").write_bytes(photograph(label, number, split))
    return data


def command(module: str, *arguments: str | Path) -> dict[str, Any]:
    """Return how to start a module of `training` as its user does."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return {"args": [sys.executable, "-m", f"training.{module}", *map(str, arguments)], "cwd": ROOT, "env": environment}


def run(module: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a module of `training` to its end."""
    return subprocess.run(**command(module, *arguments), capture_output=True, text=True, check=False, timeout=300)
