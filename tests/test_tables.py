"""`training.tables`: every number of the card stands where its head says, with its n and interval."""

from typing import Any

import numpy as np
import pytest

from catdog_api.artifact import Manifest
from training import tables
from training.figures import all_figures

LABELS = ("cat", "dog", "neither")
# Ten photographs: the source, what each shows, what it was answered.
ANSWERS = [
    *[("kaggle", 0, 0)] * 3,
    ("kaggle", 0, 2),
    *[("kaggle", 1, 1)] * 2,
    ("kaggle", 1, 0),
    *[("wildlife", 2, 1)] * 2,
    ("wildlife", 2, 2),
]
RECORD: dict[str, Any] = {
    "recipe": {"seed": 77, "batch_size": 16},
    "data": {
        "train": {"counts": {"cat": 1200, "dog": 30, "neither": 5}, "dropped": {"damaged": 2, "duplicate": 1}},
        "val": {"counts": {"cat": 3, "dog": 2, "neither": 1}, "dropped": {}},
    },
    "precision": "float32",
    "python": "3.11.7",
    "packages": {"keras": "3.15.1", "numpy": "2.4.6"},
    "history": [
        {"size": 64, "seconds": 9000, "val_accuracy": 0.5},
        {"size": 64, "seconds": 3000, "val_accuracy": 0.8},
        {"size": 96, "seconds": 12000, "val_accuracy": 0.9123},
    ],
}
for name, split in RECORD["data"].items():
    split["sha256"] = f"hash of {name}"


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    """Return a manifest with the figures of `ANSWERS`."""
    sources, targets, answers = (np.array(column) for column in zip(*ANSWERS, strict=True))
    probabilities = (0.1 + 0.7 * np.eye(3)[answers]).astype(np.float32)
    figures = all_figures(probabilities, targets, sources, LABELS)
    return Manifest(
        "catdog", "2.0.0", LABELS, 128, "0" * 64, parameters=1_234_567, multiply_adds=99_600_000, figures=figures
    )


def rows(table: str) -> list[list[str]]:
    """Return the cells of a Markdown table, its head first."""
    head, rule, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert rule == ["---", *["--:"] * (len(head) - 1)]
    assert {len(row) for row in body} == {len(head)}
    return [head, *body]


def test_the_headline_has_every_figure_with_its_n_and_interval(manifest: Manifest) -> None:
    written = {row[0]: row[1:] for row in rows(tables.figures(manifest, 4_960_000))}
    assert written["cat, dog or neither: right answers"] == ["60.00 %", "10", "31.27 % to 83.18 %"]
    assert written["cat against dog, forced choice, kaggle"][1] == "7"
    assert written["neither: recall"] == ["33.33 %", "3", "6.15 % to 79.23 %"]
    wild = manifest.figures["labels"]["neither"]["auroc_by_source"]["wildlife"]
    assert written["wildlife alone against the others, AUROC by p(neither)"] == [
        f"{wild['value']:.4f}",
        "10",
        f"{wild['interval'][0]:.4f} to {wild['interval'][1]:.4f}",
    ]
    assert written["expected calibration error, 15 bins"] == ["0.2000", "10", "0.0000 to 0.5000"]
    assert written["multiply-adds for a photograph"][0] == "100 million"
    assert written["parameters"][0] == "1.23 million"
    assert written["artifact"][0] == "5.0 MB"


def test_a_source_is_written_with_what_it_shows(manifest: Manifest) -> None:
    kaggle, wildlife = rows(tables.sources(manifest))[1:]
    assert kaggle[:3] == ["kaggle", "4 cat, 3 dog", "71.43 %"]
    assert kaggle[4] == ""
    assert wildlife[:3] == ["wildlife", "3 neither", "33.33 %"]
    assert wildlife[4].endswith("p(neither)")


def test_the_confusion_has_the_truth_in_rows(manifest: Manifest) -> None:
    head, *body = rows(tables.confusion(manifest))
    assert head == ["photograph of", "answered cat", "answered dog", "answered neither", "all"]
    assert body == [["cat", "3", "0", "1", "4"], ["dog", "1", "2", "0", "3"], ["neither", "0", "2", "1", "3"]]


def test_the_most_frequent_error_comes_first_and_right_answers_not_at_all(manifest: Manifest) -> None:
    assert rows(tables.errors(manifest))[1:] == [
        ["wildlife", "neither", "dog", "2", "3", "66.67 %"],
        ["kaggle", "cat", "neither", "1", "4", "25.00 %"],
        ["kaggle", "dog", "cat", "1", "3", "33.33 %"],
    ]


def test_every_severity_has_a_row() -> None:
    recall = {"cat": {"value": 0.8, "n": 1200}, "dog": {"value": 1.0, "n": 800}}
    share = {"value": 0.9, "n": 2000, "interval": [0.88, 0.91], "recall": recall}
    measured = {
        "photographs": "two of test",
        "surroundings": "two more",
        "undamaged": share,
        "damages": {"blur": [{"severity": 0.5, **share}], "turned": []},
    }
    photographs, written = tables.robustness(measured).split("\n\n")
    assert photographs == "On two of test: 1,200 cat, 800 dog. Around and before them stand two more."
    assert rows(written) == [
        ["damage", "severity", "right", "n", "95 % interval", "cat: recall", "dog: recall"],
        ["none", "", "90.00 %", "2,000", "88.00 % to 91.00 %", "80.00 %", "100.00 %"],
        ["blur", "0.5", "90.00 %", "2,000", "88.00 % to 91.00 %", "80.00 %", "100.00 %"],
    ]


def test_the_counts_of_test_come_from_what_was_measured(manifest: Manifest) -> None:
    assert rows(tables.data(manifest, RECORD)) == [
        ["split", "cat", "dog", "neither", "all", "dropped"],
        ["train", "1,200", "30", "5", "1,235", "3"],
        ["val", "3", "2", "1", "6", "0"],
        ["test", "4", "3", "3", "10", ""],
    ]


def test_the_run_is_told_by_its_record() -> None:
    written = dict(rows(tables.run(RECORD)))
    assert written["epochs"] == "3: 2 at 64 px, 1 at 96 px"
    assert written["minutes"] == "400"
    assert written["seed"] == "77"
    assert written["right of val in the last epoch, at 96 px"] == "91.23 % of 6"
    assert written["packages"] == "Python 3.11.7, keras 3.15.1, numpy 2.4.6"
    assert written["SHA-256 of val"] == "`hash of val`"
