"""`catdog-api predict --engine ray`, as far as the command goes without Ray."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from catdog_api import cli
from catdog_api.settings import Settings

RAY = ["predict", "s3://photographs", "--engine", "ray", "--out", "s3://answers/all.parquet?region=eu-west-1"]


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as end:
        cli.main(RAY)
    assert str(end.value.code).startswith("catdog-api: --engine ray needs Ray: pip install 'catdog-api[cluster]'")


@pytest.mark.parametrize(("failures", "status"), [(0, None), (3, 1)])
def test_ray_is_given_the_addresses_as_they_were_the_model_in_full_and_its_failures_are_the_status(
    failures: int, status: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def run(settings: Settings, paths: list[str], out: str) -> int:
        given.extend([settings.precision, settings.model, paths, out])
        return failures

    cluster = ModuleType("catdog_api.cluster")
    cluster.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "catdog_api.cluster", cluster)
    monkeypatch.setattr(cli, "find_spec", lambda _: object())
    code = None
    try:
        cli.main([*RAY, "--precision", "float32", "--model", "models/own.keras"])
    except SystemExit as end:
        code = end.code
    assert code == status
    model = Path.cwd() / "models" / "own.keras"
    assert given == ["float32", model, ["s3://photographs"], "s3://answers/all.parquet?region=eu-west-1"]
