"""One run: from label folders to a model artifact that the service can load.

    python -m training.train --data DIR --out models/

DIR holds `train`, `val` and `test`, each with one folder per label. A run that was stopped goes on from its last epoch
when the same command is given again.

Version 2.1.0: 96.59 % of test right, cat against dog 98.18 %, after 152 minutes on two cores of an AMD EPYC (Zen 4),
beside other work and in two parts, with seed 20261121. Again, in one and alone on two newer ones (Zen 5): 96.50 and
98.08 %, 83 minutes. models/MODEL_CARD.md tells the rest.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

import catdog_api.classifier  # noqa: F401  # before Keras: it imports TensorFlow without its announcements

# isort: split
import keras

from catdog_api.tensors import Images
from training.augment import plain_views, random_views
from training.checkpoints import CheckpointError, load, save
from training.dataset import SURROUNDINGS, DatasetError, Photographs, check_apart, load_split
from training.deliver import deliver
from training.layout import SIDE
from training.losses import PhotographLosses
from training.muon import Muon
from training.network import build_network
from training.precision import policy_of
from training.prefetch import prepared
from training.provenance import provenance
from training.pruning import draw
from training.recipe import SMOKE, Recipe

CHECKPOINT = "checkpoint.npz"


class RunError(Exception):
    """There are too few photographs, or the run folder holds a run that this command cannot go on with."""


class Run:
    """A training under way: network, optimizer, averaged weights, record. One thread; lives as long as the command.

    Args:
        recipe: What is done.
        photographs: To train on; at least one batch.
        validation: Photographs with the same labels.
        folder: Holds the checkpoint, from which the run goes on where there is one; made where it is missing.

    Raises:
        OSError: The folder cannot be made, or the checkpoint in it cannot be read.
        CheckpointError: The checkpoint is damaged.
        RunError: The photographs are too few, or the checkpoint is that of another run.
    """

    def __init__(self, recipe: Recipe, photographs: Photographs, validation: Photographs, folder: Path) -> None:
        keras.utils.set_random_seed(recipe.seed)
        self.recipe = recipe
        self.photographs = photographs
        self.validation = validation
        self.checkpoint = folder / CHECKPOINT
        count, labels = len(photographs.targets), photographs.labels
        if count < recipe.batch_size:
            raise RunError(f"{count} photographs are fewer than one batch of {recipe.batch_size}: gather more.")
        surrounding = photographs.targets == (labels.index(SURROUNDINGS) if SURROUNDINGS in labels else -1)
        self.surroundings = np.flatnonzero(surrounding)
        self.one_hot = np.eye(len(labels), dtype=np.float32)
        self.losses = np.full(count, np.inf, np.float32)
        self.steps = 0
        self.history: list[dict[str, float]] = []
        self.network = build_network(len(labels))
        self.averaged = build_network(len(labels))
        self.averaged.set_weights(self.network.get_weights())
        self._compile()
        self._resume()

    def train(self) -> None:
        """Train the epochs that are left, each ending with its figures and a checkpoint."""
        for epoch in range(len(self.history), self.recipe.epochs):
            started, before = time.monotonic(), self.steps
            loss = self._train_epoch(epoch)
            seconds = time.monotonic() - started
            size = self.recipe.size_at(epoch)
            shown = (self.steps - before) * self.recipe.batch_size
            figures = {
                "epoch": epoch + 1,
                "size": size,
                "loss": round(loss, 4),
                "val_accuracy": round(self.validate(size), 4),
                "photographs": shown,
                "images_per_second": round(shown / seconds),
                "seconds": round(seconds),
            }
            self.history.append(figures)
            self._save()
            print(f"{json.dumps(figures)}  {self._time_left()}", flush=True)

    def validate(self, size: int) -> float:
        """Return the accuracy of the averaged weights on the validation split, whole photographs at this size."""
        correct = 0
        images, targets = self.validation.images, self.validation.targets
        for start in range(0, len(targets), self.recipe.batch_size):
            batch = slice(start, start + self.recipe.batch_size)
            logits = np.asarray(self.averaged.predict_on_batch(plain_views(images[batch], size)))
            correct += int(np.sum(logits.argmax(axis=1) == targets[batch]))
        return correct / len(targets)

    def record(self) -> dict[str, Any]:
        """Describe the run: what went in, with what it was made, and what came out so far."""
        splits = {"train": self.photographs, "val": self.validation}
        return {**provenance(self.recipe, splits), "history": self.history}

    def _compile(self) -> None:
        recipe = self.recipe
        self.photograph_losses = PhotographLosses(recipe.batch_size, recipe.label_smoothing)
        optimizer = Muon(recipe.peak_learning_rate, decay=recipe.weight_decay)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
        # XLA undoes on a CPU what bfloat16 gains.
        self.network.compile(optimizer, loss, metrics=[self.photograph_losses], jit_compile=False)
        self.averaged.compile(jit_compile=False)
        optimizer.build(self.network.trainable_variables)

    def _train_epoch(self, epoch: int) -> float:
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, epoch])
        order, weights = draw(self.losses, recipe.pruned_share_at(epoch), rng)  # (M,), (M,)
        if len(order) < recipe.batch_size:  # so few photographs that by chance not one batch is left of them
            order, weights = draw(self.losses, 0.0, rng)
        steps = len(order) // recipe.batch_size
        shown = steps * recipe.batch_size  # the others would not fill a batch: they wait for another epoch
        picks, weights = order[:shown].reshape(steps, -1), weights[:shown].reshape(steps, -1)  # (steps, batch)
        views = prepared(
            (partial(self._views, pick, epoch, step) for step, pick in enumerate(picks)), threads=2, ahead=6
        )
        batches = zip(picks, weights, views, strict=True)
        for layer in self.network.layers:
            if isinstance(layer, keras.layers.Dropout):  # of an epoch, too, so that a resumed run drops the same
                layer.seed_generator.state.assign([recipe.seed, epoch])
        total = 0.0
        with tqdm(batches, f"epoch {epoch + 1}/{recipe.epochs}", steps, unit="step", disable=None) as progress:
            for step, (pick, weight, batch) in enumerate(progress):  # (batch,), (batch,), (batch, size, size, 3)
                self.network.optimizer.learning_rate = recipe.learning_rate_at(epoch + step / steps)
                self.network.train_on_batch(batch, self.one_hot[self.photographs.targets[pick]], weight)
                self.losses[pick] = self.photograph_losses.losses.numpy()
                total += float(self.losses[pick].mean())
                self._average(recipe.average_decay_at(self.steps))
                self.steps += 1
        return total / steps

    def _views(self, pick: npt.NDArray[np.int64], epoch: int, step: int) -> Images:
        rng = np.random.default_rng([self.recipe.seed, epoch, step])
        size, strength = self.recipe.size_at(epoch), self.recipe.strength_at(epoch)
        around = rng.choice(self.surroundings, min(len(pick), len(self.surroundings)))
        return random_views(self.photographs.images[pick], self.photographs.images[around], size, strength, rng)

    def _average(self, decay: float) -> None:
        for average, weight in zip(self.averaged.weights, self.network.weights, strict=True):
            average.assign(decay * average + (1 - decay) * weight)

    def _save(self) -> None:
        arrays = {
            "network": self.network.get_weights(),
            "averaged": self.averaged.get_weights(),
            "optimizer": [np.asarray(variable) for variable in self.network.optimizer.variables],
            "losses": [self.losses],
        }
        save(self.checkpoint, arrays, {**self.record(), "steps": self.steps})

    def _resume(self) -> None:
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        if not self.checkpoint.exists():
            return
        arrays, saved = load(self.checkpoint)
        fresh = json.loads(json.dumps(self.record()))
        for part in ("recipe", "constants", "data"):
            if saved.get(part) != fresh[part]:
                folder = self.checkpoint.parent
                raise RunError(f"{folder} holds a run that differs in its {part}: choose another --run folder.")
        self.history, self.steps, self.losses = saved["history"], saved["steps"], arrays["losses"][0]
        self.network.set_weights(arrays["network"])
        self.averaged.set_weights(arrays["averaged"])
        for variable, value in zip(self.network.optimizer.variables, arrays["optimizer"], strict=True):
            variable.assign(value)

    def _time_left(self) -> str:
        """Estimate from the last epoch: what an epoch costs follows the area of its views."""
        last = self.history[-1]
        rest = range(len(self.history), self.recipe.epochs)
        seconds = sum(last["seconds"] * (self.recipe.size_at(epoch) / last["size"]) ** 2 for epoch in rest)
        return f"{seconds / 60:.0f} min left"


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="holds train, val and test, one folder per label each")
    parser.add_argument("--out", type=Path, required=True, help="where the model artifact goes, say models/")
    parser.add_argument("--run", type=Path, default=Path("runs/latest"), help="checkpoints (default: %(default)s)")
    parser.add_argument("--name", default="catdog", help="of the model, in every answer (default: %(default)s)")
    parser.add_argument("--version", default="1.0.0", help="of the model, in every answer (default: %(default)s)")
    parser.add_argument(
        "--smoke", action="store_true", help="the same in small: two minutes for some hundred photographs"
    )
    arguments = parser.parse_args()
    recipe = SMOKE if arguments.smoke else Recipe()
    try:
        keras.mixed_precision.set_global_policy(policy_of(arguments.run / CHECKPOINT))
        check_apart(arguments.data)
        photographs, validation = (load_split(arguments.data, split, SIDE) for split in ("train", "val"))
        run = Run(recipe, photographs, validation, arguments.run)
        # A rehearsal: what cannot be saved, or has no place to go, should say so now and not when the hours are over.
        deliver(run.averaged, run.record(), arguments.run, name=arguments.name, version=arguments.version)
        arguments.out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=arguments.out):
            pass
        run.train()
        model = deliver(run.averaged, run.record(), arguments.out, name=arguments.name, version=arguments.version)
    except (CheckpointError, DatasetError, OSError, RunError) as error:
        sys.exit(f"training: {error}")
    except KeyboardInterrupt:
        sys.exit("\ntraining: stopped; the same command goes on from the last whole epoch")
    print(f"{model} is ready: python -m training.evaluate --data {arguments.data} --model {model}")


if __name__ == "__main__":
    main()
