"""Quantiles of all observations of a variant, with the variance that the clustering of observations by unit gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from splitmile.stats.estimates import Estimates, estimate
from splitmile.stats.histograms import Histogram, HistogramInvalid, quantile
from splitmile.stats.inputs import RowsMismatch, UnitsInvalid, require_same_rows
from splitmile.stats.moments import Moments
from splitmile.stats.units import unit_groups

_NO_OBSERVATION = "no observation"
_CENSORED = "the quantile lies among the censored observations"
_NOTHING_ABOVE = "no observation lies above the quantile, so it has no standard error"
_SAME_SHARE = "every unit has the same share at or below the quantile, so it has no standard error"
_TOO_FEW = "too few units or observations for an interval around this quantile"
_REACHES_CENSORED = "the interval around the quantile reaches into the censored observations"
_ONE_VALUE = "all observed values are equal, so the quantile has no standard error"

# Half-width, in standard errors, of the 95 % interval that the observations have to cover.
_Z = float(stats.norm.isf(0.025))

# How far ΣS/Σn of the moments may lie from the histogram's own share: they count the same observations.
_ROUNDING = 1e-9


def quantile_estimates(histograms: Sequence[Histogram], at_most: Moments | Estimates, q: float) -> Estimates:
    """The q-quantile of the pooled observations in each of k variants, with its variance clustered by unit.

    Two steps, so that no warehouse has to sort rows: first the histograms, and from them `quantile(histogram, q)` of each
    variant; then one pass over the units for S_i, the unit's observations at or below that value, and n_i, all of them.
    `at_most` holds the moments of (S_i, n_i).

    The standard error is (Y_U − Y_L)/2. Y_L and Y_U are the quantiles at q − σ and q + σ, where σ is the standard error of
    the share at or below the quantile: σ² = q(1−q)·σ²_cluster/(F(1−F)), with σ²_cluster the variance of F = ΣS/Σn over
    units (a tie may lift F above q). Deng et al. read the slope from the interval of independent observations and multiply by
    √(σ²_cluster/σ²_iid), which is the same where the distribution function is straight; but the quantile strays over the
    wider interval. One standard error, not 1.96, because further out the tail's curve overstates the spread. Measured at
    5 % on 14 to 60 units an arm: 4.5 to 6.4 % so, 4.6 to 6.7 % their way, 3.2 to 5.1 % with 1.96.

    - Ties: Y_L and Y_U are read with each value spread evenly over its cell, half-way to its neighbours, so that rounding to
      seconds neither adds noise nor empties the interval. On a coarse grid the quantile itself jumps by whole steps: if a
      neighbouring value lies within q ± 1.96·σ, (step/2)² is added, the most that jumping between two values can vary.
      So the variance is never 0.
    - Noise of the width: about m = 2σ·n observations lie between Y_L and Y_U, so the square has about m/2 degrees of
      freedom. They join those of the units.

    Args:
        histograms: Length k; censored observations stand above every value.
        at_most: k rows of moments of (S_i, n_i), where n_i counts censored observations if the histogram does; or estimates of
            ΣS/Σn by another method, such as one for few units.
        q: Share, strictly between 0 and 1.

    Returns:
        k rows, `n` counting units. No estimate where there are fewer than two units, where q ± 1.96·σ reaches beyond the
        observations, and where units or values leave no spread to read.

    Raises:
        RowsMismatch: Histograms and moments differ in length.
        HistogramInvalid: The moments do not count the histogram's observations at or below its quantile.
        ProbabilityOutOfRange: q is not strictly between 0 and 1.

    Source:
        Deng, A., Knoblich, U. & Lu, J. (2018), KDD 2018, section 4.2 (arXiv 1803.06336); Yao, Li & Lu (2024), arXiv
        2401.14549; Woodruff, R. S. (1952), JASA 47, 635-646, for the clustered interval. Bloch, D. A. & Gastwirth,
        J. L. (1968), Annals of Mathematical Statistics 39, 1083-1085, for the noise of its width.

    Example:
        >>> seconds, couriers = np.arange(2000) * 7919 % 2003, np.arange(2000) // 20
        >>> p90 = quantile_estimates(*quantile_of_units(seconds, couriers, 0.9), 0.9)
        >>> p90.value.tolist(), p90.n.tolist(), p90.standard_error.round(1).tolist()
        ([1802.0], [100], [5.3])
    """
    shares = at_most if isinstance(at_most, Estimates) else estimate(at_most)
    if len(histograms) != len(shares):
        raise RowsMismatch(f"expected one row of moments a histogram, found {len(shares)} rows and {len(histograms)} histograms")
    rows = [
        _spread(histogram, q, share, variance, reason)
        for histogram, share, variance, reason in zip(histograms, shares.value, shares.variance, shares.reason.tolist(), strict=True)
    ]
    value, variance, freedom = (np.array([row[i] for row in rows]) for i in range(3))
    reason = np.array([row.reason for row in rows])
    return Estimates(shares.n, value, variance, 1 / (1 / shares.degrees_of_freedom + 1 / freedom), reason)


def quantile_of_units(
    values: ArrayLike,
    unit: ArrayLike,
    q: float,
    *,
    group: ArrayLike | None = None,
    groups: int = 1,
    censored: ArrayLike | None = None,
) -> tuple[list[Histogram], Moments]:
    """Both steps of `quantile_estimates` from rows: the histogram of each variant, and the moments of (S_i, n_i).

    Args:
        values: One observation a row, shape (rows,), integers or floats; what a censored row holds is not read.
        unit: What was randomised, of each row: numbers or text.
        q: Share, strictly between 0 and 1.
        group: Index of each row's variant, 0 … groups − 1; None puts all into variant 0.
        groups: Variants k.
        censored: True where the observation is known only to exceed every value; None where none is.

    Returns:
        k histograms and k rows of moments, as `quantile_estimates` takes them; a variant without rows has n = 0.

    Raises:
        RowsMismatch: The arrays differ in length.
        HistogramInvalid: A value that is not censored is not a finite number.
        UnitsInvalid: A unit has rows in two variants, or a group does not exist.
        ProbabilityOutOfRange: q is not strictly between 0 and 1.

    Source:
        Deng, Knoblich & Lu (2018), section 4.2, as for `quantile_estimates`.

    Example:
        >>> histograms, at_most = quantile_of_units([30, 50, 40, 60], ["a", "a", "b", "b"], 0.5)
        >>> quantile(histograms[0], 0.5), at_most.n.tolist(), at_most.mean_numerator.tolist()
        (40.0, [2], [1.0])
    """
    observations, units = np.asarray(values), np.asarray(unit)
    is_censored = np.zeros(observations.shape, dtype=np.bool_) if censored is None else np.asarray(censored, dtype=np.bool_)
    row_group = unit_groups(group, groups, observations.size)
    require_same_rows(values=observations, unit=units, censored=is_censored, group=row_group)
    is_seen = ~is_censored
    by_group = np.argsort(row_group[is_seen])
    parts = np.split(observations[is_seen][by_group], np.cumsum(np.bincount(row_group[is_seen], minlength=groups)))
    held = np.bincount(row_group[is_censored], minlength=groups).tolist()
    histograms = [Histogram.from_values(parts[index], censored=held[index]) for index in range(groups)]
    thresholds = np.array([quantile(histogram, q) for histogram in histograms])
    is_at_most = is_seen & (observations <= thresholds[row_group])
    code, unit_group = _unit_codes(units, row_group)
    at_most, all_of_unit = np.bincount(code, is_at_most), np.bincount(code)
    return histograms, Moments.from_units(at_most, all_of_unit, group=unit_group, groups=groups)


class _Spread(NamedTuple):
    """One variant's quantile with its clustered variance, and the degrees of freedom of the interval's width; NaN with a reason."""

    value: float
    variance: float
    degrees_of_freedom: float
    reason: str


def _spread(histogram: Histogram, q: float, share: float, share_variance: float, reason: str) -> _Spread:
    """One row of `quantile_estimates`; share and share_variance are F and σ²_cluster, NaN where there is a reason."""
    value, n = quantile(histogram, q), histogram.n
    if math.isnan(value):
        return _no_estimate(_CENSORED if n else _NO_OBSERVATION)
    if reason:
        return _no_estimate(reason)
    place = int(np.searchsorted(histogram.values, value))
    counted = float(histogram.cumulative()[place]) / n
    if abs(counted - share) > _ROUNDING:
        raise HistogramInvalid(
            f"the units count a share {share:.9g} of their observations at or below the quantile {value:g}, the histogram {counted:.9g}; "
            "histogram and moments have to come from the same observations"
        )
    if counted == 1:
        return _no_estimate(_NOTHING_ABOVE)
    if share_variance == 0:
        return _no_estimate(_SAME_SHARE)
    effective_n = counted * (1 - counted) / share_variance
    error = math.sqrt(q * (1 - q) / effective_n)
    low, high = q - _Z * error, q + _Z * error
    if low <= 0 or high >= 1:
        return _no_estimate(_TOO_FEW)
    if high * n > histogram.observed:
        return _no_estimate(_REACHES_CENSORED)
    if histogram.values.size == 1:
        return _no_estimate(_ONE_VALUE)
    variance = (_cell_width(histogram, q - error, q + error) / 2) ** 2 + (_step(histogram, place, low, high) / 2) ** 2
    return _Spread(value, variance, n * error, "")


def _no_estimate(reason: str) -> _Spread:
    return _Spread(math.nan, math.nan, math.nan, reason)


def _cell_width(histogram: Histogram, low: float, high: float) -> float:
    """Distance between two shares on the distribution function that rises evenly within each value's cell."""
    gaps = np.diff(histogram.values)
    edges = np.concatenate([histogram.values[:1] - gaps[0] / 2, histogram.values[:-1] + gaps / 2, histogram.values[-1:] + gaps[-1] / 2])
    ends = np.interp([low, high], np.concatenate([[0], histogram.cumulative() / histogram.n]), edges)
    return float(ends[1] - ends[0])


def _step(histogram: Histogram, place: int, low: float, high: float) -> float:
    """The longer step from the quantile to a neighbouring value that lies between two shares; 0 if neither does."""
    first, last = np.searchsorted(histogram.cumulative(), np.array([low, high]) * histogram.n)
    neighbours = histogram.values[max(place - 1, first) : min(place + 1, last) + 1]
    return float(np.max(np.abs(neighbours - histogram.values[place])))


def _unit_codes(units: NDArray[Any], row_group: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Each row's unit as a number from 0 up, and each unit's group."""
    names, code = np.unique(units, return_inverse=True)
    unit_group = np.zeros(names.size, dtype=np.intp)
    unit_group[code] = row_group
    is_stray = unit_group[code] != row_group
    if np.any(is_stray):
        raise UnitsInvalid(f"unit {names[code[is_stray][0]]} has rows in more than one group; an effect needs units of one variant each")
    return code, unit_group
