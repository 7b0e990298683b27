"""The tables of the model card, in Markdown: pure functions from what was measured and recorded to text."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np

from catdog_api.artifact import Manifest
from training.figures import Figure

HARD_SOURCE = "wildlife"  # lions, foxes, wolves: what looks most like a pet and is none


def percent(share: float) -> str:
    """Write a share in [0, 1] as a percentage."""
    return f"{100 * share:.2f} %"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table whose first column is left-aligned and the others right-aligned."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figures(manifest: Manifest, artifact_bytes: int) -> str:
    """Write the headline figures, each with its n and 95 % interval where it has one.

    Args:
        manifest: With the figures of `training.evaluate`.
        artifact_bytes: Size of the model file.
    """
    measured = manifest.figures
    rows = [_row(f"{_listed(manifest.labels)}: right answers", measured["accuracy"])]
    pair, shares = next(iter(measured["forced_choice"].items()))
    rows += [_row(f"{pair}, forced choice, {source}", figure) for source, figure in shares.items()]
    for label in manifest.labels:
        found = measured["labels"][label]
        rows.append(_row(f"{label}: recall", found["recall"]))
        if found["precision"] is not None:
            rows.append(_row(f"{label}: precision", found["precision"]))
        rows.append(_row(f"{label} against the others, AUROC by p({label})", found["auroc"], as_percent=False))
        if hard := found["auroc_by_source"].get(HARD_SOURCE):
            rows.append(_row(f"{HARD_SOURCE} alone against the others, AUROC by p({label})", hard, as_percent=False))
    error = measured["expected_calibration_error"]
    rows += [
        _row(f"expected calibration error, {error['bins']} bins", error, as_percent=False),
        ("multiply-adds for a photograph", f"{manifest.multiply_adds / 1e6:.0f} million", "", ""),
        ("parameters", f"{manifest.parameters / 1e6:.2f} million", "", ""),
        ("artifact", f"{artifact_bytes / 1e6:.1f} MB", "", ""),
    ]
    return table(("figure", "value", "n", "95 % interval"), rows)


def sources(manifest: Manifest) -> str:
    """Write the three-way figures by source, with what each source shows, and AUROC where it shows one label alone."""
    measured, labels = manifest.figures, manifest.labels
    pure = {name: (label, auroc) for label in labels for name, auroc in _pure(manifest, label).items()}
    rows = []
    for source, figure in measured["accuracy_by_source"].items():
        counts = np.sum(measured["confusion_by_source"][source], axis=1).tolist()
        shown = ", ".join(f"{n:,} {label}" for n, label in zip(counts, labels, strict=True) if n)
        _, value, _, interval = _row(source, figure)
        label, auroc = pure.get(source, ("", None))
        against = f"{_decimals(auroc['value'])} ({_interval(auroc, as_percent=False)}), p({label})" if auroc else ""
        rows.append((source, shown, value, interval, against))
    return table(("source", "photographs", "right", "95 % interval", "AUROC against all other labels"), rows)


def confusion(manifest: Manifest) -> str:
    """Write the confusion matrix: true labels in rows, answers in columns."""
    labels = manifest.labels
    rows = [
        (label, *(f"{n:,}" for n in row), f"{sum(row):,}")
        for label, row in zip(labels, manifest.figures["confusion"], strict=True)
    ]
    return table(("photograph of", *(f"answered {label}" for label in labels), "all"), rows)


def errors(manifest: Manifest) -> str:
    """Write every kind of error by source, the most frequent first."""
    kinds = [
        (matrix[true][answer], sum(matrix[true]), source, label, given)
        for source, matrix in manifest.figures["confusion_by_source"].items()
        for true, label in enumerate(manifest.labels)
        for answer, given in enumerate(manifest.labels)
        if true != answer and matrix[true][answer]
    ]
    rows = [
        (source, label, given, f"{count:,}", f"{n:,}", percent(count / n))
        for count, n, source, label, given in sorted(kinds, key=lambda kind: (-kind[0], *kind[2:]))
    ]
    return table(("source", "shows", "answered", "photographs", "of", "share"), rows)


def robustness(measured: Figure) -> str:
    """Write what `robustness.json` holds: of which photographs, and the share of right answers under every damage."""
    undamaged = measured["undamaged"]
    rows = [("none", "", *_recalled(undamaged))]
    for name, shares in measured["damages"].items():
        rows += [(name, f"{figure['severity']:g}", *_recalled(figure)) for figure in shares]
    head = ("damage", "severity", "right", "n", "95 % interval", *(f"{label}: recall" for label in undamaged["recall"]))
    shown = ", ".join(f"{figure['n']:,} {label}" for label, figure in undamaged["recall"].items())
    on = f"On {measured['photographs']}: {shown}. Around and before them stand {measured['surroundings']}."
    return f"{on}\n\n{table(head, rows)}"


def data(manifest: Manifest, record: Figure) -> str:
    """Write how many photographs of each label there were, from the run record and, for test, the confusion matrix."""
    labels = manifest.labels
    splits = {name: [split["counts"][label] for label in labels] for name, split in record["data"].items()}
    splits["test"] = np.sum(manifest.figures["confusion"], axis=1).tolist()
    dropped = {name: sum(split["dropped"].values()) for name, split in record["data"].items()}
    rows = [
        (name, *(f"{n:,}" for n in counts), f"{sum(counts):,}", f"{dropped[name]:,}" if name in dropped else "")
        for name, counts in splits.items()
    ]
    return table(("split", *labels, "all", "dropped"), rows)


def run(record: Figure) -> str:
    """Write the facts of the run record that a reader may want to repeat or doubt."""
    history, recipe = record["history"], record["recipe"]
    stages = [f"{len(list(epochs))} at {size} px" for size, epochs in groupby(epoch["size"] for epoch in history)]
    packages = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    rows = [
        ("epochs", f"{len(history)}: {', '.join(stages)}"),
        ("minutes", f"{sum(epoch['seconds'] for epoch in history) / 60:.0f}"),
        ("seed", str(recipe["seed"])),
        ("batch size", str(recipe["batch_size"])),
        ("computed in", f"{record['precision']}, delivered in float32"),
        (f"right of val in the last epoch, at {history[-1]['size']} px", _of(history[-1]["val_accuracy"], record)),
        ("packages", f"Python {record['python']}, {packages}"),
        *((f"SHA-256 of {name}", f"`{split['sha256']}`") for name, split in record["data"].items()),
    ]
    return table(("fact", "value"), rows)


def _of(share: float, record: Figure) -> str:
    return f"{percent(share)} of {sum(record['data']['val']['counts'].values()):,}"


def _pure(manifest: Manifest, label: str) -> dict[str, Figure]:
    by_source: dict[str, Figure] = manifest.figures["labels"][label]["auroc_by_source"]
    return by_source


def _recalled(figure: Figure) -> tuple[str, ...]:
    recalls = (percent(recall["value"]) for recall in figure["recall"].values())
    return *_row("", figure)[1:], *recalls


def _row(name: str, figure: Figure, *, as_percent: bool = True) -> tuple[str, str, str, str]:
    value = percent(figure["value"]) if as_percent else _decimals(figure["value"])
    return name, value, f"{figure['n']:,}", _interval(figure, as_percent=as_percent)


def _interval(figure: Figure, *, as_percent: bool) -> str:
    low, high = (percent(end) if as_percent else _decimals(end) for end in figure["interval"])
    return f"{low} to {high}"


def _decimals(value: float) -> str:
    return f"{value:.4f}"


def _listed(labels: Sequence[str]) -> str:
    return f"{', '.join(labels[:-1])} or {labels[-1]}"
