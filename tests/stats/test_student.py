from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from splitmile.stats import ProbabilityOutOfRange
from splitmile.stats.student import critical_values, upper_tails

ONE = np.array([1.0])


@pytest.mark.parametrize("distance", [1e-3, 1.0, 37.0, 1e12, 1e150])
def test_tails_agree_with_closed_forms(distance: float) -> None:
    """One and two degrees of freedom have an elementary tail; it is written here without the cancellation of 1 − F."""
    one, two = (upper_tails(np.array([distance]), ONE, np.array([freedom]))[0] for freedom in (1.0, 2.0))
    assert one == pytest.approx(math.atan2(1, distance) / math.pi, rel=1e-9)
    root = math.hypot(distance, math.sqrt(2))
    assert two == pytest.approx(1 / (root * (root + distance)), rel=1e-12)


@pytest.mark.parametrize("distance", [0.1, 2.0, 10.0, 37.0])
def test_tails_of_many_degrees_of_freedom_are_those_of_the_normal(distance: float) -> None:
    tail = upper_tails(np.array([distance]), ONE, np.array([1e16]))[0]
    assert tail == pytest.approx(stats.norm.sf(distance), rel=1e-9)


@given(st.floats(1e-12, 0.9), st.one_of(st.floats(1, 200), st.floats(200, 1e12)))
def test_critical_values_are_exceeded_with_probability_alpha(alpha: float, freedom: float) -> None:
    critical = critical_values(alpha, np.array([freedom]))
    assert critical[0] == pytest.approx(stats.t.isf(alpha / 2, freedom), rel=2e-14)
    assert 2 * upper_tails(critical, ONE, np.array([freedom]))[0] == pytest.approx(alpha, rel=1e-9)


def test_critical_values_of_many_rows_are_those_of_each() -> None:
    freedom = np.array([3.0, 49.9, 50.0, 50.1, 1e3, 1e7, 1e300, np.nan])
    expected = stats.t.isf(0.005, freedom)
    assert critical_values(0.01, freedom) == pytest.approx(expected, rel=1e-14, nan_ok=True)
    assert critical_values(np.full(8, 0.01), freedom) == pytest.approx(expected, rel=1e-14, nan_ok=True)


def test_there_is_no_tail_without_a_spread_or_degrees_of_freedom() -> None:
    none = upper_tails(np.array([1.0, 0.0, np.nan, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]), np.array([5.0, 5.0, 5.0, np.nan]))
    assert np.isnan(none).all()
    assert np.isnan(critical_values(0.05, np.array([np.nan]))).all()


def test_a_level_for_each_row() -> None:
    assert critical_values([0.05, 0.1], np.array([7.0, 7.0])) == pytest.approx(stats.t.isf([0.025, 0.05], 7), rel=1e-12)
    with pytest.raises(ProbabilityOutOfRange, match="expected a level"):
        critical_values([0.05, 1.0], np.array([7.0, 7.0]))
