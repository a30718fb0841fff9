from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitmile.stats import CountsInvalid, Histogram, HistogramInvalid, ProbabilityOutOfRange, RowsMismatch, quantile

SECONDS = st.lists(st.integers(-50, 50), min_size=1, max_size=60)
METRES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@settings(deadline=None)
@given(SECONDS | METRES, st.sampled_from([0.03125, 0.25, 0.5, 0.75, 0.875]))
def test_quantile_is_the_inverted_distribution_function_of_numpy(values: list[float], q: float) -> None:
    assert quantile(Histogram.from_values(values), q) == np.quantile(values, q, method="inverted_cdf")


@settings(deadline=None)
@given(SECONDS, st.decimals("0.01", "0.99", places=2))
def test_quantile_is_the_smallest_value_with_that_share_at_or_below(values: list[int], q: object) -> None:
    share = Fraction(str(q))
    expected = min(v for v in values if Fraction(sum(x <= v for x in values), len(values)) >= share)
    assert quantile(Histogram.from_values(values), float(str(q))) == expected


def test_rank_takes_q_as_the_decimal_number_it_is_written_as() -> None:
    assert 0.07 * 100 > 7
    assert quantile(Histogram.from_values(np.arange(1, 101)), 0.07) == 7
    assert quantile(Histogram.from_values(np.arange(1, 101)), np.float64(0.07)) == 7
    assert quantile(Histogram([1], [10**15]), 1e-05) == 1


@settings(deadline=None)
@given(SECONDS, SECONDS, st.integers(0, 3), st.integers(0, 3))
def test_sum_is_the_histogram_of_both(left: list[int], right: list[int], censored_left: int, censored_right: int) -> None:
    both = Histogram.from_values(left, censored=censored_left) + Histogram.from_values(right, censored=censored_right)
    together = Histogram.from_values(left + right, censored=censored_left + censored_right)
    assert both.values.tolist() == together.values.tolist() == sorted(set(left + right))
    assert both.counts.tolist() == together.counts.tolist() == [(left + right).count(v) for v in both.values]
    assert both.censored == censored_left + censored_right
    assert both.n == len(left) + len(right) + censored_left + censored_right
    assert both.observed == both.n - both.censored


def test_counts_stay_exact_beyond_the_precision_of_floats() -> None:
    both = Histogram([60], [2**60]) + Histogram([60], [1])
    assert both.n == 2**60 + 1


def test_censored_observations_stand_above_every_value() -> None:
    histogram = Histogram([600, 900], [6, 2], censored=2)
    assert histogram.censored_share == 0.2
    assert [quantile(histogram, q) for q in (0.6, 0.61, 0.8)] == [600, 900, 900]
    assert math.isnan(quantile(histogram, 0.81))
    assert Histogram([600], [5]).censored_share == 0


def test_without_observations_there_is_no_quantile() -> None:
    empty = Histogram.from_values([])
    assert (empty.n, empty.cumulative().tolist()) == (0, [])
    assert math.isnan(quantile(empty, 0.5))
    assert math.isnan(empty.censored_share)
    assert quantile(empty + Histogram([3], [1]), 0.5) == 3
    assert Histogram([], [], censored=4).censored_share == 1


def test_arrays_are_read_only_copies() -> None:
    values, counts = np.array([1.0, 2.0]), np.array([3, 4])
    histogram = Histogram(values, counts)
    values[0] = counts[0] = 9
    assert (histogram.values.tolist(), histogram.counts.tolist()) == ([1.0, 2.0], [3, 4])
    with pytest.raises(ValueError, match="read-only"):
        histogram.counts[0] = 5


@pytest.mark.parametrize(
    ("values", "counts", "censored", "error", "words"),
    [
        ([2, 1], [1, 1], 0, HistogramInvalid, "^the values .* increase strictly; Histogram.from_values sorts and counts them$"),
        (np.array([2, 1], dtype=np.uint8), [1, 1], 0, HistogramInvalid, "increase strictly"),
        ([1, 1], [1, 1], 0, HistogramInvalid, "increase strictly"),
        ([1.0, math.nan], [1, 1], 0, HistogramInvalid, "observed nan"),
        ([1.0, math.inf], [1, 1], 0, HistogramInvalid, "observed inf"),
        ([1, 2**53 + 1], [1, 1], 0, HistogramInvalid, "observed 9007199254740993"),
        ([-(2**53) - 1, 1], [1, 1], 0, HistogramInvalid, "observed -9007199254740993"),
        (["60", "90"], [1, 1], 0, HistogramInvalid, "array of <U2, expected numbers"),
        ([True], [1], 0, HistogramInvalid, "array of bool"),
        ([60, None], [1, 1], 0, HistogramInvalid, "array of object"),
        ([1, 2], [1], 0, RowsMismatch, r"values \(2,\), counts \(1,\)"),
        ([1, 2], [1, 0], 0, CountsInvalid, "counts holds 0"),
        ([1, 2], [1, 1.5], 0, CountsInvalid, "counts holds 1.5"),
        ([1, 2], [1, 1], -1, CountsInvalid, "censored holds -1"),
    ],
)
def test_impossible_histograms_are_refused(values: list[object], counts: list[float], censored: int, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        Histogram(values, counts, censored)


def test_whole_counts_may_come_as_floats() -> None:
    assert Histogram([1, 2], [3.0, 4.0]).counts.dtype == np.int64


def test_largest_integers_that_floats_hold_are_taken() -> None:
    assert Histogram([-(2**53), 2**53], [1, 1]).values.tolist() == [-(2.0**53), 2.0**53]


@pytest.mark.parametrize("q", [0, 1, -0.1, 1.5, math.nan])
def test_q_has_to_be_a_share(q: float) -> None:
    with pytest.raises(ProbabilityOutOfRange, match=r"q is .*strictly between 0 and 1, such as 0\.9"):
        quantile(Histogram([1], [1]), q)
