"""`training.recipe`: the schedules have the shape that the settings say."""

import dataclasses

import pytest

from training.recipe import SMOKE, Recipe

RECIPE = Recipe(peak_learning_rate=0.02, warmup_share=0.1, cooldown_share=0.5, stages=((3, 64), (2, 96), (1, 128)))
every_recipe = pytest.mark.parametrize("recipe", [Recipe(), SMOKE, RECIPE], ids=["full", "smoke", "example"])


@pytest.mark.parametrize(
    ("progress", "share"),
    [(0, 0), (0.05, 0.5), (0.1, 1), (0.3, 1), (0.5, 1), (0.75, 0.5), (0.9, 0.2), (1, 0)],
)
def test_the_learning_rate_rises_stays_and_falls(progress: float, share: float) -> None:
    assert RECIPE.learning_rate_at(progress) == pytest.approx(0.02 * share)


@every_recipe
def test_the_learning_rate_begins_and_ends_at_0_and_reaches_its_peak_once_between(recipe: Recipe) -> None:
    rates = [recipe.learning_rate_at(step / 1000) for step in range(1001)]
    assert rates[0] == rates[-1] == 0
    assert max(rates) == recipe.peak_learning_rate
    top = [step for step, rate in enumerate(rates) if rate == recipe.peak_learning_rate]
    assert top == list(range(top[0], top[-1] + 1))
    assert rates[: top[0]] == sorted(rates[: top[0]])
    assert rates[top[-1] :] == sorted(rates[top[-1] :], reverse=True)


@every_recipe
def test_warm_up_and_cooldown_leave_room_for_each_other(recipe: Recipe) -> None:
    assert recipe.warmup_share + recipe.cooldown_share <= 1


def test_each_stage_has_its_epochs_at_its_size() -> None:
    assert RECIPE.epochs == 6
    assert [RECIPE.size_at(epoch) for epoch in range(6)] == [64, 64, 64, 96, 96, 128]
    with pytest.raises(IndexError):
        RECIPE.size_at(6)


@every_recipe
def test_images_grow_up_to_the_size_that_is_served(recipe: Recipe) -> None:
    sizes = [size for _, size in recipe.stages]
    assert sizes == sorted(sizes)
    assert sizes[0] >= 32
    assert sizes[-1] == recipe.input_size


def test_the_average_forgets_the_first_steps_and_then_remembers_as_long_as_it_is_told() -> None:
    decays = [RECIPE.average_decay_at(step) for step in range(10_000)]
    assert decays[0] == 0.1
    assert decays == sorted(decays)
    assert decays[-1] == RECIPE.average_decay
    assert decays[1000] < RECIPE.average_decay


def test_a_recipe_does_not_change_under_a_run() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SMOKE.seed = 1  # type: ignore[misc]  # what is refused
