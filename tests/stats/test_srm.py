from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from splitmile.stats import CountsInvalid, RowsMismatch, SharesInvalid, chi_squared_srm, sequential_srm, srm_by_segment


@pytest.mark.parametrize(
    ("counts", "shares", "p_value", "half_a_digit"),
    [
        ([600, 400], [0.5, 0.5], 2.5396e-10, 5e-15),
        ([44000, 45000], [0.5, 0.5], 8.02e-4, 5e-7),
        ([1000, 1100, 0], [0.5, 0.5, 0], 0.029, 5e-4),
    ],
)
def test_published_figures(counts: list[int], shares: list[float], p_value: float, half_a_digit: float) -> None:
    test = chi_squared_srm(counts, shares)
    assert float(test.p_value) == pytest.approx(p_value, rel=0, abs=half_a_digit)
    assert test.degrees_of_freedom == 1
    assert not test.has_unplanned


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 20)), min_size=2, max_size=6))
def test_agrees_with_scipy(arms: list[tuple[int, int]]) -> None:
    counts, weights = np.array([a for a, _ in arms]), np.array([b for _, b in arms])
    test = chi_squared_srm(counts, weights / weights.sum())
    if counts.sum() == 0:
        assert np.isnan([test.statistic, test.p_value]).all()
    else:
        peer = stats.chisquare(counts, weights / weights.sum() * counts.sum())
        assert float(test.statistic) == pytest.approx(peer.statistic, rel=1e-9, abs=1e-9)
        assert float(test.p_value) == pytest.approx(peer.pvalue, rel=1e-6, abs=1e-300)


def test_an_arm_planned_at_zero_is_an_alarm_of_its_own() -> None:
    test = chi_squared_srm([500, 500, 3], [0.5, 0.5, 0])
    assert test.has_unplanned
    assert float(test.p_value) == 1.0, "the planned arms by themselves are as planned"


def test_many_experiments_at_once_with_padding() -> None:
    counts = [[600, 400, 0], [30, 30, 40], [0, 0, 0], [0, 0, 7]]
    shares = [[0.5, 0.5, 0], [0.3, 0.3, 0.4], [0.5, 0.5, 0], [1, 0, 0]]
    test = chi_squared_srm(counts, shares)
    assert test.degrees_of_freedom.tolist() == [1, 2, 1, 0]
    assert test.has_unplanned.tolist() == [False, False, False, True]
    assert test.p_value[:2] == pytest.approx([2.5396e-10, 1.0], rel=1e-4)
    assert np.isnan(test.p_value[2:]).all()
    same_plan = chi_squared_srm([[600, 400], [500, 500]], [0.5, 0.5])
    assert same_plan.p_value == pytest.approx([2.5396e-10, 1.0], rel=1e-4)


def test_one_planned_arm_has_nothing_to_compare() -> None:
    test = chi_squared_srm([10], [1.0])
    assert float(test.statistic) == 0
    assert np.isnan(test.p_value)


@pytest.mark.parametrize(
    ("counts", "shares", "error", "words"),
    [
        ([600, -1], [0.5, 0.5], CountsInvalid, "holds -1"),
        ([600, 1.5], [0.5, 0.5], CountsInvalid, "holds 1.5"),
        ([600, np.nan], [0.5, 0.5], CountsInvalid, "holds nan"),
        ([600, 400], [0.5, 0.6], SharesInvalid, "sum to 1"),
        ([600, 400], [1.5, -0.5], SharesInvalid, "sum to 1"),
        ([600, 400], [np.nan, 1], SharesInvalid, "sum to 1"),
        ([600, 400, 1], [0.5, 0.5], RowsMismatch, "the same arms"),
        ([600, 400], [[0.5, 0.5]], RowsMismatch, "the same arms"),
        ([[600, 400]] * 3, [[0.5, 0.5]] * 2, RowsMismatch, "the same arms"),
        (600, 1.0, RowsMismatch, "the same arms"),
    ],
)
def test_impossible_inputs_are_refused(counts: Any, shares: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        chi_squared_srm(counts, shares)


DAYS = [[20, 17, 9], [18, 21, 8], [4, 6, 4], [18, 19, 11]]
PLAN = [0.4, 0.4, 0.2]


def test_published_sequential_figures() -> None:
    """log m1 −19.96484521 and log m0 −15.78103123 hold on the fourth day, with a multinomial coefficient for each day."""
    days = np.array(DAYS)
    before = np.vstack([[0, 0, 0], days.cumsum(axis=0)[:-1]])
    log_m1 = sum(float(stats.dirichlet_multinomial.logpmf(day, 1 + seen, day.sum())) for day, seen in zip(days, before, strict=True))
    log_m0 = sum(float(stats.multinomial.logpmf(day, day.sum(), PLAN)) for day in days)
    assert log_m1 == pytest.approx(-19.96484521, abs=5e-9)
    assert log_m0 == pytest.approx(-15.78103123, abs=5e-9)
    test = sequential_srm(DAYS, PLAN)
    assert test.log_bayes_factor[-1] == pytest.approx(-19.96484521 - -15.78103123, abs=1e-8)
    assert test.p_value.tolist() == [1.0] * 4
    assert not test.has_unplanned.any()


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 60)] * 3), min_size=1, max_size=8), st.sampled_from([0.5, 1.0, 40.0]), st.permutations(range(3)))
def test_evidence_is_that_of_the_total_whatever_the_order(days: list[tuple[int, int, int]], prior: float, order: list[int]) -> None:
    counts = np.array(days)
    test = sequential_srm(counts, PLAN, prior=prior)
    total = counts.sum(axis=0)
    if total.sum() == 0:
        assert np.isnan(test.p_value).all()
        return
    expected = stats.dirichlet_multinomial.logpmf(total, [prior] * 3, total.sum()) - stats.multinomial.logpmf(total, total.sum(), PLAN)
    assert test.log_bayes_factor[-1] == pytest.approx(float(expected), abs=1e-9)
    seen = test.log_bayes_factor[~np.isnan(test.log_bayes_factor)]
    assert test.p_value[-1] == pytest.approx(min(1.0, float(np.exp(-seen.max()))), rel=1e-9)
    relabelled = sequential_srm(counts[:, order], np.array(PLAN)[order], prior=prior)
    assert relabelled.log_bayes_factor == pytest.approx(test.log_bayes_factor, abs=1e-9, nan_ok=True)


def test_many_experiments_at_once_each_with_its_plan() -> None:
    counts = np.zeros((4, 3, 3))
    counts[0, :, :2] = [[0, 0], [60, 30], [30, 60]]
    counts[1] = [[5, 5, 0], [5, 5, 1], [5, 5, 0]]
    counts[2] = DAYS[:3]
    counts[3, :, 0] = 9
    test = sequential_srm(counts, [[0.5, 0.5, 0], [0.5, 0.5, 0], PLAN, [1, 0, 0]])
    for row, alone in ((0, sequential_srm(counts[0, :, :2], [0.5, 0.5])), (2, sequential_srm(DAYS[:3], PLAN))):
        assert test.p_value[row].tolist() == pytest.approx(alone.p_value.tolist(), nan_ok=True)
    assert np.isnan(test.p_value[0, 0])
    assert test.p_value[0, 1] == test.p_value[0, 2] < 0.05, "an alarm stays one when the counts even out"
    assert test.has_unplanned.tolist() == [[False] * 3, [False, True, True], [False] * 3, [False] * 3]
    assert np.isnan(test.p_value[3]).all(), "one planned arm has nothing to compare"


def test_looking_at_the_split_every_day_keeps_the_error_rate_and_finds_a_mismatch() -> None:
    rng = np.random.default_rng(3)
    runs, days = 4000, 60
    planned = rng.multinomial(50, PLAN, (runs, days))
    ever = float(np.mean(sequential_srm(planned, PLAN).p_value[:, -1] < 0.05))
    assert ever <= 0.05
    daily = chi_squared_srm(planned.cumsum(axis=1).reshape(-1, 3), PLAN).p_value.reshape(runs, days)
    assert np.mean(daily.min(axis=1) < 0.05) > 0.3, "the same looks at the fixed-horizon test must over-reject"
    broken = rng.multinomial(50, [0.34, 0.46, 0.2], (runs, days))
    assert np.mean(sequential_srm(broken, PLAN).p_value[:, -1] < 0.001) > 0.9


def test_tiny_p_values_keep_their_digits() -> None:
    p = float(sequential_srm([[900, 0]], [0.5, 0.5]).p_value[0])
    assert 0 < p < 1e-260
    assert np.log(p) == pytest.approx(np.log(901) - 900 * np.log(2), rel=1e-12)


@pytest.mark.parametrize(
    ("counts", "shares", "prior", "error", "words"),
    [
        ([[6, -1]], [0.5, 0.5], 1, CountsInvalid, "holds -1"),
        ([[6, 1.5]], [0.5, 0.5], 1, CountsInvalid, "holds 1.5"),
        ([[6, 4]], [0.5, 0.6], 1, SharesInvalid, "sum to 1"),
        ([[6, 4]], [0.5, 0.5], 0, CountsInvalid, "prior is 0"),
        ([[6, 4]], [0.5, 0.5], np.nan, CountsInvalid, "prior is nan"),
        ([6, 4], [0.5, 0.5], 1, RowsMismatch, "expected counts"),
        ([[6, 4]], [0.5, 0.25, 0.25], 1, RowsMismatch, "expected counts"),
        ([[[6, 4]]], [[0.5, 0.5]] * 2, 1, RowsMismatch, "expected counts"),
    ],
)
def test_impossible_days_are_refused(counts: Any, shares: Any, prior: float, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        sequential_srm(counts, shares, prior=prior)


def test_segments_are_corrected_for_their_number() -> None:
    counts = [[510, 490], [300, 180], [3, 4], [0, 0], [220, 260]]
    zones = srm_by_segment(counts, [0.5, 0.5])
    plain = [stats.chisquare(row).pvalue for row in counts if sum(row) >= 10]
    adjusted = multipletests(plain, method="holm")[1]
    assert zones.p_value_adjusted[[0, 1, 4]] == pytest.approx(adjusted, rel=1e-12)
    assert np.isnan(zones.p_value_adjusted[[2, 3]]).all()
    assert zones.reason.tolist() == ["", "", *["an arm expects fewer than 5 units"] * 2, ""]
    assert zones.observed_share[1].tolist() == [0.625, 0.375]
    assert np.isnan(zones.observed_share[3]).all()
    assert zones.planned_share[4].tolist() == [0.5, 0.5]
    assert zones.test.p_value[2] == pytest.approx(stats.chisquare([3, 4]).pvalue)


def test_segments_may_have_their_own_plans_and_unplanned_traffic() -> None:
    days = srm_by_segment([[50, 50, 1], [90, 10, 0], [40, 0, 0]], [[0.5, 0.5, 0], [0.9, 0.1, 0], [1, 0, 0]])
    assert days.test.has_unplanned.tolist() == [True, False, False]
    assert days.observed_share[0] == pytest.approx([50 / 101, 50 / 101, 1 / 101])
    assert days.p_value_adjusted.tolist() == pytest.approx([1.0, 1.0, np.nan], nan_ok=True)
    assert days.reason.tolist() == ["", "", "only one arm is planned"]
    with pytest.raises(RowsMismatch, match="segments, arms"):
        srm_by_segment([50, 50], [0.5, 0.5])
