"""`training.recipe`: the schedules have the shape that the settings say."""

import dataclasses

import pytest

from training.recipe import SMOKE, Recipe

RECIPE = Recipe(
    peak_learning_rate=0.02,
    warmup_epochs=0.5,
    cooldown_epochs=4.0,
    stages=((3, 64), (2, 96), (2, 128)),
    pruned_share=0.4,
    unpruned_epochs=2,
)
every_recipe = pytest.mark.parametrize("recipe", [Recipe(), SMOKE, RECIPE], ids=["full", "smoke", "example"])


@pytest.mark.parametrize(
    ("epoch", "share"),
    [(0, 0), (0.25, 0.5), (0.5, 1), (1, 1), (3, 1), (5, 0.5), (6, 0.25), (6.5, 0.125), (7, 0)],
)
def test_the_learning_rate_rises_stays_and_falls(epoch: float, share: float) -> None:
    assert RECIPE.learning_rate_at(epoch) == pytest.approx(0.02 * share)


@every_recipe
def test_the_learning_rate_begins_and_ends_at_0_and_reaches_its_peak_once_between(recipe: Recipe) -> None:
    rates = [recipe.learning_rate_at(recipe.epochs * step / 1000) for step in range(1001)]
    assert rates[0] == rates[-1] == 0
    assert max(rates) == recipe.peak_learning_rate
    top = [step for step, rate in enumerate(rates) if rate == recipe.peak_learning_rate]
    assert top == list(range(top[0], top[-1] + 1))
    assert rates[: top[0]] == sorted(rates[: top[0]])
    assert rates[top[-1] :] == sorted(rates[top[-1] :], reverse=True)


@every_recipe
def test_warm_up_and_cooldown_leave_room_for_each_other(recipe: Recipe) -> None:
    assert recipe.warmup_epochs + recipe.cooldown_epochs <= recipe.epochs


def test_each_stage_has_its_epochs_at_its_size() -> None:
    assert RECIPE.epochs == 7
    assert [RECIPE.size_at(epoch) for epoch in range(7)] == [64, 64, 64, 96, 96, 128, 128]
    with pytest.raises(IndexError):
        RECIPE.size_at(7)


@every_recipe
def test_images_grow_up_to_the_size_that_is_served(recipe: Recipe) -> None:
    sizes = [size for _, size in recipe.stages]
    assert sizes == sorted(sizes)
    assert sizes[0] >= 32
    assert sizes[-1] <= recipe.input_size


def test_views_are_damaged_by_their_area_and_wholly_in_the_last_stage() -> None:
    assert [RECIPE.strength_at(epoch) for epoch in range(7)] == [0.25] * 3 + [0.5625] * 2 + [1] * 2
    with pytest.raises(IndexError):
        RECIPE.strength_at(7)


def test_the_last_epochs_leave_nobody_out() -> None:
    assert [RECIPE.pruned_share_at(epoch) for epoch in range(7)] == [0.4] * 5 + [0] * 2


@every_recipe
def test_some_epochs_leave_some_out_and_some_leave_nobody_out(recipe: Recipe) -> None:
    assert 0 < recipe.pruned_share < 1  # at 1 the weight of those who stay would be infinite
    assert 0 < recipe.unpruned_epochs < recipe.epochs


def test_the_average_forgets_the_first_steps_and_then_remembers_as_long_as_it_is_told() -> None:
    decays = [RECIPE.average_decay_at(step) for step in range(10_000)]
    assert decays[0] == 0.1
    assert decays == sorted(decays)
    assert decays[-1] == RECIPE.average_decay
    assert decays[1000] < RECIPE.average_decay


def test_a_recipe_does_not_change_under_a_run() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SMOKE.seed = 1  # type: ignore[misc]  # what is refused
