from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.oneway import anova_oneway

from splitmile.stats import CountsInvalid, RowsMismatch, heterogeneity

RNG = np.random.default_rng(6)
EFFECTS, ERRORS = RNG.normal(1, 0.7, (3, 6)), RNG.uniform(0.2, 0.9, (3, 6))
FREEDOM, UNITS = RNG.uniform(20, 90, (3, 6)), np.full((3, 6), 40)


def test_q_and_i_squared_agree_with_meta_analysis() -> None:
    test = heterogeneity(EFFECTS, ERRORS, FREEDOM, UNITS, least_units=10)
    for row in range(3):
        peer = combine_effects(EFFECTS[row], ERRORS[row] ** 2)
        assert test.q[row] == pytest.approx(peer.q, rel=1e-10)
        assert test.i_squared[row] == pytest.approx(max(0.0, 1 - peer.df / peer.q), rel=1e-10)
        assert test.degrees_of_freedom[row] == peer.df
    certain = heterogeneity(EFFECTS, ERRORS, np.full((3, 6), np.inf), UNITS, least_units=10)
    peers = [combine_effects(e, s**2).test_homogeneity().pvalue for e, s in zip(EFFECTS, ERRORS, strict=True)]
    assert certain.p_value == pytest.approx(peers, rel=1e-9), "with standard errors known for certain it is Cochran's test"
    assert np.isinf(certain.degrees_of_freedom_denominator).all()


def test_f_agrees_with_welchs_analysis_of_variance() -> None:
    # A mean in each segment stands for the effect: then Welch's test is the published one.
    groups = [RNG.normal(level, spread, n) for level, spread, n in ((5, 1, 12), (5.5, 2, 9), (6, 0.5, 30), (5, 3, 20))]
    means, sizes = np.array([g.mean() for g in groups]), np.array([g.size for g in groups])
    errors = np.sqrt([g.var(ddof=1) for g in groups] / sizes)
    test = heterogeneity([means], [errors], [sizes - 1], [sizes], least_units=2)
    peer = anova_oneway(groups, use_var="unequal")
    assert test.f == pytest.approx([peer.statistic], rel=1e-10)
    assert test.degrees_of_freedom_denominator == pytest.approx([peer.df_denom], rel=1e-10)
    assert test.p_value == pytest.approx([peer.pvalue], rel=1e-9)


def test_two_segments_are_welchs_t_test() -> None:
    test = heterogeneity([[1.0, 2.5]], [[0.4, 0.7]], [[30.0, 12.0]], [[40, 40]], least_units=2)
    freedom = (0.4**2 + 0.7**2) ** 2 / (0.4**4 / 30 + 0.7**4 / 12)
    assert test.p_value == pytest.approx([2 * stats.t.sf(1.5 / math.hypot(0.4, 0.7), freedom)], rel=1e-10)


def test_small_segments_are_suppressed_before_the_test() -> None:
    units = np.array([[40, 9, 40, 40, 10, 40], [9] * 6, [40, *[9] * 5]])
    effects, errors, freedom = EFFECTS.copy(), ERRORS.copy(), FREEDOM.copy()
    effects[0, 3], errors[0, 5] = np.nan, 0.0
    test = heterogeneity(effects, errors, freedom, units, least_units=10)
    assert test.is_suppressed[0].tolist() == [False, True, False, True, False, True]
    left = [0, 2, 4]
    alone = heterogeneity([EFFECTS[0, left]], [ERRORS[0, left]], [FREEDOM[0, left]], [[40] * 3], least_units=1)
    assert (test.q[0], test.p_value[0], test.degrees_of_freedom[0]) == (alone.q[0], alone.p_value[0], 2)
    for column in (test.q, test.i_squared, test.f, test.degrees_of_freedom_denominator, test.p_value):
        assert np.isnan(column).tolist() == [False, True, True]
    assert test.degrees_of_freedom.tolist() == [2, 0, 0]
    assert test.reason.tolist() == ["", *["fewer than two segments with an effect and enough units"] * 2]


@given(st.permutations(range(6)), st.floats(-50, 50), st.sampled_from([1e-200, 0.01, 7.0, 1e150]))
def test_order_shift_and_unit_do_not_matter(order: list[int], shift: float, unit: float) -> None:
    test = heterogeneity(EFFECTS, ERRORS, FREEDOM, UNITS, least_units=2)
    moved = heterogeneity(unit * (EFFECTS[:, order] + shift), unit * ERRORS[:, order], FREEDOM[:, order], UNITS, least_units=2)
    assert moved.q == pytest.approx(test.q, rel=1e-8)
    assert moved.p_value == pytest.approx(test.p_value, rel=1e-7)


def test_equal_effects_show_no_heterogeneity_and_tiny_p_values_keep_their_digits() -> None:
    test = heterogeneity([[1.0, 1.0, 1.0], [0.0, 0.0, 55.0]], np.ones((2, 3)), np.full((2, 3), 400.0), np.full((2, 3), 400), least_units=1)
    assert (test.q[0], test.i_squared[0], test.p_value[0]) == (0.0, 0.0, 1.0)
    # With two degrees of freedom above, the tail of F is a power.
    denominator = test.degrees_of_freedom_denominator[1]
    assert 0 < test.p_value[1] < 1e-200
    assert test.p_value[1] == pytest.approx((1 + 2 * test.f[1] / denominator) ** (-denominator / 2), rel=1e-9)


@pytest.mark.parametrize("segments", [5, 20])
def test_error_rate_with_50_units_a_segment(segments: int) -> None:
    """10,000 A/A experiments of 25 normal units in each arm of a segment: inside the 99 % band at 5 %, where Q itself is not."""
    rng = np.random.default_rng(segments)
    runs, units = 10_000, 25
    # Sufficient statistics of normal samples: a mean and an independent χ².
    variances = rng.chisquare(units - 1, (2, runs, segments)) / (units - 1) / units
    effects = rng.normal(0, math.sqrt(2 / units), (runs, segments))
    freedom = variances.sum(axis=0) ** 2 / (variances**2).sum(axis=0) * (units - 1)
    test = heterogeneity(effects, np.sqrt(variances.sum(axis=0)), freedom, np.full(effects.shape, units), least_units=2)
    band = 2.576 * math.sqrt(0.05 * 0.95 / runs)
    assert np.mean(test.p_value < 0.05) == pytest.approx(0.05, abs=band)
    assert np.mean(stats.chi2.sf(test.q, segments - 1) < 0.05) > 0.05 + band


@pytest.mark.parametrize(
    "tables",
    [
        (EFFECTS[0], ERRORS[0], FREEDOM[0], UNITS[0]),
        (EFFECTS, ERRORS[:2], FREEDOM, UNITS),
        (EFFECTS, ERRORS, FREEDOM, UNITS[:, :5]),
        (np.zeros((2, 0)),) * 4,
    ],
)
def test_tables_that_do_not_belong_together_are_refused(tables: Any) -> None:
    with pytest.raises(RowsMismatch, match=r"\(k, segments\)"):
        heterogeneity(*tables, least_units=2)
    with pytest.raises(CountsInvalid, match="units holds -1"):
        heterogeneity([[1.0]], [[1.0]], [[1.0]], [[-1]], least_units=2)
