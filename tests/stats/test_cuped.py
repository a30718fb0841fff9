from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from splitmile.stats import (
    Adjustment,
    CovariateMoments,
    Effects,
    Moments,
    RowsMismatch,
    absolute_effect,
    cuped,
    estimate,
    relative_effect,
)
from stats.covariate_rows import Units, covariate_moments_of, exact_cuped

PARTS = ("value", "variance", "degrees_of_freedom")


def effect_of(a: Adjustment) -> Effects:
    return absolute_effect(a.control, a.treatment, covariance=a.covariance)


def couriers(seed: int, units: int, *, late: float = 0.0) -> list[tuple[int, int, int, int]]:
    """Seconds and deliveries after and before exposure; slow couriers stay slow."""
    rng = np.random.default_rng(seed)
    slow = rng.normal(1800, 300, units)
    after, before = rng.integers(5, 40, (2, units))
    seconds = [np.rint(count * (slow + rng.normal(late, 150, units))).astype(int) for count in (after, before)]
    return list(zip(seconds[0].tolist(), after.tolist(), seconds[1].tolist(), before.tolist(), strict=True))


def assert_exact(control: Units, treatment: Units) -> None:
    theta, values, adjusted, plain = exact_cuped(control, treatment)
    a = cuped(covariate_moments_of(control), covariate_moments_of(treatment))
    assert a.theta[0] == pytest.approx(float(theta), rel=1e-9)
    assert [a.control.value[0], a.treatment.value[0]] == pytest.approx([float(value) for value in values], rel=1e-12)
    assert effect_of(a).standard_error[0] ** 2 == pytest.approx(float(adjusted), rel=1e-9)
    assert a.variance_removed[0] == pytest.approx(1 - float(adjusted / plain), rel=1e-9)


def test_ratio_agrees_with_the_rows_in_exact_fractions() -> None:
    control, treatment = couriers(1, 60), couriers(2, 90, late=100)
    treatment[:3] = [(n, d, 0, 0) for n, d, _, _ in treatment[:3]]  # joined after the pre-period: x = 0, the mean of all
    assert_exact(control, treatment)
    far = [[(10**6 * d + n, d, 10**6 * xd + xn, xd) for n, d, xn, xd in side] for side in (control, treatment)]
    assert_exact(*far)  # y and x are small differences of large numbers


def test_mean_agrees_with_the_rows_in_exact_fractions() -> None:
    control, treatment = ([(n, 1, xn, 1) for n, _, xn, _ in side] for side in (couriers(3, 12), couriers(4, 7)))
    assert_exact(control, treatment)
    assert_exact([(n, 1, xn, 1) for n, xn in ((1, 5), (2, 9))], [(n, 1, xn, 1) for n, xn in ((4, 8), (9, 9))])


@pytest.mark.parametrize("has_newcomers", [False, True])
def test_mean_agrees_with_analysis_of_covariance_in_statsmodels(has_newcomers: bool) -> None:
    rng = np.random.default_rng(5)
    is_treated = np.repeat([0, 1], 60)
    known = rng.random(120) > (0.3 if has_newcomers else 0)
    before = np.where(known, rng.poisson(30, 120), 0)
    y = 5 + 0.8 * before + 9 * known + 2 * is_treated + rng.normal(0, 4, 120)
    columns = [np.ones(120), is_treated, before, known] if has_newcomers else [np.ones(120), is_treated, before]
    fit = sm.OLS(y, np.column_stack(columns)).fit()
    moments = CovariateMoments.from_units(y, None, before, known, group=is_treated, groups=2)
    a = cuped(moments.take([0]), moments.take([1]))
    effect = effect_of(a)
    assert a.theta[0] == pytest.approx(fit.params[2], rel=1e-9)
    assert effect.estimate[0] == pytest.approx(fit.params[1], rel=1e-9)
    assert effect.standard_error[0] ** 2 == pytest.approx(fit.ssr / (60 * 59), rel=1e-9)
    assert effect.standard_error[0] == pytest.approx(fit.bse[1], rel=0.03)
    assert a.control.degrees_of_freedom[0] + a.treatment.degrees_of_freedom[0] == pytest.approx(fit.df_resid, rel=1e-12)
    pooled = (60 * a.control.value[0] + 60 * a.treatment.value[0]) / 120
    assert pooled == pytest.approx(y.mean(), rel=1e-12), "the level of the metric stays"


def test_no_imputed_value_matters_for_a_mean() -> None:
    rng = np.random.default_rng(6)
    known, group = rng.random(80) > 0.4, np.repeat([0, 1], 40)
    before = rng.normal(50, 9, 80)
    y = before + rng.normal(0, 3, 80) + 4 * known
    effects = []
    for imputed in (0.0, 1000.0):
        moments = CovariateMoments.from_units(y, None, np.where(known, before, imputed), known, group=group, groups=2)
        effects.append(effect_of(cuped(moments.take([0]), moments.take([1]))))
    assert effects[0].estimate == pytest.approx(effects[1].estimate, rel=1e-9)
    assert effects[0].standard_error == pytest.approx(effects[1].standard_error, rel=1e-9)


def test_a_ratio_takes_no_indicator() -> None:
    control, treatment = ([(n, d, xn, 1) for n, d, xn, _ in side] for side in (couriers(7, 20), couriers(8, 20)))
    treatment[0] = (*treatment[0][:2], 0, 0)
    assert_exact(control, treatment)
    assert_exact([(n, 2, xn, xd) for n, _, xn, xd in control], treatment)  # one denominator on one side only
    assert_exact(treatment, [(n, 2, xn, xd) for n, _, xn, xd in control])


def test_a_correlation_of_rho_removes_rho_squared() -> None:
    x = np.array([-3.0, -1.0, 1.0, 3.0])  # orthogonal to the noise below
    noise = np.array([1.0, -1.0, -1.0, 1.0]) * math.sqrt(5)
    x, noise = x / 1000, noise / 1000  # a spread below 1 is one too
    for rho in (0.0, 0.6, -0.8, 1.0):
        y = rho * x + math.sqrt(1 - rho**2) * noise
        a = cuped(*(CovariateMoments.from_units(y + level, None, x + 0.9, None) for level in (3, 4)))
        assert a.variance_removed[0] == pytest.approx(rho**2, abs=1e-12)
        assert a.theta[0] == pytest.approx(rho, abs=1e-12)


def test_a_perfect_covariate_leaves_a_fact_without_inference() -> None:
    control = [(7 * x + 3, 1, x, 1) for x in (1, 4, 9, 11)]
    treatment = [(7 * x + 5, 1, x, 1) for x in (2, 3, 5, 17)]
    a = cuped(covariate_moments_of(control), covariate_moments_of(treatment))
    effect = effect_of(a)
    assert effect.estimate[0] == pytest.approx(2, rel=1e-12)
    assert effect.standard_error.tolist() == [0]
    assert a.variance_removed.tolist() == [1]
    assert "no variation" in effect.reason[0]


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        ([(1, 1, 5, 1), (3, 1, 5, 1), (4, 1, 5, 1)], [(2, 1, 5, 1), (5, 1, 5, 1)]),  # everyone the same before
        ([(1, 1, 0, 0), (3, 1, 0, 0), (4, 1, 0, 0)], [(2, 1, 0, 0), (5, 1, 0, 0)]),  # nobody was there before
        ([(1, 1, 0, 0), (3, 1, 5, 1), (4, 1, 5, 1)], [(2, 1, 5, 1), (5, 1, 0, 0)]),  # those who were, all the same
        ([(1, 2, 7, 3), (3, 4, 14, 6), (4, 3, 7, 3)], [(2, 9, 0, 0), (5, 1, 49, 21)]),  # one ratio for all before
        ([(2, 3, 9, 27), (6, 3, 6, 18), (5, 2, 6, 18)], [(8, 3, 3, 9), (6, 2, 3, 9), (5, 3, 3, 9)]),  # the same but for rounding
        ([(1, 1, 5, 1), (3, 1, 6, 1)], [(2, 1, 5, 1)]),  # too few units
        ([(1, 1, 5, 1), (3, 1, 6, 1)], [(2, 0, 5, 1), (2, 0, 5, 1), (9, 0, 1, 1)]),  # no denominator
        ([(1, 1, 5, 1), (3, 1, 6, 1)], []),
        ([(4, 1, 5, 1), (4, 1, 6, 1), (4, 1, 7, 1)], [(9, 1, 5, 1), (9, 1, 6, 1)]),  # nothing varies
    ],
)
def test_without_a_slope_the_plain_estimates_stay(control: Units, treatment: Units) -> None:
    c, t = covariate_moments_of(control), covariate_moments_of(treatment)
    for first, second in ((c, t), (t, c)):
        a = cuped(first, second)
        for side, moments in ((a.control, first), (a.treatment, second)):
            for name in (*PARTS, "n", "reason"):
                np.testing.assert_array_equal(getattr(side, name), getattr(estimate(moments.metric), name))
        assert a.covariance.tolist() == [0]
        assert np.isnan(a.theta).all()
        has_effect = absolute_effect(first.metric, second.metric).standard_error[0] >= 0
        np.testing.assert_array_equal(a.variance_removed, [0.0 if has_effect else np.nan])


def test_each_covariate_spends_a_degree_of_freedom_and_few_units_have_none_to_spend() -> None:
    everyone: Units = [(3, 1, 1, 1), (5, 1, 2, 1), (4, 1, 4, 1), (9, 1, 0, 0), (1, 1, 3, 1), (2, 1, 0, 0)]

    def degrees(*sizes: int, newcomers: bool) -> list[float]:
        rows = [row if newcomers else (*row[:3], 1) for row in everyone]
        a = cuped(covariate_moments_of(rows[: sizes[0]]), covariate_moments_of(rows[sizes[0] : sum(sizes)]))
        return [a.control.degrees_of_freedom[0], a.treatment.degrees_of_freedom[0]]

    assert degrees(2, 2, newcomers=False) == pytest.approx([0.5, 0.5])
    assert degrees(2, 2, newcomers=True) == pytest.approx([0.5, 0.5]), "no room for the indicator"
    assert degrees(3, 2, newcomers=True) == pytest.approx([2 / 3, 1 / 3])
    assert degrees(4, 2, newcomers=False) == pytest.approx([3 * 3 / 4, 3 / 4])


def test_a_newcomer_flag_that_repeats_the_covariate_is_left_out() -> None:
    """XN = 4 − 3·XD is no covariate of a unit without a pre-period, yet must not divide by zero."""
    rng = np.random.default_rng(9)
    known, group = np.tile([0, 1, 1], 20), np.repeat([0, 1], 30)
    moments = CovariateMoments.from_units(known + rng.normal(0, 0.3, 60), None, 4.1 - 3.3 * known, known, group=group, groups=2)
    a = cuped(moments.take([0]), moments.take([1]))
    assert a.control.degrees_of_freedom[0] == pytest.approx(29 * (1 - 1 / 58))
    assert 0.5 < a.variance_removed[0] < 1


rows = st.lists(st.tuples(st.integers(0, 10**4), st.integers(1, 50), st.integers(0, 10**4), st.integers(0, 50)), min_size=3, max_size=12)


@settings(deadline=None, max_examples=60)
@given(rows, rows, st.integers(2, 900), st.integers(-900, 900), st.booleans())
def test_what_changes_nothing(a: Units, b: Units, factor: int, shift: int, is_mean: bool) -> None:
    """Another unit of the covariate, another origin of it, the names of the variants, the order of merging."""
    if is_mean:
        a, b = ([(n, 1, xn if xd else 0, int(xd > 0)) for n, _, xn, xd in side] for side in (a, b))
    adjustment = cuped(covariate_moments_of(a), covariate_moments_of(b))
    effect, relative = effect_of(adjustment), relative_effect(adjustment.control, adjustment.treatment, covariance=adjustment.covariance)
    plain = absolute_effect(covariate_moments_of(a).metric, covariate_moments_of(b).metric)
    level = max(1.0, abs(adjustment.control.value[0]), abs(adjustment.treatment.value[0]))
    assume(not np.isnan(adjustment.theta[0]) and plain.standard_error[0] > 1e-3)
    assume(adjustment.variance_removed[0] < 1 - 1e-6)
    assert adjustment.variance_removed[0] >= -1e-9 or len(a) != len(b), "with equal variants θ is the best slope"
    moved = [[(n, d, factor * xn + shift * xd, xd) for n, d, xn, xd in side] for side in (a, b)]
    merged = [covariate_moments_of(side[2:]) + covariate_moments_of(side[:2]) for side in (a, b)]
    for other in (cuped(*map(covariate_moments_of, moved)), cuped(*merged)):
        assert effect_of(other).estimate == pytest.approx(effect.estimate, abs=1e-6 * level)
        assert effect_of(other).standard_error == pytest.approx(effect.standard_error, rel=1e-5)
        assert relative_effect(other.control, other.treatment, covariance=other.covariance).standard_error == pytest.approx(
            relative.standard_error, rel=1e-4, nan_ok=True
        )
    back = cuped(covariate_moments_of(b), covariate_moments_of(a))
    assert effect_of(back).estimate == pytest.approx(-effect.estimate, abs=1e-9 * level)
    assert effect_of(back).standard_error == pytest.approx(effect.standard_error, rel=1e-9)
    assert [back.theta, back.covariance, back.variance_removed] == [
        pytest.approx(values, rel=1e-6, abs=1e-9) for values in (adjustment.theta, adjustment.covariance, adjustment.variance_removed)
    ]


def test_rows_are_computed_independently_of_one_another() -> None:
    tables: list[Units] = [couriers(10, 9), [], [(n, 1, xn, xd % 2) for n, _, xn, xd in couriers(11, 9)], couriers(12, 5), [(1, 1, 1, 1)]]
    tables[3] = [(10**12 * n, d, 10**12 * xn, xd) for n, d, xn, xd in tables[3]]
    moments = [covariate_moments_of(table) for table in tables]
    together = cuped(*(_stack([moments[i] for i in order]) for order in ((0, 1, 2, 3, 4), (3, 0, 2, 0, 3))))
    for row, (i, j) in enumerate(zip((0, 1, 2, 3, 4), (3, 0, 2, 0, 3), strict=True)):
        alone = cuped(moments[i], moments[j])
        for name in ("covariance", "theta", "variance_removed"):
            np.testing.assert_allclose(getattr(together, name)[row], getattr(alone, name)[0], rtol=1e-12)
        for name in PARTS:
            np.testing.assert_allclose(getattr(together.treatment, name)[row], getattr(alone.treatment, name)[0], rtol=1e-12)
    assert len(together) == 5


def _stack(parts: list[CovariateMoments]) -> CovariateMoments:
    sides = [
        Moments(*(np.concatenate([getattr(getattr(part, side), name) for part in parts]) for name in Moments.__slots__))
        for side in ("metric", "covariate")
    ]
    cross = [name for name in CovariateMoments.__slots__ if name.startswith("c_")]
    return CovariateMoments(*sides, *(np.concatenate([getattr(part, name) for part in parts]) for name in cross))


@pytest.mark.parametrize("is_ratio", [False, True])
def test_levels_effects_and_their_covariance_vary_as_said(is_ratio: bool) -> None:
    """3,000 experiments of 70 and 130 couriers, θ and R_x estimated anew in each: empirical variances against the formulas."""
    rng = np.random.default_rng(2026)
    runs, sizes = 3000, (70, 130)
    sides = []
    for size, gain in zip(sizes, (1.0, 1.2), strict=True):
        slow = rng.normal(30, 6, (runs, size))
        after, before = rng.integers(5, 40, (2, runs, size)) if is_ratio else np.ones((2, runs, size))
        if not is_ratio:
            before = (rng.random((runs, size)) < 0.8).astype(float)
        n, xn = gain * after * (slow + rng.normal(0, 2, slow.shape)), before * (slow + rng.normal(0, 2, slow.shape))
        group = np.repeat(np.arange(runs), size)
        sides.append(CovariateMoments.from_units(*(part.ravel() for part in (n, after, xn, before)), group=group, groups=runs))
    a = cuped(*sides)
    relative = relative_effect(a.control, a.treatment, covariance=a.covariance)
    bound = 4 * math.sqrt(2 / runs)
    for values, variance in (
        (a.control.value, a.control.variance),
        (a.treatment.value, a.treatment.variance),
        (effect_of(a).estimate, effect_of(a).standard_error ** 2),
        (relative.estimate, relative.standard_error**2),
    ):
        assert values.var(ddof=1) == pytest.approx(variance.mean(), rel=bound)
    together = np.cov(a.control.value, a.treatment.value)[0, 1]
    assert together == pytest.approx(a.covariance.mean(), abs=bound * a.control.variance.mean())
    assert a.covariance.mean() > 2 * bound * a.control.variance.mean(), "or the covariance is not tested"
    low, high = relative.interval(0.05)
    assert np.mean((low <= 0.2) & (high >= 0.2)) == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / runs))
    assert 0.3 < a.variance_removed.mean() < 0.9


def test_rows_that_do_not_pair_are_refused() -> None:
    one = covariate_moments_of(couriers(1, 5))
    with pytest.raises(RowsMismatch, match="found 1 and 2"):
        cuped(one, one.take([0, 0]))
    a = cuped(one, one)
    with pytest.raises(RowsMismatch, match=r"theta \(2,\)"):
        Adjustment(a.control, a.treatment, np.zeros(1), np.zeros(2), np.zeros(1))
    with pytest.raises(RowsMismatch, match=r"control \(2,\)"):
        Adjustment(a.control.take([0, 0]), a.treatment, *[np.zeros(1)] * 3)
    with pytest.raises(RowsMismatch, match=r"treatment \(2,\)"):
        Adjustment(a.control, a.treatment.take([0, 0]), *[np.zeros(1)] * 3)


def test_adjustments_cannot_be_changed() -> None:
    one = covariate_moments_of(couriers(1, 5))
    a = cuped(one, one)
    for name in ("covariance", "theta", "variance_removed"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(a, name)[0] = 1
