"""`training.pruning`: who may be left out of an epoch, how many are, and that the gradient cannot tell."""

import numpy as np
import numpy.typing as npt
import pytest

from training.pruning import draw

MANY = 10_000
Losses = npt.NDArray[np.float32]


def _losses(*, never_shown: int = 0) -> Losses:
    """Draw losses whose mean is far from their median, as those of a trained network are."""
    losses = np.random.default_rng(2).exponential(size=MANY).astype(np.float32)
    losses[:never_shown] = np.inf
    return losses


def _left_out(order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.setdiff1d(np.arange(MANY), order)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_random_share_of_those_below_the_mean_is_left_out_and_nobody_else(share: float) -> None:
    losses = _losses()
    order, _ = draw(losses, share, np.random.default_rng(1))
    easy = np.flatnonzero(losses < losses.mean())
    assert set(_left_out(order)) <= set(easy)
    assert len(_left_out(order)) == pytest.approx(share * len(easy), rel=0.05)
    # Among the easy ones it is luck who stays, and not the loss.
    assert losses[_left_out(order)].mean() == pytest.approx(losses[easy].mean(), rel=0.05)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_the_expected_gradient_is_that_of_all_photographs(share: float) -> None:
    losses = _losses()[:50]
    rng = np.random.default_rng(1)
    draws = 4000
    sums = np.zeros(50)
    for _ in range(draws):
        order, weights = draw(losses, share, rng)
        sums[order] += weights
    np.testing.assert_allclose(sums / draws, 1, atol=0.15)  # five standard deviations at a share of 0.75
    assert np.mean(sums / draws) == pytest.approx(1, abs=0.02)


def test_who_could_have_been_left_out_counts_for_those_who_were_and_everybody_else_for_one() -> None:
    losses = _losses()
    order, weights = draw(losses, 0.75, np.random.default_rng(1))
    assert weights.dtype == np.float32
    assert np.array_equal(weights, np.where(losses[order] < losses.mean(), 4, 1))


def test_photographs_that_were_never_shown_are_always_drawn_and_say_nothing_of_the_mean() -> None:
    losses = _losses(never_shown=9000)
    order, weights = draw(losses, 0.5, np.random.default_rng(1))
    assert set(range(9000)) <= set(order)
    assert (weights[order < 9000] == 1).all()
    easy = losses < losses[9000:].mean()
    assert len(_left_out(order)) == pytest.approx(0.5 * easy.sum(), rel=0.15)


@pytest.mark.parametrize(
    ("losses", "share"),
    [
        pytest.param(np.full(MANY, np.inf, np.float32), 0.5, id="the-first-epoch"),
        pytest.param(np.full(MANY, 0.25, np.float32), 0.5, id="all-alike"),
        pytest.param(_losses(), 0.0, id="a-share-of-0"),
    ],
)
def test_where_nobody_is_left_out_everybody_counts_for_one(losses: Losses, share: float) -> None:
    order, weights = draw(losses, share, np.random.default_rng(1))
    assert np.array_equal(np.sort(order), np.arange(MANY))
    assert (weights == 1).all()


def test_nobody_is_drawn_twice_and_the_order_is_random() -> None:
    order, _ = draw(_losses(), 0.5, np.random.default_rng(1))
    assert len(set(order)) == len(order) < MANY
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.05


def test_the_same_state_draws_the_same_and_another_draws_others() -> None:
    (one, weights), (again, same), (other, _) = (draw(_losses(), 0.5, np.random.default_rng(s)) for s in (7, 7, 8))
    assert np.array_equal(one, again)
    assert np.array_equal(weights, same)
    assert set(one) != set(other)
