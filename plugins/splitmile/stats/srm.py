"""Sample ratio mismatch: did the variants get the units they should have?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from splitmile.stats.inputs import BoolArray, FloatArray, IntArray, RowsMismatch, SharesInvalid
from splitmile.stats.inputs import counts as checked_counts

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class SrmTest:
    """χ² tests of observed against planned shares; one value a row of counts (shape () for a single row).

    Attributes:
        statistic: χ²; NaN before the first unit.
        degrees_of_freedom: Arms with a positive planned share, less one.
        p_value: Probability of a split at least this far off; NaN before the first unit, and where only one arm is planned.
        has_unplanned: An arm planned at 0 has units: an alarm whatever the p-value.
    """

    statistic: FloatArray
    degrees_of_freedom: IntArray
    p_value: FloatArray
    has_unplanned: BoolArray


def chi_squared_srm(counts: ArrayLike, planned_shares: ArrayLike) -> SrmTest:
    """Pearson's χ² test of the units in each arm against the planned shares.

    Only arms with a positive planned share enter the statistic; experiments with fewer arms fill up with share 0 and no
    units. An approximation that wants some five expected units an arm. A fixed-horizon test: looked at daily, it
    needs a strict level such as 0.001.

    Args:
        counts: Units in each arm, shape (arms,) or (k, arms).
        planned_shares: Fractions that sum to 1 in each row, shape (arms,) or (k, arms).

    Returns:
        One test a row of counts.

    Raises:
        CountsInvalid: A count is negative or not whole.
        SharesInvalid: A share is negative or not finite, or a row does not sum to 1.
        RowsMismatch: Counts and shares differ in arms or rows.

    Source:
        Pearson, K. (1900), Philosophical Magazine 50, 157-175; Fabijan, A. et al. (2019), Diagnosing sample ratio
        mismatch in online controlled experiments, KDD 2019.

    Example:
        >>> test = chi_squared_srm([1000, 1100, 0], [0.5, 0.5, 0])
        >>> round(float(test.p_value), 3), int(test.degrees_of_freedom), bool(test.has_unplanned)
        (0.029, 1, False)
    """
    units, shares = checked_counts("counts", counts), np.asarray(planned_shares, dtype=np.float64)
    if units.ndim not in (1, 2) or shares.ndim > units.ndim or shares.shape != units.shape[units.ndim - shares.ndim :]:
        raise RowsMismatch(
            f"expected shapes (arms,) or (k, arms), the same arms in both, found counts {units.shape}, shares {shares.shape}"
        )
    if not np.all(np.isfinite(shares) & (shares >= 0)) or not np.all(np.abs(shares.sum(axis=-1) - 1) <= _ROUNDING):
        raise SharesInvalid(f"planned shares are {shares.tolist()}, expected fractions ≥ 0 that sum to 1")
    shares = np.broadcast_to(shares, units.shape)
    is_planned = shares > 0
    planned_units = np.where(is_planned, units, 0.0)
    total = planned_units.sum(axis=-1, keepdims=True)
    expected = shares / shares.sum(axis=-1, keepdims=True) * total
    deviation = (planned_units - expected) ** 2
    parts = np.divide(deviation, expected, out=np.zeros_like(deviation), where=expected > 0)
    statistic = np.where(total[..., 0] > 0, parts.sum(axis=-1), np.nan)
    freedom = is_planned.sum(axis=-1) - 1
    return SrmTest(
        statistic=statistic,
        degrees_of_freedom=np.asarray(freedom, dtype=np.int64),
        p_value=np.asarray(stats.chi2.sf(statistic, np.where(freedom > 0, freedom, np.nan))),
        has_unplanned=np.asarray(((units > 0) & ~is_planned).any(axis=-1)),
    )
