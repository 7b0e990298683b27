"""The figures that training and evaluation draw, as PNG files."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INCHES = (6.4, 4.0)
DASHES = ("--", "-.", ":")


def plot_curves(history: Sequence[dict[str, float]], path: Path) -> None:
    """Draw loss and validation accuracy over the epochs of a run.

    Args:
        history: An entry for each epoch: `epoch` from 1, `size` of the views in pixels, mean `loss` of its steps in
            nats, and `val_accuracy` in [0, 1].
        path: Where the PNG goes.

    Raises:
        OSError: The file cannot be written.
    """
    epochs = [figures["epoch"] for figures in history]
    figure = Figure(figsize=INCHES, layout="constrained")
    left = figure.subplots()
    left.plot(epochs, [figures["loss"] for figures in history], color="tab:gray", label="training loss")
    left.set(xlabel="epoch", ylabel="training loss, smoothed labels, augmented views")
    right = left.twinx()
    right.plot(epochs, [100 * figures["val_accuracy"] for figures in history], color="tab:blue")
    right.set_ylabel("validation accuracy, %", color="tab:blue")
    for before, after in pairwise(history):
        if before["size"] != after["size"]:
            left.axvline(before["epoch"] + 0.5, color="tab:gray", linewidth=0.5, linestyle="--")
            left.text(before["epoch"] + 0.6, left.get_ylim()[1], f"{after['size']:.0f} px", va="top", fontsize=8)
    figure.savefig(path, dpi=120)


def plot_confusion(matrix: npt.NDArray[np.int64], labels: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix.

    Args:
        matrix: int64 (labels, labels), photographs by true label (rows) and answer (columns); no row is all 0.
        labels: In the matrix's order.
        path: Where the PNG goes.

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    axes = figure.subplots()
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*matrix.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"  # noqa: PLR2004  # readable on either end of the map
        text = f"{matrix[row, column]}\n{100 * shares[row, column]:.1f} %"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    ticks = range(len(labels))
    axes.set(xticks=ticks, yticks=ticks, xticklabels=labels, yticklabels=labels, xlabel="answer", ylabel="photograph")
    figure.savefig(path, dpi=120)


def plot_calibration(
    mean: npt.NDArray[np.float64], accuracy: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], path: Path
) -> None:
    """Draw a reliability diagram: how often answers of a given probability were right.

    Args:
        mean: float64 (bins,), mean probability of the answers in each bin, in [0, 1].
        accuracy: float64 (bins,), share of them that was right, in [0, 1].
        counts: int64 (bins,), how many there were; an empty bin is left out.
        path: Where the PNG goes.

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    axes = figure.subplots()
    used = counts > 0
    axes.plot([0, 1], [0, 1], color="tab:gray", linewidth=0.8)
    axes.scatter(mean[used], accuracy[used], s=10 + 90 * np.sqrt(counts[used] / counts.max()), color="tab:blue")
    axes.set(xlabel="probability of the answer", ylabel="share of answers that were right", xlim=(0, 1), ylim=(0, 1.02))
    figure.savefig(path, dpi=120)


def plot_robustness(figures: Mapping[str, Any], path: Path) -> None:
    """Draw a panel for each damage: the share of right answers at each severity, of all photographs and by label.

    Args:
        figures: `undamaged` with its `value` in [0, 1], and `damages`: by name, at most twelve, for each `severity` a
            `value` with its `interval`, and under `recall` a `value` for each label.
        path: Where the PNG goes.

    Raises:
        OSError: The file cannot be written.
        ValueError: There are more than twelve damages.
    """
    figure = Figure(figsize=(12, 7.5), layout="constrained")
    damages, panels = figures["damages"], figure.subplots(3, 4, sharey=True).flat
    for axes in panels[len(damages) :]:
        axes.set_visible(False)
    for (name, measured), axes in zip(damages.items(), panels[: len(damages)], strict=True):
        axes.axhline(100 * figures["undamaged"]["value"], color="tab:gray", linewidth=0.8, label="undamaged")
        _draw_damage(axes, measured)
        axes.set_title(name, fontsize=10)
    figure.supylabel("right answers, %", fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=9, fontsize=9)
    figure.savefig(path, dpi=120)


def _draw_damage(axes: Axes, measured: Sequence[Mapping[str, Any]]) -> None:
    places = np.arange(len(measured))  # the severities are no scale: some rise, some fall, some jump
    lows, highs = 100 * np.array([entry["interval"] for entry in measured]).T
    axes.fill_between(places, lows, highs, color="tab:blue", alpha=0.2, linewidth=0)
    shares = [100 * entry["value"] for entry in measured]
    axes.plot(places, shares, color="tab:blue", marker="o", markersize=4, label="all, with 95 % interval", zorder=3)
    for number, label in enumerate(measured[0]["recall"]):
        recall = [100 * entry["recall"][label]["value"] for entry in measured]
        dashes = DASHES[number % len(DASHES)]  # for readers to whom the colours are alike
        axes.plot(places, recall, dashes, color=f"C{number + 1}", linewidth=1.2, label=label)
    axes.set_xticks(places, [f"{entry['severity']:g}" for entry in measured], fontsize=8)
    axes.set_xlim(-0.5, len(measured) - 0.5)
    axes.grid(axis="y", linewidth=0.3)
