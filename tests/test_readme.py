"""The README is true: its settings, its figures, and its links; its answer is asked for in test_predict.py."""

import re
from pathlib import Path

import pytest

from catdog_api.artifact import read_manifest
from catdog_api.settings import Settings, bundled, read_settings

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def described(value: object) -> str:
    """Write a default as the README does."""
    if isinstance(value, Path):
        return "`models/catdog.keras`"
    if isinstance(value, int | float) and value >= 10_000:
        return f"{value:,}"
    return "none" if value in (None, ()) else f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_table_with_its_default(name: str) -> None:
    default = described(getattr(read_settings(), name))
    description = Settings.model_fields[name].description
    assert f"| `CATDOG_{name.upper()}` | {default} | {description} |" in README


def test_no_setting_is_in_the_readme_that_does_not_exist() -> None:
    assert set(re.findall(r"CATDOG_([A-Z_]+)", README)) <= {name.upper() for name in Settings.model_fields}


def test_the_figures_are_those_of_the_manifest() -> None:
    figures = read_manifest(bundled("models") / "catdog.keras").figures
    pair = figures["forced_choice"]["cat against dog"]
    for figure in (figures["accuracy"], pair["all"], pair["kaggle"], pair["breeds"]):
        low, high = figure["interval"]
        assert f"| {figure['value']:.2%} | {figure['n']:,} | {low:.2%} to {high:.2%} |".replace("%", " %") in README


def test_every_room_that_is_named_exists() -> None:
    root = Path(__file__).resolve().parents[1]
    assert all((root / path).exists() for path in re.findall(r"\]\((\S+?\.\w+)\)", README))
