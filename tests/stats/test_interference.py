from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from splitmile.stats import Effects, RowsMismatch, interference


def test_closed_form() -> None:
    check = interference(Effects([5.0], [0.5], [900.0], [""]), Effects([1.0], [1.5], [40.0], [""]))
    assert check.difference.tolist() == [-4.0]
    assert check.degrees_of_freedom.tolist() == [40.0]
    assert check.p_value == pytest.approx([2 * stats.t.sf(4.0 / 2.0, 40)], rel=1e-12)
    assert check.unit_level.estimate.tolist() == [5.0]
    assert check.zone_level.estimate.tolist() == [1.0]


@given(st.floats(-5, 5), st.floats(0.1, 3), st.floats(-5, 5), st.floats(0.1, 3), st.floats(-1, 1))
def test_the_bound_holds_at_any_correlation(a: float, se_a: float, b: float, se_b: float, correlation: float) -> None:
    check = interference(Effects([a], [se_a], [50.0], [""]), Effects([b], [se_b], [50.0], [""]))
    true_error = np.sqrt(
        np.array([[1.0, -1.0]]) @ [[se_a**2, correlation * se_a * se_b], [correlation * se_a * se_b, se_b**2]] @ [1.0, -1.0]
    )
    assert true_error[0] <= check.standard_error_bound[0] * (1 + 1e-12)


@pytest.mark.parametrize("correlation", [-1.0, 0.0, 0.9])
def test_never_rejects_too_often(correlation: float) -> None:
    """20,000 pairs of estimates of one effect, from 12 zones and 400 units, at the worst and at kinder correlations."""
    rng = np.random.default_rng(5)
    runs, zones, units = 20_000, 12, 400
    noise = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], runs)
    errors = np.sqrt(rng.chisquare(units - 2, runs) / (units - 2)), np.sqrt(rng.chisquare(zones - 2, runs) / (zones - 2))
    levels = [Effects(noise[:, i], errors[i], np.full(runs, freedom), np.full(runs, "")) for i, freedom in enumerate((398.0, 10.0))]
    rate = float(np.mean(interference(*levels).p_value < 0.05))
    assert rate <= 0.05 + 2.576 * np.sqrt(0.05 * 0.95 / runs)


def test_no_test_without_both_sides() -> None:
    none = Effects([np.nan, 1.0, 1.0], [np.nan, 0.0, 0.2], [np.nan, np.nan, 30.0], ["fewer than two units", "no variation", ""])
    good = Effects([1.0, 1.0, 2.0], [0.1, 0.1, 0.1], [9.0, 9.0, 9.0], ["", "", ""])
    assert interference(none, good).reason.tolist() == ["unit level: fewer than two units", "unit level: no variation", ""]
    assert interference(good, none).reason.tolist() == ["zone level: fewer than two units", "zone level: no variation", ""]
    check = interference(good, none)
    assert np.isnan(check.difference).tolist() == [True, False, False]
    assert np.isnan(check.p_value).tolist() == [True, True, False]
    with pytest.raises(RowsMismatch, match="3 unit-level and 1 zone-level"):
        interference(good, Effects([1.0], [0.1], [9.0], [""]))
