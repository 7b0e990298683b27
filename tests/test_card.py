"""`training.card`: the tables go between their marks, and the card that is committed says what was measured."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import training.card
from catdog_api.artifact import read_manifest, write_manifest
from tests.artifacts import colour_model
from tests.commands import run
from training.card import CARD, CardError, fill, read_tables
from training.figures import all_figures, share
from training.tables import percent

MODELS = Path(__file__).resolve().parents[1] / "models"
NAMES = {"figures", "sources", "confusion", "errors", "robustness", "data", "run"}


def record(counts: dict[str, int], sha256: str) -> dict[str, object]:
    """Return a short run record of the model with this SHA-256."""
    split = {"counts": counts, "dropped": {}, "sha256": "0" * 64}
    return {
        "model": {"sha256": sha256},
        "labels": list(counts),
        "recipe": {"seed": 7, "batch_size": 16},
        "data": {"train": split, "val": split},
        "precision": "float32",
        "python": "3.11.7",
        "packages": {"keras": "3.15.1"},
        "history": [{"size": 32, "seconds": 60, "val_accuracy": 0.5}],
    }


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Lay out a model with its figures, its records and a card of empty marks."""
    path = colour_model(tmp_path)
    manifest = read_manifest(path)
    targets = np.arange(12) % 3
    figures = all_figures(np.eye(3, dtype=np.float32)[targets], targets, np.array(["zoo"] * 12), manifest.labels)
    write_manifest(replace(manifest, figures=figures), path)
    robustness = {
        "model": {"sha256": manifest.sha256},
        "photographs": "a dozen",
        "surroundings": "another dozen",
        "undamaged": {**share(np.ones(12, np.bool_)), "recall": {}},
        "damages": {},
    }
    path.with_name("robustness.json").write_text(json.dumps(robustness))
    path.with_name("run.json").write_text(json.dumps(record(dict.fromkeys(manifest.labels, 4), manifest.sha256)))
    marks = "\n\n".join(f"Of {name}:\n<!-- {name} --><!-- /{name} -->\nSo much for that." for name in sorted(NAMES))
    path.with_name(CARD).write_text(marks)
    return path


def test_a_table_replaces_what_stood_between_its_marks_and_nothing_else() -> None:
    text = "before\n<!-- a -->\nold\n<!-- /a -->\nbetween <!-- other -->\n<!-- b --><!-- /b -->"
    filled = fill(text, {"a": "| new |", "b": "| too |"})
    assert filled == (
        "before\n<!-- a -->\n\n| new |\n\n<!-- /a -->\nbetween <!-- other -->\n<!-- b -->\n\n| too |\n\n<!-- /b -->"
    )
    assert fill(filled, {"b": "| too |", "a": "| new |"}) == filled


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("no marks", id="none"),
        pytest.param("<!-- a --> and no end", id="no-end"),
        pytest.param("<!-- /a --> before <!-- a -->", id="end-first"),
        pytest.param("<!-- a --><!-- /a --><!-- a --><!-- /a -->", id="twice"),
        pytest.param("<!-- a --><!-- a --><!-- /a -->", id="start-twice"),
        pytest.param("<!-- a --><!-- /a --><!-- /a -->", id="end-twice"),
    ],
)
def test_marks_that_are_no_pair_are_refused(text: str) -> None:
    with pytest.raises(CardError, match="needs one <!-- a --> and after it one <!-- /a -->"):
        fill(text, {"a": "| new |"})


def test_every_table_comes_from_the_files_beside_the_model(model: Path) -> None:
    tables = read_tables(model)
    assert set(tables) == NAMES
    assert "| cat, dog or neither: right answers | 100.00 % | 12 |" in tables["figures"]


def test_the_command_fills_the_card_and_a_second_time_changes_nothing(model: Path) -> None:
    card = model.with_name(CARD)
    for _ in range(2):
        done = run(training.card, "--model", model)
        assert done.returncode == 0, done.stderr
        text = card.read_text()
        assert text == fill(text, read_tables(model))
        assert text.count("So much for that.") == len(NAMES)


def test_a_model_without_a_card_gets_one_of_headings_and_tables(model: Path) -> None:
    card = model.with_name(CARD)
    card.unlink()
    done = run(training.card, "--model", model)
    assert (done.returncode, done.stdout) == (0, f"{card} is filled.\n"), done.stderr
    text = card.read_text()
    assert text.startswith("# Model card: colours 1.0.0\n\n## How good it is\n\n<!-- figures -->\n\n| figure |")
    assert text == fill(text, read_tables(model))
    words = re.sub(r"<!-- (\w+) -->.*?<!-- /\1 -->", "", text, flags=re.DOTALL).split("\n")
    assert [word for word in words if word and not word.startswith("#")] == []
    assert len([word for word in words if word.startswith("## ")]) == len(NAMES)


def test_the_words_that_were_written_around_the_tables_stay(model: Path) -> None:
    card = model.with_name(CARD)
    card.unlink()
    run(training.card, "--model", model)
    written = card.read_text().replace("## Confusion\n", "## Confusion\n\nHuskies are taken for wolves.\n")
    card.write_text(written)
    assert run(training.card, "--model", model).returncode == 0
    assert card.read_text() == written
    assert "Huskies are taken for wolves." in written


def test_where_the_model_is_missing_no_card_is_begun(tmp_path: Path) -> None:
    refused = run(training.card, "--model", tmp_path / "catdog.keras")
    assert refused.returncode == 1
    assert refused.stderr == f"training: The manifest {tmp_path / 'catdog.json'} is missing.\n"
    assert list(tmp_path.iterdir()) == []


def broken(model: Path, name: str, old: str, new: str) -> None:
    """Change a file beside the model."""
    path = model.with_name(name)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        pytest.param(
            "robustness.json", '"sha256": "', '"sha256": "f', "robustness.json is that of another", id="robustness"
        ),
        pytest.param("run.json", '{"sha256": "', '{"sha256": "f', "run.json is that of another", id="run"),
        pytest.param("run.json", '"model"', '"else"', "run.json is that of another model, or does not", id="whose"),
        pytest.param("run.json", "{", "", "run.json cannot be read", id="no-json"),
        pytest.param("catdog.json", "confusion_by_source", "else", "has no figures by source: run", id="figures"),
    ],
)
def test_records_of_another_model_fill_no_card(name: str, old: str, new: str, message: str, model: Path) -> None:
    broken(model, name, old, new)
    with pytest.raises(CardError, match=message):
        read_tables(model)


def test_a_record_that_is_missing_is_named_in_one_line(model: Path) -> None:
    model.with_name("robustness.json").unlink()
    refused = run(training.card, "--model", model)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"training: {model.with_name('robustness.json')} cannot be read: ")
    assert refused.stderr.count("\n") == 1


def test_the_committed_card_has_a_place_for_every_table() -> None:
    text = (MODELS / CARD).read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- (\w+) -->", text)) == NAMES
    fill(text, dict.fromkeys(NAMES, ""))


@pytest.mark.model
@pytest.mark.skipif(not (MODELS / "robustness.json").exists(), reason="the model has not been damaged yet")
def test_the_committed_card_says_what_was_measured_of_the_committed_model() -> None:
    text = (MODELS / CARD).read_text(encoding="utf-8")
    assert fill(text, read_tables(MODELS / "catdog.keras")) == text
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [path for path in linked if not (MODELS / path).exists()] == []


@pytest.mark.model
def test_the_head_of_the_training_says_what_the_committed_run_gave() -> None:
    head = (MODELS.parent / "training" / "train.py").read_text(encoding="utf-8").split('"""')[1]
    manifest, run = read_manifest(MODELS / "catdog.keras"), json.loads((MODELS / "run.json").read_text())
    right, chosen = manifest.figures["accuracy"], manifest.figures["forced_choice"]["cat against dog"]["all"]
    minutes = sum(epoch["seconds"] for epoch in run["history"]) / 60
    for said in (manifest.version, percent(right["value"]), percent(chosen["value"]), f"{minutes:.0f} minutes"):
        assert said in head
    assert f"seed {run['recipe']['seed']}" in head
