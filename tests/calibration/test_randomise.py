"""The moments of many splits at once, against those of one split after the other."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from splitmile.calibration.randomise import BLOCK, UnitSums, splits
from splitmile.stats import CovariateMoments, Moments


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.column_stack(
        [rng.integers(0, 90_000, 60), rng.integers(1, 40, 60), rng.integers(0, 9_000, 60), rng.integers(0, 9, 60)]
    ).astype(float)


def assert_same(found: Moments, expected: Moments) -> None:
    for field in fields(Moments):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        assert one.tolist() == (other.tolist() if one.dtype.kind == "U" else pytest.approx(other.tolist(), rel=1e-9, abs=1e-6)), field.name


def test_moments_are_those_of_the_chosen_units(values: np.ndarray) -> None:
    chosen = next(splits(60, 7, seed=1, stream=0))
    sums = UnitSums(values).of(chosen)
    for draw, units in enumerate(chosen):
        here = values[units]
        assert_same(sums.mean_of(0).take([draw]), Moments.from_units(here[:, 0]))
        assert_same(sums.ratio_of(0, 1).take([draw]), Moments.from_units(here[:, 0], here[:, 1]))
        assert_same(sums.scaled(0, 1.2).ratio_of(0, 1).take([draw]), Moments.from_units(1.2 * here[:, 0], here[:, 1]))
        for denominator in (None, 1):
            found = sums.covariate_of(0, denominator, 2, 3).take([draw])
            below = None if denominator is None else here[:, denominator]
            expected = CovariateMoments.from_units(here[:, 0], below, here[:, 2], here[:, 3])
            assert found.comoments == pytest.approx(expected.comoments, rel=1e-9, abs=1e-5)


def test_cells_count_only_who_is_present(values: np.ndarray) -> None:
    chosen = next(splits(60, 3, seed=2, stream=0))
    cell = np.arange(60) % 4
    cell[cell == 3] = 0  # the last cell has nobody
    sums = UnitSums(values, cell[:, None] == np.arange(4)).of(chosen)
    for draw, units in enumerate(chosen):
        expected = Moments.from_units(values[units, 0], values[units, 1], group=cell[units], groups=4)
        assert_same(sums.ratio_of(0, 1).take(4 * draw + np.arange(4)), expected)


def test_values_may_differ_by_cell(values: np.ndarray) -> None:
    chosen = next(splits(60, 3, seed=3, stream=0))
    by_cell = np.stack([values[:, :2], 2 * values[:, :2]], axis=1)
    sums = UnitSums(by_cell, np.ones((60, 2), dtype=bool)).of(chosen)
    assert_same(sums.ratio_of(0, 1).take([1]), Moments.from_units(2 * values[chosen[0], 0], 2 * values[chosen[0], 1]))


def test_splits_come_from_the_seed_alone() -> None:
    one = np.concatenate(list(splits(40, BLOCK + 10, seed=1, stream=0)))
    assert one.shape == (BLOCK + 10, 40)
    assert (one == np.concatenate(list(splits(40, BLOCK + 10, seed=1, stream=0)))).all()
    assert (one[:10] != next(splits(40, 10, seed=1, stream=1))).any()
    assert (one[:10] != next(splits(40, 10, seed=2, stream=0))).any()
    assert one.mean() == pytest.approx(0.5, abs=0.02)
