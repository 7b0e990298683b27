"""Fills the tables of the model card from what was measured and recorded beside the model.

    python -m training.card

`MODEL_CARD.md` is written by hand; between `<!-- NAME -->` and `<!-- /NAME -->` stands what this command puts there.
Where there is none beside the model, the command writes one of headings and tables alone, for words to be added.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catdog_api.artifact import Manifest, read_manifest, verify
from training import tables
from training.commands import add_model, faults_in_one_line

CARD = "MODEL_CARD.md"
HEADINGS = {
    "figures": "How good it is",
    "sources": "By source",
    "confusion": "Confusion",
    "robustness": "Under damage",
    "errors": "What it gets wrong",
    "data": "Data",
    "run": "How it was trained",
}


class CardError(Exception):
    """The card has not the marks for its tables, or what goes into them is missing or is that of another model."""


def begin(manifest: Manifest) -> str:
    """Return a card without words: name and version of the model, and under each heading the marks of a table."""
    parts = [f"## {heading}\n\n<!-- {name} -->\n<!-- /{name} -->" for name, heading in HEADINGS.items()]
    return "\n\n".join([f"# Model card: {manifest.name} {manifest.version}", *parts]) + "\n"


def fill(text: str, filled: Mapping[str, str]) -> str:
    """Put each table between its two marks.

    Args:
        text: The card, in Markdown.
        filled: By the name in the marks, what stands between them.

    Returns:
        The card with those parts replaced and nothing else.

    Raises:
        CardError: A table has not exactly one pair of marks.
    """
    for name, content in filled.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed) or start in rest or end in before + after:
            raise CardError(f"The card needs one {start} and after it one {end}.")
        text = f"{before}{start}\n\n{content}\n\n{end}{after}"
    return text


def read_tables(model: Path) -> dict[str, str]:
    """Write every table of the card, by its name.

    Args:
        model: The `.keras` file; beside it lie its manifest, `run.json` and `robustness.json`.

    Raises:
        ArtifactError: The model is missing, damaged, or not what its manifest says.
        CardError: The records are missing, or not those of this model.
    """
    manifest = read_manifest(model)
    verify(model, manifest)
    record, robustness = (_read(model.with_name(name)) for name in ("run.json", "robustness.json"))
    if robustness["model"]["sha256"] != manifest.sha256:
        raise CardError("robustness.json is that of another model: run python -m training.robustness.")
    if record.get("model", {}).get("sha256") != manifest.sha256:
        raise CardError(
            "run.json is that of another model, or does not say of which: its sha256 is not the manifest's."
        )
    if "confusion_by_source" not in manifest.figures:
        raise CardError(f"The manifest of {model} has no figures by source: run python -m training.evaluate.")
    return {
        "figures": tables.figures(manifest, model.stat().st_size),
        "sources": tables.sources(manifest),
        "confusion": tables.confusion(manifest),
        "errors": tables.errors(manifest),
        "robustness": tables.robustness(robustness),
        "data": tables.data(manifest, record),
        "run": tables.run(record),
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CardError(f"{path} cannot be read: {error}.") from error
    return read


def main() -> None:
    """Fill the card from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.card", description=__doc__.split("\n", maxsplit=1)[0])
    add_model(parser)
    model = parser.parse_args().model
    card = model.with_name(CARD)
    with faults_in_one_line(CardError):
        filled = read_tables(model)
        text = card.read_text(encoding="utf-8") if card.exists() else begin(read_manifest(model))
        card.write_text(fill(text, filled), encoding="utf-8")
    print(f"{card} is filled.")


if __name__ == "__main__":
    main()
