from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from splitmile.stats import (
    DailyEstimates,
    Effects,
    ImpossibleMoments,
    Moments,
    RowsMismatch,
    UnitsInvalid,
    absolute_effect,
    estimate,
    novelty,
)

RNG = np.random.default_rng(12)
DAYS, UNITS = 7, 90
GROUP = RNG.integers(0, 2, UNITS)
DELIVERIES = RNG.poisson(6, (UNITS, DAYS))
SECONDS = np.rint(
    (RNG.normal(600, 90, (UNITS, 1)) - 8 * GROUP[:, None] * np.arange(DAYS)) * DELIVERIES + RNG.normal(0, 60, (UNITS, DAYS))
).astype(int)


def arms(*tables: Any) -> tuple[DailyEstimates, DailyEstimates]:
    both = DailyEstimates.from_units(*tables, group=GROUP, groups=2)
    return both.take([0]), both.take([1])


def sums(table: np.ndarray, other: np.ndarray) -> list[Any]:
    return [(table[arm == GROUP].T @ other[arm == GROUP]).tolist() for arm in (0, 1)]


def test_slope_is_welchs_test_of_the_units_own_slopes() -> None:
    slopes = np.polyfit(np.arange(DAYS), SECONDS.T, 1)[0]
    peer = stats.ttest_ind(slopes[GROUP == 1], slopes[GROUP == 0], equal_var=False)
    trend = novelty(*arms(SECONDS))
    assert trend.slope.estimate == pytest.approx([slopes[GROUP == 1].mean() - slopes[GROUP == 0].mean()], rel=1e-9)
    assert trend.slope.degrees_of_freedom == pytest.approx([peer.df], rel=1e-9)
    assert trend.slope.p_value() == pytest.approx([peer.pvalue], rel=1e-8)


def test_slope_agrees_with_a_clustered_regression() -> None:
    day, arm = np.tile(np.arange(DAYS), UNITS), np.repeat(GROUP, DAYS)
    design = np.column_stack([np.ones(day.size), day, arm, day * arm])
    peer = sm.OLS(SECONDS.ravel(), design).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(UNITS), DAYS), "use_correction": False}
    )
    trend = novelty(*arms(SECONDS))
    assert trend.slope.estimate == pytest.approx([peer.params[3]], rel=1e-9)
    # The sandwich divides squares by n, not n − 1, within each arm.
    parts = [side.combined((np.arange(DAYS) - 3) / 28).variance[0] * (side.n[0] - 1) / side.n[0] for side in arms(SECONDS)]
    assert np.sqrt(sum(parts)) == pytest.approx(peer.bse[3], rel=1e-9)


def test_each_day_is_the_plain_effect_of_that_day() -> None:
    trend = novelty(*arms(SECONDS, DELIVERIES))
    assert len(trend.by_day) == DAYS
    for day, effect in enumerate(trend.by_day):
        moments = Moments.from_units(SECONDS[:, day], DELIVERIES[:, day], group=GROUP, groups=2)
        plain = absolute_effect(estimate(moments.take([0])), estimate(moments.take([1])))
        assert effect.estimate == pytest.approx(plain.estimate, rel=1e-10)
        assert effect.standard_error == pytest.approx(plain.standard_error, rel=1e-9)
        assert effect.degrees_of_freedom == pytest.approx(plain.degrees_of_freedom, rel=1e-9)


def test_ratio_covariance_is_the_delta_methods_from_rows() -> None:
    control, _ = arms(SECONDS, DELIVERIES)
    numerator, denominator = SECONDS[GROUP == 0], DELIVERIES[GROUP == 0]
    ratio = numerator.sum(axis=0) / denominator.sum(axis=0)
    linear = (numerator - ratio * denominator) / denominator.mean(axis=0)
    assert control.value[0] == pytest.approx(ratio)
    assert control.covariance[0].ravel() == pytest.approx(np.cov(linear.T).ravel() / len(linear), rel=1e-8)


@pytest.mark.parametrize("kind", ["mean", "ratio"])
def test_exact_sums_give_what_units_give(kind: str) -> None:
    # A level of 10¹² seconds leaves no digit of a float's square for the spread; integers keep it.
    far = SECONDS + (10**12 if kind == "mean" else 0)
    n = np.bincount(GROUP).tolist()
    tables: list[Any] = [n, [far[arm == GROUP].sum(axis=0).tolist() for arm in (0, 1)], sums(far.astype(object), far.astype(object))]
    if kind == "ratio":
        tables += [[DELIVERIES[arm == GROUP].sum(axis=0).tolist() for arm in (0, 1)], sums(far, DELIVERIES), sums(DELIVERIES, DELIVERIES)]
    tables[1] = [[Decimal(value) for value in row] for row in tables[1]]
    exact = DailyEstimates.from_sums(*tables)
    units = DailyEstimates.from_units(SECONDS, *([DELIVERIES] if kind == "ratio" else []), group=GROUP, groups=2)
    assert exact.n.tolist() == units.n.tolist()
    assert (exact.value - (10**12 if kind == "mean" else 0)).ravel() == pytest.approx(
        units.value.ravel(), rel=1e-3 if kind == "mean" else 1e-12
    )
    assert exact.covariance.ravel() == pytest.approx(units.covariance.ravel(), rel=1e-8)


@given(st.permutations(range(UNITS)), st.floats(0.01, 100))
def test_units_order_unit_of_measure_and_labels(order: list[int], unit: float) -> None:
    trend = novelty(*arms(SECONDS))
    both = DailyEstimates.from_units(unit * SECONDS[order], group=1 - GROUP[order], groups=2)
    swapped = novelty(both.take([0]), both.take([1]))
    assert swapped.slope.estimate == pytest.approx(-unit * trend.slope.estimate, rel=1e-8)
    assert swapped.slope.p_value() == pytest.approx(trend.slope.p_value(), rel=1e-7)


def test_error_rate_with_correlated_days() -> None:
    """4,000 A/A experiments of 2 × 30 units with strongly correlated days: inside the 99 % band at 5 %."""
    rng = np.random.default_rng(2)
    runs, units = 4000, 30
    level = rng.normal(0, 3, (runs * 2 * units, 1)) + np.cumsum(rng.normal(0, 1, (runs * 2 * units, 5)), axis=1)
    both = DailyEstimates.from_units(level, group=np.repeat(np.arange(2 * runs), units), groups=2 * runs)
    trend = novelty(both.take(np.arange(runs)), both.take(np.arange(runs) + runs))
    assert np.mean(trend.slope.p_value() < 0.05) == pytest.approx(0.05, abs=2.576 * np.sqrt(0.05 * 0.95 / runs))


def test_no_estimate_has_its_reason() -> None:
    daily = DailyEstimates.from_units([[1, 2], [3, 2], [4, 4]], [[1, 1], [1, 1], [0, 1]], group=[1, 1, 2], groups=4)
    assert daily.reason.tolist() == ["fewer than two units", "", *["fewer than two units"] * 2]
    idle = DailyEstimates.from_units([[1, 0], [3, 0]], [[1, 0], [1, 0]])
    assert idle.reason.tolist() == ["the denominator is zero on a day"]
    assert np.isnan(idle.value).all()
    assert np.isnan(idle.covariance).all()
    trend = novelty(daily, daily.take([1, 1, 1, 1]))
    assert trend.slope.reason.tolist() == ["control: fewer than two units", "", *["control: fewer than two units"] * 2]
    one_day = novelty(DailyEstimates.from_units([[1], [2]]), DailyEstimates.from_units([[5], [7]]))
    assert one_day.slope.reason.tolist() == ["fewer than two days, so no trend"]
    assert np.isnan(one_day.slope.estimate).all()
    assert one_day.by_day[0].estimate.tolist() == [4.5]
    assert DailyEstimates.from_units(np.zeros((0, 3)), group=[], groups=0).value.shape == (0, 3)


def test_parallel_units_leave_no_spread_to_test_with() -> None:
    lines = [[0.1, 0.4, 0.7], [5.1, 5.4, 5.7], [1.1, 1.4, 1.7]]
    trend = novelty(DailyEstimates.from_units(lines), DailyEstimates.from_units([[x + 0.1 for x in line] for line in lines]))
    assert trend.slope.reason.tolist() == ["no variation in either variant, so no test is possible"]
    assert isinstance(trend.slope, Effects)


GOOD: list[Any] = [[2], [[30, 40]], [[[500, 700], [700, 1000]]]]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, [-1], "n is negative"),
        (0, [0], "no unit, yet"),
        (0, [2.0], "n: found 2.0 of type float"),
        (0, [1], "a variance is negative|one unit"),
        (1, [[30, float("nan")]], "sum_numerator: found nan"),
        (2, [[[500, 700], [701, 1000]]], "depends on their order"),
        (2, [[[400, 700], [700, 1000]]], "a variance is negative"),
        (2, [[[500, 900], [900, 1000]]], "Cauchy-Schwarz"),
    ],
)
def test_sums_that_no_units_have_are_refused(place: int, value: Any, words: str) -> None:
    given = [*GOOD]
    given[place] = value
    with pytest.raises(ImpossibleMoments, match=words) as caught:
        DailyEstimates.from_sums(*given)
    assert caught.value.row == 0


def test_one_unit_with_a_spread_is_refused() -> None:
    with pytest.raises(ImpossibleMoments, match="row 1: one unit"):
        DailyEstimates.from_sums([2, 1], [[30, 40], [3, 4]], [GOOD[2][0], [[10, 12], [12, 16]]])


def test_tables_that_do_not_belong_together_are_refused() -> None:
    for tables, words in (
        ([[2], [30, 40], GOOD[2]], "sum_numerator with 2 dimensions"),
        ([[2, 3], *GOOD[1:]], "n of shape"),
        ([[2], [[30, 40, 50]], GOOD[2]], "products of shape"),
        ([*GOOD, [[1, 1, 1]], GOOD[2], GOOD[2]], "sums of shape"),
    ):
        with pytest.raises(RowsMismatch, match=words):
            DailyEstimates.from_sums(*tables)
    with pytest.raises(RowsMismatch, match="units, T"):
        DailyEstimates.from_units([1, 2])
    with pytest.raises(RowsMismatch, match="units, T"):
        DailyEstimates.from_units([[1, 2]], [[1]])
    with pytest.raises(UnitsInvalid):
        DailyEstimates.from_units([[1, np.nan]])
    with pytest.raises(RowsMismatch, match="T ≥ 1"):
        DailyEstimates([1], [1.0], [[[1.0]]], [""])
    with pytest.raises(RowsMismatch, match="T ≥ 1"):
        DailyEstimates([1], [[1.0]], [[1.0]], [""])
    two_days = DailyEstimates.from_units([[1, 2], [2, 2]])
    with pytest.raises(RowsMismatch, match="one weight"):
        two_days.combined([1.0])
    with pytest.raises(RowsMismatch, match="control and treatment"):
        novelty(two_days, DailyEstimates.from_units([[1], [2]]))
