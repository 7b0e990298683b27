"""One run: from class folders to a model artifact that the service can load.

    python -m training.train --data DIR --out models/

DIR holds `train`, `val` and `test`, each with one folder per label. A run that was stopped goes on from its last epoch
when the same command is given again.
"""

import argparse
import importlib
import json
import os
import sys
import time
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
    import catdog_api.classifier  # noqa: F401  # before Keras: it imports TensorFlow without its announcements

import keras

from training.augment import plain_views, prepared, random_views
from training.dataset import DatasetError, Photographs, load_split
from training.deliver import deliver
from training.muon import Muon
from training.network import build_network
from training.recipe import SMOKE, Recipe

STORED_SIDE = 160  # a little more than the served size, so that a zoomed view still has pixels of its own


class RunError(Exception):
    """The run folder holds a run that this command cannot go on with."""


class Run:
    """A training under way: network, optimizer, averaged weights, record. One thread; lives as long as the command."""

    def __init__(self, recipe: Recipe, photographs: Photographs, validation: Photographs, folder: Path) -> None:
        keras.utils.set_random_seed(recipe.seed)
        self.recipe = recipe
        self.photographs = photographs
        self.validation = validation
        self.folder = folder
        self.one_hot = np.eye(len(photographs.labels), dtype=np.float32)
        self.steps_per_epoch = len(photographs.targets) // recipe.batch_size
        if not self.steps_per_epoch:
            raise RunError(f"{len(photographs.targets)} photographs are fewer than one batch of {recipe.batch_size}.")
        self.history: list[dict[str, float]] = []
        self.network = build_network(len(photographs.labels))
        self.averaged = build_network(len(photographs.labels))
        self.averaged.set_weights(self.network.get_weights())
        optimizer = Muon(recipe.peak_learning_rate, decay=recipe.weight_decay)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
        # XLA undoes on a CPU what bfloat16 gains; JAX knows no other way.
        self.network.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
        self.averaged.compile(jit_compile=keras.backend.backend() == "jax")
        optimizer.build(self.network.trainable_variables)
        self._resume()

    def train(self) -> None:
        """Train the epochs that are left, each ending with its figures and a checkpoint."""
        for epoch in range(len(self.history), self.recipe.epochs):
            started = time.monotonic()
            loss = self._train_epoch(epoch)
            seconds = time.monotonic() - started
            size = self.recipe.size_at(epoch)
            figures = {
                "epoch": epoch + 1,
                "size": size,
                "loss": round(loss, 4),
                "val_accuracy": round(self.validate(size), 4),
                "images_per_second": round(self.steps_per_epoch * self.recipe.batch_size / seconds),
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
        data = {
            name: {"counts": split.counts(), "dropped": split.dropped, "sha256": split.sha256}
            for name, split in (("train", self.photographs), ("val", self.validation))
        }
        backend = keras.backend.backend()
        packages = {name: version(name) for name in ("keras", "numpy", "pillow")}
        packages[backend] = importlib.import_module(backend).__version__  # tensorflow has two distributions
        return {
            "labels": self.photographs.labels,
            "recipe": asdict(self.recipe),
            "data": data,
            "precision": keras.mixed_precision.global_policy().name,
            "backend": backend,
            "python": sys.version.split()[0],
            "packages": packages,
            "history": self.history,
        }

    def _train_epoch(self, epoch: int) -> float:
        recipe = self.recipe
        order = np.random.default_rng([recipe.seed, epoch]).permutation(len(self.photographs.targets))
        picks = order[: self.steps_per_epoch * recipe.batch_size].reshape(self.steps_per_epoch, recipe.batch_size)
        batches = prepared(
            (partial(self._batch, pick, epoch, step) for step, pick in enumerate(picks)), threads=2, ahead=6
        )
        losses = 0.0
        with tqdm(batches, f"epoch {epoch + 1}/{recipe.epochs}", len(picks), unit="step", disable=None) as progress:
            for step, (views, targets) in enumerate(progress, epoch * self.steps_per_epoch):
                share = step / (recipe.epochs * self.steps_per_epoch)
                self.network.optimizer.learning_rate = recipe.learning_rate_at(share)
                losses += float(self.network.train_on_batch(views, targets))
                self._average(recipe.average_decay_at(step))
        return losses / self.steps_per_epoch

    def _batch(
        self, pick: npt.NDArray[np.int64], epoch: int, step: int
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        rng = np.random.default_rng([self.recipe.seed, epoch, step])
        views = random_views(self.photographs.images[pick], self.recipe.size_at(epoch), rng)
        return views, self.one_hot[self.photographs.targets[pick]]

    def _average(self, decay: float) -> None:
        for average, weight in zip(self.averaged.weights, self.network.weights, strict=True):
            average.assign(decay * average + (1 - decay) * weight)

    def _save(self) -> None:
        """Write the weights under new names, then the record that counts them: a kill leaves one whole state behind."""
        self.network.save_weights(self._weights("network"))
        self.averaged.save_weights(self._weights("averaged"))
        unfinished = self.folder / "record.json.part"
        unfinished.write_text(json.dumps(self.record(), indent=1))
        unfinished.replace(self.folder / "record.json")
        current = {self._weights("network"), self._weights("averaged")}
        for old in set(self.folder.glob("*.weights.h5")) - current:
            old.unlink()

    def _resume(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "record.json"
        if not path.exists():
            return
        saved, fresh = json.loads(path.read_text()), json.loads(json.dumps(self.record()))
        for part in ("recipe", "data"):
            if saved[part] != fresh[part]:
                raise RunError(f"{self.folder} holds a run with another {part}: choose another --run folder.")
        self.history = saved["history"]
        self.network.load_weights(self._weights("network"))
        self.averaged.load_weights(self._weights("averaged"))

    def _weights(self, name: str) -> Path:
        return self.folder / f"{name}-{len(self.history)}.weights.h5"

    def _time_left(self) -> str:
        """Estimate from the last epoch: what an epoch costs follows the area of its views."""
        last = self.history[-1]
        rest = range(len(self.history), self.recipe.epochs)
        seconds = sum(last["seconds"] * (self.recipe.size_at(epoch) / last["size"]) ** 2 for epoch in rest)
        return f"{seconds / 60:.0f} min left"


def policy_of(folder: Path) -> str:
    """Return the dtype policy that a run in this folder began with, or for a new one the faster."""
    record = folder / "record.json"
    return str(json.loads(record.read_text())["precision"]) if record.exists() else faster_policy()


def faster_policy() -> str:
    """Return the dtype policy in which this processor runs a convolution faster, by trying both."""

    def seconds(dtype: str) -> float:
        pixels, kernel = keras.ops.ones((32, 32, 32, 64), dtype), keras.ops.ones((3, 3, 64, 64), dtype)
        times = []
        for _ in range(5):
            started = time.perf_counter()
            float(keras.ops.sum(keras.ops.conv(pixels, kernel, padding="same")))
            times.append(time.perf_counter() - started)
        return min(times)

    return "mixed_bfloat16" if seconds("bfloat16") < seconds("float32") else "float32"


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="holds train, val and test, one folder per label each")
    parser.add_argument("--out", type=Path, required=True, help="where the model artifact goes, say models/")
    parser.add_argument("--run", type=Path, default=Path("runs/latest"), help="checkpoints (default: %(default)s)")
    parser.add_argument("--name", default="catdog", help="of the model, in every answer (default: %(default)s)")
    parser.add_argument("--version", default="1.0.0", help="of the model, in every answer (default: %(default)s)")
    parser.add_argument("--smoke", action="store_true", help="a two-minute run of the same code, to see that it works")
    arguments = parser.parse_args()
    recipe = SMOKE if arguments.smoke else Recipe()
    keras.mixed_precision.set_global_policy(policy_of(arguments.run))
    try:
        photographs, validation = (load_split(arguments.data, split, STORED_SIDE) for split in ("train", "val"))
        run = Run(recipe, photographs, validation, arguments.run)
        # A rehearsal: a network that cannot be saved should say so now and not when the hours are over.
        deliver(run.averaged, run.record(), arguments.run, name=arguments.name, version=arguments.version)
        run.train()
    except (DatasetError, RunError) as error:
        sys.exit(f"training: {error}")
    except KeyboardInterrupt:
        sys.exit("\ntraining: stopped; the same command goes on from the last whole epoch")
    deliver(run.averaged, run.record(), arguments.out, name=arguments.name, version=arguments.version)
    print(f"{arguments.out}/catdog.keras is ready: python -m training.evaluate --data {arguments.data}")


if __name__ == "__main__":
    main()
