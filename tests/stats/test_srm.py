from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from splitmile.stats import CountsInvalid, RowsMismatch, SharesInvalid, chi_squared_srm


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
