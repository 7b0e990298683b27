"""What `pip install .` gives: a wheel with page and model, without the training."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True)  # noqa: S603  # ours
    (built,) = folder.glob("catdog_api-*.whl")
    return built


def test_the_wheel_carries_page_and_model_and_no_training(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    page = {f"catdog_api/static/{path.name}" for path in (ROOT / "static").iterdir()}
    assert page | {"catdog_api/models/catdog.keras", "catdog_api/models/catdog.json"} <= names
    assert not [name for name in names if name.startswith(("training", "tests"))]


def test_an_installed_wheel_finds_what_it_carries(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "from catdog_api.settings import read_settings; print(read_settings().model)"
    output = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert Path(output.stdout.strip()) == tmp_path / "catdog_api" / "models" / "catdog.keras"
