from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from splitmile.stats import Estimates, EstimatesInvalid, Moments, RowsMismatch, estimate
from stats.unit_rows import exact_ratio, moments_of

ONE, NONE, NO_EVENTS = moments_of([3], [1]), moments_of([], []), moments_of([0, 0], [0, 0])
GOOD: dict[str, Any] = {
    "n": [9, 1],
    "value": [2.0, np.nan],
    "variance": [0.0, np.nan],
    "degrees_of_freedom": [8.0, np.nan],
    "reason": ["", "x"],
}


def test_proportions_take_the_path_of_means() -> None:
    late = [1] * 30 + [0] * 170
    result = estimate(moments_of(late))
    assert result.value[0] == 0.15
    assert result.standard_error[0] == pytest.approx(math.sqrt(0.15 * 0.85 / 199), rel=1e-14)


def test_ratio_agrees_with_the_rows_in_exact_fractions() -> None:
    rng = np.random.default_rng(7)
    deliveries = [int(x) for x in rng.integers(1, 60, 300)]
    seconds = [10**12 * d + int(x) for d, x in zip(deliveries, rng.integers(0, 10**9, 300), strict=True)]
    ratio, variance = exact_ratio(seconds, deliveries)
    result = estimate(moments_of(seconds, deliveries))
    assert result.value[0] == pytest.approx(float(ratio), rel=1e-15)
    assert result.variance[0] == pytest.approx(float(variance), rel=1e-6)  # the two terms cancel to about 1e-7 of themselves


def test_ratio_agrees_with_statsmodels_cluster_robust_errors() -> None:
    rng = np.random.default_rng(11)
    sizes = rng.integers(1, 40, 120)
    courier = np.repeat(np.arange(120), sizes)
    seconds = rng.poisson(1800 + 300 * rng.standard_normal(120)[courier])
    fit = sm.OLS(seconds, np.ones(len(seconds))).fit(cov_type="cluster", cov_kwds={"groups": courier, "use_correction": False})
    result = estimate(moments_of(np.bincount(courier, seconds).astype(int).tolist(), sizes.tolist()))
    assert result.value[0] == pytest.approx(fit.params[0], rel=1e-12)
    assert result.standard_error[0] == pytest.approx(fit.bse[0] * math.sqrt(120 / 119), rel=1e-9)
    assert result.standard_error[0] > 2 * seconds.std() / math.sqrt(len(seconds)), "the rows of a courier are not independent"


def test_a_ratio_that_is_the_same_in_every_unit_has_no_variance() -> None:
    assert estimate(moments_of([1, 3, 7, 11], [3, 9, 21, 33])).variance.tolist() == [0]


@pytest.mark.parametrize(
    ("moments", "reason"), [(ONE, "fewer than two units"), (NONE, "fewer than two units"), (NO_EVENTS, "the denominator is zero")]
)
def test_no_estimate_has_a_reason(moments: Moments, reason: str) -> None:
    result = estimate(moments)
    assert result.reason.tolist() == [reason]
    numbers = [result.value, result.variance, result.standard_error, result.degrees_of_freedom, *result.interval(0.05)]
    assert np.isnan(numbers).all()


def test_interval_is_that_of_scipy() -> None:
    values = [3, 9, 4, 8, 12]
    result = estimate(moments_of(values))
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert [x[0] for x in result.interval(0.1)] == pytest.approx([expected.low, expected.high], rel=1e-12)
    assert [result.n.tolist(), result.degrees_of_freedom.tolist()] == [[5], [4]]


def test_take_repeats_and_reorders_rows() -> None:
    taken = Estimates(**GOOD).take([1, 0, 0])
    assert [taken.n.tolist(), taken.reason.tolist()] == [[1, 9, 9], ["x", "", ""]]
    assert [len(taken), len(taken.take([]))] == [3, 0]


@pytest.mark.parametrize(
    "second",
    [
        {"value": np.nan, "variance": 1.0, "degrees_of_freedom": 4.0, "reason": ""},
        {"value": np.inf, "variance": 1.0, "degrees_of_freedom": 4.0, "reason": ""},
        {"value": 1.0, "variance": -1e-9, "degrees_of_freedom": 4.0, "reason": ""},
        {"value": 1.0, "variance": np.inf, "degrees_of_freedom": 4.0, "reason": ""},
        {"value": 1.0, "variance": 1.0, "degrees_of_freedom": 0.0, "reason": ""},
        {"value": 1.0, "variance": 1.0, "degrees_of_freedom": np.nan, "reason": ""},
        {"value": 1.0, "variance": np.nan, "degrees_of_freedom": np.nan, "reason": "x"},
        {"value": np.nan, "variance": 1.0, "degrees_of_freedom": np.nan, "reason": "x"},
    ],
)
def test_what_is_neither_an_estimate_nor_the_lack_of_one_is_refused(second: dict[str, Any]) -> None:
    with pytest.raises(EstimatesInvalid) as caught:
        Estimates(**{name: np.array([GOOD[name][0], value]) for name, value in ({"n": 5} | second).items()})
    numbers = "value {value:g}, variance {variance:g}, degrees of freedom {degrees_of_freedom:g} with reason {reason!r}"
    assert str(caught.value) == f"estimates, row 1: {numbers.format(**second)}; expected finite numbers, or NaN and a reason"


def test_the_least_residual_that_counts_as_spread() -> None:
    """Ratio 1 and squares of 2: what is left is 2(1 − c2), against the threshold of 64 rounding errors of 2."""
    eps = np.finfo(np.float64).eps
    at_threshold, above = (Moments(*(np.array([x]) for x in (4, 1.0, 1.0, 1.0, 1.0, 1 - steps * eps))) for steps in (64, 65))
    assert estimate(at_threshold).variance.tolist() == [0]
    assert estimate(above).variance[0] == pytest.approx(130 * eps / 12, rel=1e-12)


def test_numbers_and_reasons_of_any_array_are_taken() -> None:
    result = Estimates(**(GOOD | {"n": [9.0, 1.0], "reason": np.array(["", "x"], dtype=np.object_)}))
    assert [result.n.dtype, result.reason.dtype.kind] == [np.dtype(np.int64), "U"]


def test_arrays_of_other_shapes_are_refused() -> None:
    with pytest.raises(RowsMismatch, match=r"n \(2,\), value \(2,\), variance \(2,\), degrees_of_freedom \(2,\), reason \(1,\)"):
        Estimates(**(GOOD | {"reason": [""]}))


def test_estimates_cannot_be_changed_and_do_not_alias_their_input() -> None:
    value = np.array([2.0, np.nan])
    result = Estimates(**(GOOD | {"value": value}))
    value[0] = 7
    assert result.value[0] == 2
    for name in Estimates.__slots__:
        with pytest.raises(ValueError, match="read-only"):
            getattr(result, name)[0] = getattr(result, name)[1]
