from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from splitmile.stats import (
    CountsInvalid,
    Effects,
    Estimates,
    ProbabilityOutOfRange,
    absolute_effect,
    always_valid_p_value,
    anytime_noninferiority_p_value,
    confidence_sequence,
    normal_mixture_bound,
    quantile_estimates,
    quantile_of_units,
    relative_confidence_sequence,
    tuned_rho,
)
from splitmile.stats.student import as_normal, as_student


def effects(estimate: float, standard_error: float, degrees_of_freedom: float) -> Effects:
    return Effects([estimate], [standard_error], [degrees_of_freedom], [""])


def sequence(effect: Effects, *plan: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return confidence_sequence(effect.estimate, effect.standard_error, *plan, degrees_of_freedom=effect.degrees_of_freedom)


def p_value(effect: Effects, *plan: ArrayLike) -> NDArray[np.float64]:
    return always_valid_p_value(effect.estimate, effect.standard_error, *plan, degrees_of_freedom=effect.degrees_of_freedom)


def test_it_reaches_as_far_as_student_does_with_the_same_tail() -> None:
    low, high = sequence(effects(30, 10, 7), [400], [900], 0.05)
    normal = float(normal_mixture_bound(400, tuned_rho(900, 0.05), 0.05)) / 20
    student = optimize.brentq(lambda x: stats.t.sf(x, 7) / stats.norm.sf(normal) - 1, 1, 100)
    assert high[0] == pytest.approx(30 + 10 * student, rel=1e-9)
    assert low[0] == pytest.approx(30 - 10 * student, rel=1e-9)
    assert student > 1.5 * normal


def test_the_first_unit_has_the_whole_boundary() -> None:
    low, high = confidence_sequence([0.0], [1.0], [1], [900], 0.05)
    assert high[0] == -low[0] == pytest.approx(float(normal_mixture_bound(1, tuned_rho(900, 0.05), 0.05)), rel=1e-12)


def test_with_many_units_it_is_the_asymptotic_confidence_sequence() -> None:
    low, high = sequence(effects(30, 10, 1e12), [400], [900], 0.05)
    plain = confidence_sequence([30.0], [10.0], [400], [900], 0.05)
    assert [low[0], high[0]] == pytest.approx([plain[0][0], plain[1][0]], rel=1e-8)
    p = p_value(effects(45, 10, 1e12), [400], [900], 0.05)
    assert p == pytest.approx(always_valid_p_value([45.0], [10.0], [400], [900], 0.05), rel=1e-6)


@settings(deadline=None)
@given(
    st.floats(-20, 20),
    st.floats(0.1, 10),
    st.floats(1, 200),
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.sampled_from([0.001, 0.05, 0.2]),
)
def test_p_value_is_below_alpha_exactly_where_the_interval_excludes_zero(
    value: float, standard_error: float, freedom: float, n: int, planned_n: int, alpha: float
) -> None:
    effect = effects(value, standard_error, freedom)
    low, high = sequence(effect, [n], [planned_n], alpha)
    p = p_value(effect, [n], [planned_n], alpha)[0]
    assert 0 <= p <= 1
    assert low[0] <= value <= high[0]
    if abs(p - alpha) > 1e-9:
        assert (p < alpha) == bool(low[0] > 0 or high[0] < 0)


def test_p_value_keeps_the_digits_of_its_tail() -> None:
    effect = effects(36.0, 1.0, 1e5)
    z = stats.norm.isf(effect.p_value()[0] / 2)
    rho = float(tuned_rho(900, 0.05))
    p = p_value(effect, [900], [900], 0.05)[0]
    assert 0 < p < 1e-240
    assert math.log(p) == pytest.approx(math.log((900 + rho) / rho) / 2 - z**2 * 900 / (900 + rho) / 2, rel=1e-9)


def test_few_degrees_of_freedom_make_a_guardrail_careful_as_well() -> None:
    safe = [
        anytime_noninferiority_p_value([5.0], [1.0], [50], [50], 0.05, margin=0, direction="increase", degrees_of_freedom=freedom)[0]
        for freedom in (np.inf, 1e5, 9)
    ]
    assert safe[0] == pytest.approx(safe[1], rel=1e-2)
    assert safe[2] > 10 * safe[0]


@pytest.mark.filterwarnings("error")
def test_rows_keep_their_own_plans_and_reasons() -> None:
    rows = Effects([5.0, np.nan, 5.0, 5.0], [1.0, np.nan, 1.0, 1e300], [9.0, np.nan, 9.0, 1.0], ["", "no observation", "", ""])
    low, high = sequence(rows, [50, 50, 0, 2], [50, 50, 50, 200], [0.05, 0.05, 0.05, 0.01])
    p = p_value(rows, [50, 50, 0, 2], [50, 50, 50, 200], [0.05, 0.05, 0.05, 0.01])
    assert [low[3], high[3]] == [-math.inf, math.inf]
    assert np.isnan([low[1:3], high[1:3], p[1:3]]).all()
    assert low[0] == sequence(effects(5, 1, 9), [50], [50], 0.05)[0][0]
    assert p[0] == p_value(effects(5, 1, 9), [50], [50], 0.05)[0]
    assert p[3] == 1


@pytest.mark.parametrize("call", [sequence, p_value])
def test_impossible_counts_and_levels_are_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(CountsInvalid, match="n holds -1"):
        call(effects(1, 1, 5), [-1], [10], 0.05)
    with pytest.raises(CountsInvalid, match="planned_n holds 0"):
        call(effects(1, 1, 5), [5], [0], 0.05)
    with pytest.raises(ProbabilityOutOfRange):
        call(effects(1, 1, 5), [5], [10], 0)


LOOKS = 10


def couriers_that_start_one_by_one(
    rng: np.random.Generator, couriers: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Seconds with a heavy tail, couriers and looks of one arm's deliveries; each courier starts at a look of its own."""
    rows = np.arange(couriers * LOOKS)
    active = rows % LOOKS >= np.repeat(np.sort(rng.integers(0, LOOKS, couriers)), LOOKS)
    orders = rng.poisson(6, rows.size) * active
    courier, look = np.repeat(rows // LOOKS, orders), np.repeat(rows % LOOKS, orders)
    level = 0.4 * rng.normal(size=couriers)
    tail = np.where(rng.random(courier.size) < 0.05, rng.pareto(1.5, courier.size) + 1, 1)
    return np.ceil(np.exp(6.9 + level[courier] + 0.45 * rng.normal(size=courier.size)) * tail), courier, look


def ever_rejected(rng: np.random.Generator, *, couriers: int, q: float, runs: int) -> tuple[float, float, float]:
    """Share of A/A experiments rejected at any look: by Student's sequence, by the normal one, and by the fixed-horizon test."""
    rejections = np.zeros((runs, LOOKS, 3), dtype=bool)
    for run in range(runs):
        arms = [couriers_that_start_one_by_one(rng, couriers) for _ in range(2)]
        for look in range(LOOKS):
            so_far = [(seconds[at <= look], courier[at <= look]) for seconds, courier, at in arms]
            control, treatment = (quantile_estimates(*quantile_of_units(*rows, q), q) for rows in so_far)
            effect, n = absolute_effect(control, treatment), control.n + treatment.n
            sequences = (
                sequence(effect, n, 2 * couriers, 0.05),
                confidence_sequence(effect.estimate, effect.standard_error, n, 2 * couriers, 0.05),
                effect.interval(0.05),
            )
            rejections[run, look] = [bool(low[0] > 0 or high[0] < 0) for low, high in sequences]
    return tuple(rejections.any(axis=1).mean(axis=0).tolist())


def test_looking_every_day_keeps_the_error_rate_with_few_couriers() -> None:
    student, normal, fixed = ever_rejected(np.random.default_rng(20260303), couriers=8, q=0.75, runs=80)
    assert student <= 0.05
    assert normal > 0.06, "the normal boundary over-rejects where a variance comes from two or three couriers"
    assert fixed > 0.06


def test_a_real_effect_is_found() -> None:
    rng = np.random.default_rng(5)
    seconds, courier = np.ceil(rng.lognormal(7, 0.5, 6000)), np.repeat(np.arange(300), 20)
    arm = courier % 2
    both = quantile_estimates(*quantile_of_units(np.where(arm == 1, 0.9 * seconds, seconds), courier, 0.9, group=arm, groups=2), 0.9)
    effect = absolute_effect(both.take([0]), both.take([1]))
    low, high = sequence(effect, [300], [300], 0.05)
    assert low[0] < -0.1 * both.value[0] < high[0] < 0
    assert p_value(effect, [300], [300], 0.05)[0] < 0.01


@settings(deadline=None)
@given(st.floats(0.1, 300), st.floats(1, 1e9))
def test_distances_are_carried_over_and_back(z: float, freedom: float) -> None:
    there = as_student(np.array([z]), freedom)
    if np.isfinite(there[0]) and there[0] < 1e150:
        assert as_normal(there, freedom)[0] == pytest.approx(z, rel=1e-6)
        assert as_normal(-there, freedom)[0] == pytest.approx(-z, rel=1e-6)


@pytest.mark.parametrize("freedom", [400.0, 1e6])
def test_the_far_tail_goes_on_where_floats_end(freedom: float) -> None:
    before, after = as_student(np.array([36.999999, 37.000001]), freedom)
    assert 0 < after / before - 1 < 1e-3
    assert as_normal(np.array([1.001 * after]), freedom)[0] > 37
    assert list(as_student(np.array([2.0, 500.0]), np.inf)) == list(as_normal(np.array([2.0, 500.0]), np.inf)) == [2.0, 500.0]


def test_relative_and_absolute_sequences_exclude_no_effect_together() -> None:
    """Also where the control is so noisy that the relative one is lopsided, or not bounded at all."""
    rng = np.random.default_rng(11)
    rows = 400
    mean, n = rng.uniform(0.5, 5, rows), rng.integers(2, 60, rows)
    error = rng.uniform(0.1, 1, (2, rows))
    sides = [
        Estimates(n, mean * factor, error[at] ** 2, n - 1.0, np.full(rows, ""))
        for at, factor in enumerate((1.0, rng.uniform(0.1, 4, rows)))
    ]
    effect = absolute_effect(*sides)
    low, high = sequence(effect, 2 * n, 100, 0.05)
    relative_low, relative_high = relative_confidence_sequence(*sides, 100, 0.05)
    is_bounded = np.isfinite(relative_low)
    assert 50 < is_bounded.sum() < rows
    excluded, relative_excluded = (low > 0) | (high < 0), (relative_low > 0) | (relative_high < 0)
    assert 10 < excluded[is_bounded].sum() < is_bounded.sum()
    assert np.array_equal(excluded[is_bounded], relative_excluded[is_bounded])
    nothing = Estimates([5], [1.0], [0.0], [4.0], [""])
    assert np.isnan(relative_confidence_sequence(nothing, nothing, 100, 0.05)).all()
