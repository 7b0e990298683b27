"""`training.plots`: the PNG files show what they are given."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from training.plots import plot_calibration, plot_confusion, plot_curves, plot_robustness

BLUE, GREY = (31, 119, 180), (127, 127, 127)  # matplotlib's tab:blue and tab:gray
ORANGE, GREEN = (255, 127, 14), (44, 160, 44)  # its C1 and C2


def _pixels(path: Path) -> npt.NDArray[np.int64]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"), np.int64)


def _inked(pixels: npt.NDArray[np.int64], colour: tuple[int, int, int]) -> npt.NDArray[np.int64]:
    """Return where a colour is: int64 (2, count), rows and columns."""
    return np.array(np.nonzero(np.abs(pixels - colour).max(axis=2) < 3))


def _slant(inked: npt.NDArray[np.int64]) -> float:
    """Return the correlation of rows and columns: 1 from top left to bottom right, -1 from top right to bottom left."""
    rows, columns = inked
    return float(np.mean((rows - rows.mean()) * (columns - columns.mean())) / (rows.std() * columns.std()))


def _epoch(number: int, size: int, loss: float, accuracy: float) -> dict[str, float]:
    return {"epoch": number, "size": size, "loss": loss, "val_accuracy": accuracy, "seconds": 1}


def test_the_curves_show_loss_and_accuracy_and_where_the_size_changes(tmp_path: Path) -> None:
    history = [_epoch(1, 64, 0.7, 0.6), _epoch(2, 64, 0.6, 0.7), _epoch(3, 96, 0.5, 0.8), _epoch(4, 96, 0.4, 0.9)]
    plot_curves(history, tmp_path / "curves.png")
    plot_curves([{**epoch, "size": 64} for epoch in history], tmp_path / "same-size.png")
    drawn, same_size = _pixels(tmp_path / "curves.png"), _pixels(tmp_path / "same-size.png")
    assert len(_inked(drawn, GREY)[0]) > 200
    rows, columns = _inked(drawn[:, : drawn.shape[1] * 8 // 10], BLUE)  # left of the axis's title, which is blue, too
    assert rows[columns.argmin()] > rows[columns.argmax()]  # accuracy rises
    assert not np.array_equal(drawn, same_size)


def test_a_run_of_one_epoch_has_curves_too(tmp_path: Path) -> None:
    plot_curves([_epoch(1, 64, 0.7, 0.6)], tmp_path / "curves.png")
    assert _pixels(tmp_path / "curves.png").std() > 0


def test_the_confusion_is_dark_where_the_answers_are(tmp_path: Path) -> None:
    labels = ("wolf", "husky")
    plot_confusion(np.array([[40, 0], [0, 400]]), labels, tmp_path / "right.png")
    plot_confusion(np.array([[0, 40], [400, 0]]), labels, tmp_path / "wrong.png")
    right, wrong = (_pixels(tmp_path / name) for name in ("right.png", "wrong.png"))
    dark_right, dark_wrong = (_inked(pixels, (8, 48, 107)) for pixels in (right, wrong))  # the dark end of "Blues"
    assert len(dark_right[0]) > 1000
    assert _slant(dark_right) > 0.5  # first row first column, second row second column
    assert _slant(dark_wrong) < -0.5


def test_the_calibration_leaves_empty_bins_out(tmp_path: Path) -> None:
    highest, accuracy = np.array([0.0, 0.4, 0.9]), np.array([0.0, 0.4, 0.9])
    plot_calibration(highest, accuracy, np.array([0, 0, 50]), tmp_path / "one.png")
    plot_calibration(highest, accuracy, np.array([0, 50, 50]), tmp_path / "two.png")
    one, two = (_inked(_pixels(tmp_path / name), BLUE) for name in ("one.png", "two.png"))
    assert len(two[0]) > 1.5 * len(one[0]) > 0
    assert two[1].min() < one[1].min() - 50  # the second point is far to the left of the first


def _shares(*values: float, **recall: float) -> list[dict[str, object]]:
    recalls = {label: {"value": value} for label, value in recall.items()}
    return [
        {"severity": place, "value": value, "interval": [value, value], "recall": recalls}
        for place, value in enumerate(values)
    ]


def _top_row(pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the upper third: the first row of panels, without the legend."""
    return pixels[: pixels.shape[0] // 3]


def test_each_damage_has_a_panel_in_which_the_right_answers_fall(tmp_path: Path) -> None:
    damages = {"blur": _shares(0.9, 0.5, 0.1), "noise": _shares(0.1, 0.5, 0.9)}
    plot_robustness({"undamaged": {"value": 0.9}, "damages": damages}, tmp_path / "two.png")
    plot_robustness({"undamaged": {"value": 0.9}, "damages": {"blur": damages["blur"]}}, tmp_path / "one.png")
    two, one = (_top_row(_pixels(tmp_path / name)) for name in ("two.png", "one.png"))
    quarter = two.shape[1] // 4
    assert _slant(_inked(two[:, :quarter], BLUE)) > 0.5
    assert _slant(_inked(two[:, quarter : 2 * quarter], BLUE)) < -0.5
    assert one[:, quarter + 50 :].min() == 255  # an empty panel is not drawn


def test_every_label_has_a_line_where_its_recall_is_and_a_place_in_the_legend(tmp_path: Path) -> None:
    damages = {"blur": _shares(0.5, 0.5, cat=0.9, dog=0.1)}
    plot_robustness({"undamaged": {"value": 0.5}, "damages": damages}, tmp_path / "robustness.png")
    drawn = _pixels(tmp_path / "robustness.png")
    cat, every, dog = (_inked(_top_row(drawn), colour)[0] for colour in (ORANGE, BLUE, GREEN))
    assert cat.max() + 50 < every.min()
    assert every.max() + 50 < dog.min()
    legend = drawn[drawn.shape[0] * 9 // 10 :]
    assert all(_inked(legend, colour).size for colour in (ORANGE, BLUE, GREEN, GREY))


def test_a_damage_without_a_panel_is_not_left_out_in_silence(tmp_path: Path) -> None:
    damages = {str(number): _shares(0.5, 0.5) for number in range(13)}
    with pytest.raises(ValueError, match="zip"):
        plot_robustness({"undamaged": {"value": 0.9}, "damages": damages}, tmp_path / "robustness.png")


def test_the_answers_to_whole_photographs_are_a_line_across_every_panel(tmp_path: Path) -> None:
    damages = {str(number): _shares(0.5, 0.5) for number in range(8)}
    plot_robustness({"undamaged": {"value": 0.9}, "damages": damages}, tmp_path / "robustness.png")
    rows, columns = _inked(_pixels(tmp_path / "robustness.png"), GREY)
    lines = [row for row in np.unique(rows) if np.sum(rows == row) > 600]
    assert len(lines) >= 2  # one in each row of panels
    assert len(np.unique(columns)) > 600
