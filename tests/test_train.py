"""A practitioner's own labels from folders to answers: `training.train`, killed and resumed, and `training.evaluate`.

All of it on one run, which learns drawings of two kinds in seconds.
"""

import json
import subprocess
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from catdog_api.app import create_app
from catdog_api.artifact import file_sha256, read_manifest
from catdog_api.settings import read_settings
from tests.conftest import client_of
from tests.wolves import SOURCES, command, draw, photograph, run
from training import augment, network
from training.checkpoints import load
from training.recipe import SMOKE

pytestmark = pytest.mark.training

PLOTS = {"calibration.png", "confusion.png", "curves.png"}
COUNTS = {"train": 200, "val": 40, "test": 40}


def epochs_in(output: str) -> list[tuple[dict[str, Any], str]]:
    """Return what a run has printed of its epochs: their figures, and what stands behind them."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return [(figures, line[end:]) for line in lines for figures, end in [json.JSONDecoder().raw_decode(line)]]


@dataclass(frozen=True)
class Trained:
    """One run of all that is tested here; lives as long as the module.

    Attributes:
        folder: Holds `data`, `run` (checkpoints) and `models` (what is delivered).
        at_the_kill: The record that the killed process left.
        output: What the process that took over has printed.
        figures: What `training.evaluate` has printed.
    """

    folder: Path
    at_the_kill: dict[str, Any]
    output: str
    figures: dict[str, Any]

    @property
    def model(self) -> Path:
        """The model file that was delivered."""
        return self.folder / "models" / "catdog.keras"

    @property
    def record(self) -> dict[str, Any]:
        """The run record that lies beside the model."""
        content: dict[str, Any] = json.loads(self.model.with_name("run.json").read_text())
        return content


def kill_after_an_epoch(arguments: tuple[str | Path, ...], log: Path) -> None:
    """Start a training and kill it without warning as soon as it says that an epoch is over."""
    with (
        log.open("w") as errors,
        subprocess.Popen(**command("train", *arguments), stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout
        over = any(line.startswith("{") for line in process.stdout)
        process.kill()
    assert over, log.read_text()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train wolf against husky, kill the run after its first epoch, start it again, and evaluate what it delivers."""
    folder = tmp_path_factory.mktemp("wolf-or-husky")
    data = draw(folder / "data", COUNTS)
    arguments = ("--data", data, "--out", folder / "models", "--run", folder / "run", "--name", "sled", "--smoke")
    kill_after_an_epoch(arguments, folder / "log")
    assert not any((folder / "models").iterdir())  # nothing is delivered before the end
    _, record = load(folder / "run" / "checkpoint.npz")
    resumed = run("train", *arguments)
    assert resumed.returncode == 0, resumed.stderr
    evaluated = run("evaluate", "--data", data, "--model", folder / "models" / "catdog.keras")
    assert evaluated.returncode == 0, evaluated.stderr
    return Trained(folder, record, resumed.stdout, json.loads(evaluated.stdout))


def test_a_killed_run_goes_on_from_its_last_epoch(trained: Trained) -> None:
    done = len(trained.at_the_kill["history"])
    assert 1 <= done < 4
    history = trained.record["history"]
    assert [figures["epoch"] for figures in history] == [1, 2, 3, 4]
    assert history[:done] == trained.at_the_kill["history"]
    assert history[done:] == [figures for figures, _ in epochs_in(trained.output)]


def test_a_run_says_how_far_and_how_fast_it_is_and_where_the_model_lies(trained: Trained) -> None:
    for figures, time_left in epochs_in(trained.output):
        assert figures["images_per_second"] > 0
        assert time_left.endswith(" min left")
    assert trained.output.splitlines()[-1].startswith(f"{trained.model} is ready: python -m training.evaluate")


def test_a_run_leaves_one_checkpoint_and_what_it_has_rehearsed_to_deliver(trained: Trained) -> None:
    rehearsed = {"catdog.keras", "catdog.json", "run.json", "curves.png"}
    assert {path.name for path in (trained.folder / "run").iterdir()} == {"checkpoint.npz"} | rehearsed
    _, record = load(trained.folder / "run" / "checkpoint.npz")
    assert record["history"] == trained.record["history"]


def test_the_run_record_tells_what_went_in_and_what_came_out(trained: Trained) -> None:
    record = trained.record
    assert record["labels"] == ["husky", "wolf"]
    assert record["recipe"] == json.loads(json.dumps(asdict(SMOKE)))
    assert record["recipe"]["seed"] > 0
    assert record["constants"].keys() == {"augment", "muon", "network"}
    assert record["constants"]["augment"]["TURN_SHARE"] == augment.TURN_SHARE
    assert record["constants"]["network"]["STAGES"] == [list(stage) for stage in network.STAGES]
    for split in ("train", "val"):
        assert record["data"][split]["counts"] == dict.fromkeys(("husky", "wolf"), COUNTS[split])
        assert record["data"][split]["dropped"] == {}
        assert len(record["data"][split]["sha256"]) == 64
    assert {"keras", "numpy", "pillow", "tensorflow"} <= set(record["packages"])
    assert record["python"].startswith("3.")
    for figures in record["history"]:
        assert {"epoch", "size", "loss", "val_accuracy", "photographs", "images_per_second", "seconds"} <= set(figures)
    assert record["history"][-1]["loss"] < record["history"][0]["loss"]


def test_the_curves_are_drawn(trained: Trained) -> None:
    with Image.open(trained.model.with_name("curves.png")) as image:
        assert image.format == "PNG"
        assert min(image.size) > 300


def test_evaluation_writes_temperature_and_figures_into_the_manifest(trained: Trained) -> None:
    manifest = read_manifest(trained.model)
    assert (manifest.name, manifest.labels, manifest.input_size) == ("sled", ("husky", "wolf"), 64)
    assert manifest.sha256 == file_sha256(trained.model)
    assert 1_000_000 < manifest.parameters < 2_000_000
    assert 0 < manifest.multiply_adds <= 400e6 / 4  # at less than half the size that is served
    assert trained.model.stat().st_size <= 8e6
    assert manifest.temperature not in {0, 1}
    assert manifest.figures == trained.figures
    assert manifest.figures["accuracy"]["n"] == 80
    assert manifest.figures["accuracy"]["value"] >= 0.9
    by_source = manifest.figures["accuracy_by_source"]
    assert {source: figure["n"] for source, figure in by_source.items()} == {"park": 40, "sled": 40}
    assert {path.name for path in trained.model.parent.glob("*.png")} == PLOTS


async def test_the_service_answers_wolf_and_husky_as_often_as_the_manifest_says(trained: Trained) -> None:
    app = create_app(read_settings({"model": trained.model}))
    right = 0
    async with app.router.lifespan_context(app), client_of(app) as client:
        described = (await client.get("/model")).json()
        assert (described["name"], described["labels"]) == ("sled", ["husky", "wolf"])
        for label, number in product(SOURCES, range(COUNTS["test"])):
            response = await client.post("/predict", files={"file": photograph(label, number, "test")})
            assert response.status_code == 200, response.text
            answer = response.json()
            assert list(answer["probabilities"]) == ["husky", "wolf"]
            assert sum(answer["probabilities"].values()) == pytest.approx(1)
            right += answer["label"] == label
    assert right / 80 == pytest.approx(trained.figures["accuracy"]["value"], abs=1e-4)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder."""
    return {path.name: file_sha256(path) for path in folder.iterdir()}


@pytest.mark.parametrize("other", ["recipe", "data"])
def test_another_run_in_the_same_folder_is_refused_and_harms_nothing(
    other: str, trained: Trained, tmp_path: Path
) -> None:
    folder = trained.folder / "run"
    before = hashes(folder)
    data = trained.folder / "data" if other == "recipe" else draw(tmp_path / "data", dict.fromkeys(COUNTS, 20))
    smoke = () if other == "recipe" else ("--smoke",)
    refused = run("train", "--data", data, "--out", tmp_path / "models", "--run", folder, *smoke)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert (
        refused.stderr == f"training: {folder} holds a run that differs in its {other}: choose another --run folder.\n"
    )
    assert hashes(folder) == before
    assert not (tmp_path / "models").exists()


def test_a_model_is_not_evaluated_on_other_labels(trained: Trained, tmp_path: Path) -> None:
    data = draw(tmp_path / "data", dict.fromkeys(COUNTS, 1))
    for split in COUNTS:
        (data / split / "wolf").rename(data / split / "fox")
    before = read_manifest(trained.model)
    refused = run("evaluate", "--data", data, "--model", trained.model)
    assert refused.returncode == 1
    message = f"training: {data} holds ('fox', 'husky'), but the model knows ('husky', 'wolf')."
    assert refused.stderr == message + "\n"
    assert read_manifest(trained.model) == before
