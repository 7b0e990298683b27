"""`training.train.Run`: whom its epochs show, and that a checkpoint holds all that it needs to go on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from training import augment
from training.checkpoints import CheckpointError, load
from training.dataset import Photographs
from training.recipe import Recipe
from training.train import Run, RunError

pytestmark = pytest.mark.training

RECIPE = Recipe(
    input_size=32,
    stages=((6, 32),),
    batch_size=8,
    peak_learning_rate=0.01,
    warmup_epochs=0.5,
    cooldown_epochs=3.0,
    pruned_share=0.5,
    unpruned_epochs=1,
    average_decay=0.9,
)
LABELS = ("cat", "dog", "neither")
MISLABELED = [5, 12, 20, 27, 41, 48, 60]


def photographs(count: int) -> Photographs:
    """Draw each label as noise around a colour of its own, and give a few drawings another label."""
    targets = np.arange(count) % len(LABELS)
    noise = np.random.default_rng(count).integers(0, 120, (count, 40, 40, 3))
    images = (noise + 120 * np.eye(3, dtype=np.int64)[targets][:, None, None]).astype(np.uint8)
    mislabeled = [index for index in MISLABELED if index < count]
    targets[mislabeled] = (targets[mislabeled] + 1) % len(LABELS)
    return Photographs(images, targets, LABELS, ("drawn",) * count, {}, f"{count} drawings")


def state(run: Run) -> dict[str, list[npt.NDArray[Any]]]:
    """Return all that the next step of a run depends on."""
    return {
        "network": run.network.get_weights(),
        "averaged": run.averaged.get_weights(),
        "optimizer": [keras.ops.convert_to_numpy(variable).copy() for variable in run.network.optimizer.variables],
        "losses": [run.losses.copy(), np.array(run.steps)],
    }


class Stopped(Run):
    """One that is killed after its third epoch."""

    def _save(self) -> None:
        super()._save()
        if len(self.history) == 3:
            raise KeyboardInterrupt


def same(one: dict[str, list[npt.NDArray[Any]]], other: dict[str, list[npt.NDArray[Any]]], name: str) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one[name], other[name], strict=True))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train 68 drawings: eight batches and a half."""
    run = Run(RECIPE, photographs(68), photographs(12), tmp_path_factory.mktemp("run"))
    run.train()
    return run


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Begin the same run without training it."""
    return Run(RECIPE, photographs(68), photographs(12), tmp_path_factory.mktemp("untrained"))


def test_the_first_epoch_and_the_last_show_everybody_and_the_others_leave_some_out(ended: Run) -> None:
    shown = [epoch["photographs"] for epoch in ended.history]
    assert shown[0] == shown[-1] == 64
    assert 8 <= max(shown[1:-1]) < 64
    assert ended.steps == sum(shown) / 8


def test_each_loss_is_that_of_the_photograph_it_stands_for(ended: Run) -> None:
    assert np.isfinite(ended.losses).sum() >= 64
    assert ended.losses[MISLABELED].mean() > 2 * np.delete(ended.losses, MISLABELED).mean()
    assert ended.history[-1]["loss"] < ended.history[0]["loss"]


def test_a_resumed_run_is_in_the_state_in_which_it_was_left_and_trains_no_further_when_it_had_ended(
    ended: Run, untrained: Run
) -> None:
    left, before = state(ended), ended.checkpoint.read_bytes()
    resumed = Run(RECIPE, photographs(68), photographs(12), ended.checkpoint.parent)
    found = state(resumed)
    assert [name for name in left if not same(left, found, name)] == []
    assert resumed.history == ended.history
    assert int(resumed.network.optimizer.iterations) == ended.steps > 0
    new = state(untrained)
    assert [name for name in left if same(left, new, name)] == []  # so that none of it was there by chance
    resumed.train()
    assert resumed.history == ended.history
    assert ended.checkpoint.read_bytes() == before


def test_a_run_that_was_stopped_ends_as_one_that_was_not(ended: Run, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Stopped(RECIPE, photographs(68), photographs(12), tmp_path).train()
    resumed = Run(RECIPE, photographs(68), photographs(12), tmp_path)
    assert len(resumed.history) == 3
    resumed.train()
    for one, other in zip(state(resumed)["averaged"], state(ended)["averaged"], strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_a_checkpoint_holds_the_run_record(ended: Run) -> None:
    _, record = load(ended.checkpoint)
    assert record.pop("steps") == ended.steps
    assert record.keys() == ended.record().keys()
    assert record["history"] == ended.history


def test_a_single_batch_is_shown_whole_in_every_epoch(tmp_path: Path) -> None:
    run = Run(RECIPE, photographs(8), photographs(3), tmp_path)
    run.train()
    assert [epoch["photographs"] for epoch in run.history] == [8] * RECIPE.epochs


def test_the_averaged_weights_follow_the_trained_ones(ended: Run, untrained: Run) -> None:
    runs = (ended.averaged, ended.network, untrained.network)
    for average, weight, start in zip(*(run.get_weights() for run in runs), strict=True):
        moved = np.linalg.norm(weight - start)
        assert 0 < np.linalg.norm(average - weight) < moved


@pytest.mark.parametrize(
    ("recipe", "count", "message"),
    [
        pytest.param(RECIPE, 7, "7 photographs are fewer than one batch of 8.", id="less-than-a-batch"),
        pytest.param(replace(RECIPE, seed=1), 68, "holds a run that differs in its recipe", id="another-recipe"),
        pytest.param(RECIPE, 69, "holds a run that differs in its data", id="other-photographs"),
    ],
)
def test_what_it_cannot_go_on_with_is_refused(recipe: Recipe, count: int, message: str, ended: Run) -> None:
    before = ended.checkpoint.read_bytes()
    with pytest.raises(RunError, match=message):
        Run(recipe, photographs(count), photographs(12), ended.checkpoint.parent)
    assert ended.checkpoint.read_bytes() == before


def test_a_run_under_other_views_is_refused(ended: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "TURN_SHARE", 0.5)
    with pytest.raises(RunError, match="holds a run that differs in its constants"):
        Run(RECIPE, photographs(68), photographs(12), ended.checkpoint.parent)


def test_a_damaged_checkpoint_is_not_taken_for_a_new_run(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(b"PK")
    with pytest.raises(CheckpointError):
        Run(RECIPE, photographs(68), photographs(12), tmp_path)
