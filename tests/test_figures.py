"""`training.figures`: each figure against a published or a hand-computed value."""

import json

import numpy as np
import numpy.typing as npt
import pytest

from catdog_api.labels import softmax
from training import figures
from training.calibration import calibration_interval
from training.dataset import Targets


def _hits(hits: int, n: int) -> npt.NDArray[np.bool_]:
    return np.arange(n) < hits


def _answered(count: int) -> tuple[npt.NDArray[np.float32], Targets]:
    """Draw the answers to photographs of three labels, most of them right."""
    rng = np.random.default_rng(6)
    targets = rng.integers(0, 3, count)
    return softmax((2 * np.eye(3)[targets] + rng.normal(size=(count, 3))).astype(np.float32), 1), targets


@pytest.mark.parametrize(
    ("hits", "n", "interval"),
    [  # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3
        pytest.param(81, 263, [0.2553, 0.3662], id="81-of-263"),
        pytest.param(15, 148, [0.0624, 0.1605], id="15-of-148"),
        pytest.param(1, 29, [0.0061, 0.1718], id="1-of-29"),
        pytest.param(0, 20, [0.0, 0.1611], id="none-of-20"),
        pytest.param(20, 20, [0.8389, 1.0], id="all-of-20"),
    ],
)
def test_a_share_has_its_n_and_wilsons_interval(hits: int, n: int, interval: list[float]) -> None:
    assert figures.share(_hits(hits, n)) == {"value": round(hits / n, 4), "n": n, "interval": interval}


def test_confusion_has_the_truth_in_rows_and_the_answers_in_columns() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 1, 2, 1]]
    assert figures.confusion(probabilities, np.array([0, 0, 0, 1, 1])).tolist() == [[1, 2, 0], [0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("negatives", "positives", "area"),
    [
        pytest.param([0.1, 0.2, 0.4], [0.4, 0.8], 5.5 / 6, id="one-tie"),
        pytest.param([0.5, 0.5], [0.5, 0.5, 0.5], 0.5, id="all-tied"),
        pytest.param([0.3, 0.1, 0.3], [0.3, 0.2, 0.9], (2 + 1 + 3) / 9, id="ties-across"),
        pytest.param([0.1, 0.2], [0.9], 1.0, id="perfect"),
        pytest.param([0.9, 0.8], [0.1, 0.2], 0.0, id="upside-down"),
    ],
)
def test_auroc_counts_the_pairs_in_order_and_ties_half(
    negatives: list[float], positives: list[float], area: float
) -> None:
    scores = np.array(negatives + positives, np.float32)
    shuffled = np.random.default_rng(1).permutation(len(scores))
    figure = figures.auroc(scores[shuffled], (np.arange(len(scores)) >= len(negatives))[shuffled])
    assert figure["value"] == round(area, 4)
    assert figure["n"] == len(scores)
    assert 0 <= figure["interval"][0] <= figure["value"] <= figure["interval"][1] <= 1


def test_the_interval_of_auroc_is_hanleys_and_mcneils() -> None:
    # Their example (Radiology 143:29, 1982): area 0.893, standard error 0.032.
    ratings = [(33, 3), (6, 2), (6, 2), (11, 11), (2, 33)]  # (normal, abnormal) rated 1 to 5
    scores = np.concatenate([np.full(sum(pair), rating, np.float32) for rating, pair in enumerate(ratings)])
    positive = np.concatenate([np.arange(sum(pair)) >= pair[0] for pair in ratings])
    figure = figures.auroc(scores, positive)
    assert figure["value"] == pytest.approx(0.893, abs=5e-4)
    assert figure["interval"] == pytest.approx([0.893 - 1.96 * 0.032, 0.893 + 1.96 * 0.032], abs=2e-3)
    # By hand, where the two counts differ much: variance 0.15533 / 6 at an area of 5.5 / 6 with two of five positive.
    small = figures.auroc(np.array([0.1, 0.2, 0.4, 0.4, 0.8], np.float32), np.arange(5) > 2)
    assert small["interval"] == [0.6013, 1.0]


def test_a_forced_choice_ignores_the_third_label() -> None:
    probabilities = np.array(
        [[0.2, 0.1, 0.7], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3], [0.0, 0.9, 0.1], [0.9, 0.0, 0.1]], np.float32
    )
    targets, sources = np.array([0, 1, 0, 2, 2]), np.array(["zoo", "zoo", "web", "web", "zoo"])
    choice = figures.forced_choice(probabilities, targets, sources, ("cat", "dog", "neither"))
    assert list(choice) == ["cat against dog", "cat against neither", "dog against neither"]
    shares = {source: (figure["value"], figure["n"]) for source, figure in choice["cat against dog"].items()}
    assert shares == {"all": (0.6667, 3), "web": (0.0, 1), "zoo": (1.0, 2)}
    assert choice["cat against neither"]["all"]["n"] == 4


def test_a_source_of_one_label_alone_is_held_against_all_other_labels() -> None:
    neither = np.array([0.9, 0.2, 0.8, 0.7, 0.1, 0.3, 0.6, 0.5], np.float32)
    positive = np.array([True, True, True, True, False, False, False, True])
    sources = np.array(["wild", "wild", "toys", "toys", "pets", "pets", "mixed", "mixed"])
    by_source = figures.auroc_by_source(neither, positive, sources)
    assert list(by_source) == ["toys", "wild"]  # pets has none of the label, and mixed has others, too
    assert (by_source["toys"]["value"], by_source["toys"]["n"]) == (1.0, 5)
    assert (by_source["wild"]["value"], by_source["wild"]["n"]) == (round(4 / 6, 4), 5)


def test_the_answers_to_a_source_are_counted_by_what_it_shows() -> None:
    probabilities = np.eye(2, dtype=np.float32)[[0, 1, 1, 1, 0]]
    sources = np.array(["zoo", "zoo", "zoo", "web", "web"])
    counted = figures.confusion_by_source(probabilities, np.array([0, 0, 1, 0, 0]), sources)
    assert counted == {"web": [[1, 1], [0, 0]], "zoo": [[1, 1], [0, 1]]}


def test_everything_measured_has_its_n_and_fits_into_the_manifest() -> None:
    probabilities, targets = _answered(300)
    sources = np.array(["zoo", "web", "web"] * 100)
    measured = figures.all_figures(probabilities, targets, sources, ("cat", "dog", "neither"))
    assert json.loads(json.dumps(measured)) == measured
    right = probabilities.argmax(axis=1) == targets
    assert measured["accuracy"] == figures.share(right)
    assert measured["accuracy_by_source"] == {
        "web": figures.share(right[sources == "web"]),
        "zoo": figures.share(right[::3]),
    }
    error = measured["expected_calibration_error"]
    assert (error["n"], error["interval"]) == (300, calibration_interval(probabilities, targets))
    assert np.sum(measured["confusion"]) == 300
    assert np.trace(measured["confusion"]) == right.sum()
    assert np.array_equal(sum(map(np.array, measured["confusion_by_source"].values())), measured["confusion"])
    for index, label in enumerate(("cat", "dog", "neither")):
        row, column = measured["confusion"][index], np.transpose(measured["confusion"])[index]
        found = measured["labels"][label]
        assert found["recall"] == figures.share(_hits(row[index], sum(row)))
        assert found["precision"] == figures.share(_hits(row[index], sum(column)))
        assert 0.5 < found["auroc"]["value"] < 1
        assert found["auroc_by_source"] == {}  # every source has every label


def test_a_label_that_was_never_answered_has_no_precision() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4]], np.float32)
    measured = figures.all_figures(probabilities, np.array([0, 1]), np.array(["zoo", "zoo"]), ("wolf", "husky"))
    assert measured["labels"]["husky"]["precision"] is None
    assert measured["labels"]["husky"]["recall"]["value"] == 0
    assert measured["labels"]["wolf"]["precision"]["value"] == 0.5
