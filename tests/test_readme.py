"""The README is true: its settings, its figures, and its links; its examples are run in test_readme_examples.py."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from catdog_api.app import create_app
from catdog_api.artifact import read_manifest
from catdog_api.metrics import Metrics
from catdog_api.settings import Settings, bundled, read_settings
from training.figures import Figure
from training.recipe import Recipe
from training.tables import percent

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def described(value: object) -> str:
    """Write a default as the README does."""
    if isinstance(value, Path):
        return "`models/catdog.keras`"
    if isinstance(value, int | float) and value >= 10_000:
        return f"{value:,}"
    return "none" if value in (None, ()) else f"{value:g}" if isinstance(value, float) else str(value)


def figure_row(figure: Figure, written: Callable[[float], str]) -> str:
    """Write value, n and interval of a figure as the README's table does."""
    low, high = figure["interval"]
    return f"{written(figure['value'])} | {figure['n']:,} | {written(low)} to {written(high)}"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_table_with_its_default(name: str) -> None:
    default = described(getattr(read_settings(), name))
    description = Settings.model_fields[name].description
    assert f"| `CATDOG_{name.upper()}` | {default} | {description} |" in README


def test_no_setting_is_in_the_readme_that_does_not_exist() -> None:
    named = set(re.findall(r"CATDOG_([A-Z_]+)", README))
    assert named == {name.upper() for name in Settings.model_fields}


def test_the_figures_are_those_of_the_manifest() -> None:
    figures = read_manifest(bundled("models") / "catdog.keras").figures
    pair, labels, right = figures["forced_choice"]["cat against dog"], figures["labels"], figures["accuracy_by_source"]
    shares = {
        "right: cat, dog or neither, all photographs": figures["accuracy"],
        "right: the same, dogs of nine breeds (imagewoof)": right["imagewoof"],
        "right: the same, lions, foxes, wolves and the like (wildlife)": right["wildlife"],
        "right: cat against dog, all": pair["all"],
        "right: cat against dog, Dogs vs. Cats (kaggle)": pair["kaggle"],
        "right: cat against dog, photographs by breed (breeds)": pair["breeds"],
    }
    error = figures["expected_calibration_error"]
    numbers = {
        "AUROC: neither against pets, all": labels["neither"]["auroc"],
        "AUROC: wildlife against pets": labels["neither"]["auroc_by_source"]["wildlife"],
        "AUROC: dogs of imagewoof against cats and neither": labels["dog"]["auroc_by_source"]["imagewoof"],
        f"expected calibration error, {error['bins']} bins": error,
    }
    written = {name: figure_row(figure, percent) for name, figure in shares.items()}
    written |= {name: figure_row(figure, "{:.4f}".format) for name, figure in numbers.items()}
    measured = README.split("\n## How good it is\n")[1].split("\n## ")[0]
    assert dict(re.findall(r"^\| (\w[^|]*) \| (.*) \|$", measured, re.MULTILINE)) == written


def test_the_example_in_the_explorer_is_the_delivered_model() -> None:
    manifest = read_manifest(bundled("models") / "catdog.keras")
    example = create_app(Settings()).openapi()["components"]["schemas"]["ModelInfo"]["example"]
    assert example.pop("precision") in {"float32", "bfloat16"}
    figures = example.pop("figures")
    assert figures.items() <= manifest.figures.items()
    assert tuple(example.pop("labels")) == manifest.labels
    assert example == {name: getattr(manifest, name) for name in example}


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\((\S+?\.\w+)\)", README)
    assert len(links) > 5
    assert [path for path in links if not (ROOT / path).exists()] == []


def test_no_placeholder_is_left() -> None:
    assert re.findall(r"^[A-Z]{4,}$", README, re.MULTILINE) == []


def test_what_is_said_of_the_training_is_what_its_record_says() -> None:
    record = json.loads((ROOT / "models" / "run.json").read_text(encoding="utf-8"))
    minutes = sum(epoch["seconds"] for epoch in record["history"]) / 60
    photographs = sum(record["data"]["train"]["counts"].values())
    assert f"{minutes:.0f} minutes" in README
    assert f"{photographs:,} photographs" in README
    assert {"keras", "numpy", "pillow", "tensorflow"} <= set(record["packages"])
    assert record["recipe"] == json.loads(json.dumps(asdict(Recipe())))


def test_the_table_of_series_names_all_that_are_served() -> None:
    served = re.findall(r"^# TYPE (catdog_\w+)", Metrics([]).expose("")[0].decode(), re.MULTILINE)
    in_table = re.findall(r"^\| `(catdog_\w+)` \|", README, re.MULTILINE)
    assert set(in_table) == {name for name in served if not name.endswith("_created")}
