"""The figures that the long tests give: one JSON, which the table in `benchmarks/README.md` is made from."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.soak.scale import SCALE

PATH = Path(os.environ.get("SOAK_FIGURES") or Path(__file__).resolve().parents[2] / "benchmarks/quick/soak.json")
"""`make soak` names `benchmarks/results/soak.json`; what is run by hand in a short form stays out of the repository."""

Record = Callable[[str, dict[str, Any]], None]


def record_figures(name: str, figures: dict[str, Any]) -> None:
    """Put one test's figures into the file, in the place of those from before.

    Args:
        name: Of the test, in words.
        figures: JSON; how far the test was shortened is added.
    """
    known = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    known[name] = {"scale": SCALE, **figures}
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")
