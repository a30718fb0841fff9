"""Histograms: how often each value was observed, and the order statistics that this gives exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from splitmile.errors import StatisticsError
from splitmile.stats.inputs import FloatArray, IntArray, ProbabilityOutOfRange, counts, frozen, require_same_rows

# Beyond this, whole numbers share a float, and two values could fall together.
_LARGEST = 2**53


class HistogramInvalid(StatisticsError):
    """Values and counts that no set of observations can have, or moments of other observations."""


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """The observations of one variant: each value once, with its count; arrays of shape (values,), read-only.

    Additive over days, zones and parts of a table, and exact: no binning, no sketch.

    Attributes:
        values: Observed values in the metric's own unit, strictly increasing.
        counts: Observations of each value, ≥ 1.
        censored: Observations known only to exceed every value, as the delivery time of an order that never arrived.
            They stand above all values. 0 where the metric has none, or where the question is about delivered orders only.

    Raises:
        RowsMismatch: Values and counts do not have one shape.
        HistogramInvalid: A value is no number within ±2⁵³, or the values do not increase.
        CountsInvalid: A count is not whole or below 1, or `censored` is not whole or negative.

    Example:
        >>> monday, tuesday = Histogram([60, 90], [2, 1]), Histogram([90, 120], [3, 4], censored=2)
        >>> both = monday + tuesday
        >>> both.values.tolist(), both.counts.tolist(), both.n, both.censored_share
        ([60.0, 90.0, 120.0], [2, 4, 4], 12, 0.16666666666666666)
    """

    values: FloatArray
    counts: IntArray
    censored: int = 0

    def __post_init__(self) -> None:
        """Take read-only copies and refuse what cannot be."""
        values = _observations(self.values)
        held = counts("counts", self.counts, least=1)
        require_same_rows(values=values, counts=held)
        if np.any(np.diff(values) <= 0):
            raise HistogramInvalid("the values of a histogram have to increase strictly; Histogram.from_values sorts and counts them")
        object.__setattr__(self, "values", frozen(values))
        object.__setattr__(self, "counts", frozen(self.counts, np.int64))
        object.__setattr__(self, "censored", int(counts("censored", self.censored)))

    @classmethod
    def from_values(cls, values: ArrayLike, *, censored: int = 0) -> Self:
        """Sort and count observations, integers or floats, shape (observations,).

        Raises:
            HistogramInvalid: A value is no number within ±2⁵³.
            CountsInvalid: `censored` is not whole or negative.
        """
        distinct, held = np.unique(_observations(values), return_counts=True)
        return cls(distinct, held, censored)

    def __add__(self, other: Self) -> Self:
        """The observations of both; they may share none."""
        values, place = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        held = np.zeros(values.size, dtype=np.int64)
        np.add.at(held, place, np.concatenate([self.counts, other.counts]))
        return type(self)(values, held, self.censored + other.censored)

    @property
    def observed(self) -> int:
        """Observations with a value."""
        return int(self.counts.sum())

    @property
    def n(self) -> int:
        """Observations, the censored ones included."""
        return self.observed + self.censored

    @property
    def censored_share(self) -> float:
        """Share of all observations that is censored; NaN without observations."""
        return self.censored / self.n if self.n else math.nan

    def cumulative(self) -> IntArray:
        """Observations at or below each value, shape (values,)."""
        return np.cumsum(self.counts)


def quantile(histogram: Histogram, q: float) -> float:
    """The q-quantile: the smallest value v for which at least the share q of the observations is at or below v.

    This is the inverse of the empirical distribution function, always an observed value: `inverted_cdf` in numpy, type 1 in R. The
    rank ⌈n·q⌉ is computed with q as the decimal number that it is written as: the rank of 0.07 in 100 observations is 7,
    where floating point says 8.

    Args:
        histogram: Observations.
        q: Share, strictly between 0 and 1.

    Returns:
        NaN without observations, and where the quantile lies among the censored ones.

    Raises:
        ProbabilityOutOfRange: q is not strictly between 0 and 1.

    Source:
        Hyndman, R. J. & Fan, Y. (1996), Sample quantiles in statistical packages, The American Statistician 50, 361-365,
        definition 1.

    Example:
        >>> quantile(Histogram([600, 1200, 1800], [5, 4, 1]), 0.9)
        1200.0
    """
    rank = quantile_rank(histogram.n, q)
    if rank < 1 or rank > histogram.observed:
        return math.nan
    return float(histogram.values[np.searchsorted(histogram.cumulative(), rank)])


def quantile_rank(n: int, q: float) -> int:
    """⌈n·q⌉, exactly; 0 without observations.

    Raises:
        ProbabilityOutOfRange: q is not strictly between 0 and 1.

    Source:
        Hyndman & Fan (1996), definition 1, as for `quantile`.
    """
    if not 0 < q < 1:
        raise ProbabilityOutOfRange(f"q is {q:g}, expected the share of a quantile strictly between 0 and 1, such as 0.9")
    share = Fraction(repr(float(q)))
    return -(-n * share.numerator // share.denominator)


def _observations(values: ArrayLike) -> FloatArray:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in ("i", "u", "f"):
        raise HistogramInvalid(f"the observations are an array of {array.dtype}, expected numbers")
    is_value = (array >= -_LARGEST) & (array <= _LARGEST)
    if not np.all(is_value):
        raise HistogramInvalid(f"observed {array[~is_value][0]}, expected a number within ±2⁵³; count a missing one as censored")
    return array.astype(np.float64)
