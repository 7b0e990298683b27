"""The judgement on a service's memory: it sees a small leak through noise, and none where there is none."""

import numpy as np
import pytest

from tests.soak.trend import trend

SAMPLES = 300
MOMENTS = [5.0 * number for number in range(SAMPLES)]


def noise(generator: np.random.Generator, likeness: float) -> list[float]:
    """Draw samples with a spread of 1, each as like the one before as `likeness` says (an AR(1) process)."""
    values = [generator.standard_normal()]
    for shock in generator.standard_normal(SAMPLES - 1):
        values.append(likeness * values[-1] + np.sqrt(1 - likeness**2) * shock)
    return values


@pytest.mark.parametrize("likeness", [0.0, 0.5, 0.8])
def test_noise_is_rarely_taken_for_growth_though_its_samples_are_alike(likeness: float) -> None:
    generator = np.random.default_rng(4)
    found = [trend(MOMENTS, noise(generator, likeness)).grows for _ in range(200)]
    assert sum(found) <= 6  # 0.5 % are expected of independent blocks


def test_growth_by_sixteen_spreads_of_the_noise_is_seen() -> None:
    generator = np.random.default_rng(4)
    grown = np.linspace(0, 16, SAMPLES)
    assert all(trend(MOMENTS, list(grown + noise(generator, 0.8))).grows for _ in range(50))


def test_the_slope_is_that_of_a_straight_line() -> None:
    found = trend(MOMENTS, [7 + 0.25 * moment for moment in MOMENTS])
    assert found.slope == pytest.approx(0.25)
    assert found.margin == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("steps", [[150], [70, 110], [40, 200, 230]])
def test_what_is_taken_once_and_kept_is_no_growth(steps: list[int]) -> None:
    generator = np.random.default_rng(4)
    held = 20.0 * np.searchsorted(steps, np.arange(SAMPLES), side="right")
    assert not any(trend(MOMENTS, list(held + noise(generator, 0.5))).grows for _ in range(50))


def test_what_shrinks_does_not_grow() -> None:
    assert not trend(MOMENTS, [-moment for moment in MOMENTS]).grows


def test_too_few_values_are_refused() -> None:
    with pytest.raises(ValueError, match="19 values are too few for 10 blocks"):
        trend(MOMENTS[:19], MOMENTS[:19])
