"""Sample ratio mismatch: did the variants get the units they should have?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from splitmile.stats.inputs import BoolArray, CountsInvalid, FloatArray, IntArray, RowsMismatch, SharesInvalid, TextArray
from splitmile.stats.inputs import counts as checked_counts
from splitmile.stats.multiplicity import holm

_ROUNDING = 1e-6
_LEAST_EXPECTED = 5
_SPARSE = f"an arm expects fewer than {_LEAST_EXPECTED} units"
_ONE_ARM = "only one arm is planned"


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
    needs a strict level such as 0.001, or `sequential_srm`.

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
    _require_shares(shares)
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


@dataclass(frozen=True, slots=True, eq=False)
class SequentialSrm:
    """Sequential test of the split, one value a day: arrays of shape (days,), or (k, days) for k experiments.

    Attributes:
        log_bayes_factor: Evidence against the planned shares in all units up to that day, natural logarithm; NaN before the
            first unit and where only one arm is planned.
        p_value: Always-valid: the smallest 1 / Bayes factor up to that day, at most 1; NaN where the evidence is.
        has_unplanned: An arm planned at 0 has had units by that day: an alarm whatever the p-value.
    """

    log_bayes_factor: FloatArray
    p_value: FloatArray
    has_unplanned: BoolArray


def sequential_srm(daily_counts: ArrayLike, planned_shares: ArrayLike, *, prior: float = 1.0) -> SequentialSrm:
    """Multinomial test of the split that may be read every day, with any stopping rule.

    Over a whole run with the planned shares the p-value ever falls below alpha with probability at most alpha. Like
    `chi_squared_srm` it looks at arms with a positive planned share only. A unit counts once, on the day of its first
    exposure, in units of what was randomised: rows or sessions of one unit are not independent and would raise
    false alarms. The multinomial coefficients of the days are in both likelihoods and cancel.

    Args:
        daily_counts: New units of each day in each arm, shape (days, arms) or (k, days, arms).
        planned_shares: Fractions that sum to 1 in each row, shape (arms,) or (k, arms).
        prior: Concentration of the symmetric Dirichlet prior on the true shares: 1 holds all shares equally likely; a larger
            one looks for small departures from equal shares. Fixed before the first look.

    Returns:
        One experiment, or k of them.

    Raises:
        CountsInvalid: A count is negative or not whole, or the prior is not above 0.
        SharesInvalid: A share is negative or not finite, or a row does not sum to 1.
        RowsMismatch: Counts and shares differ in arms or experiments.

    Source:
        Lindon, M. & Malek, A. (2022), Anytime-valid inference for multinomial count data, NeurIPS 35.

    Example:
        >>> test = sequential_srm([[52, 48], [110, 90], [640, 480]], [0.5, 0.5])
        >>> test.p_value.round(5).tolist()
        [1.0, 1.0, 0.0002]
    """
    units = checked_counts("daily_counts", daily_counts)
    shares = np.asarray(planned_shares, dtype=np.float64)
    if units.ndim not in (2, 3) or shares.shape not in (units.shape[-1:], (*units.shape[:-2], units.shape[-1])):
        raise RowsMismatch(
            f"expected counts (days, arms) or (k, days, arms) and shares (arms,) or (k, arms), found {units.shape} and {shares.shape}"
        )
    if not (np.isfinite(prior) and prior > 0):
        raise CountsInvalid(f"prior is {prior:g}, expected a Dirichlet concentration above 0 such as 1")
    _require_shares(shares)
    shares = np.expand_dims(shares / shares.sum(axis=-1, keepdims=True), -2)
    so_far = units.cumsum(axis=-2)
    is_planned = np.broadcast_to(shares > 0, so_far.shape)
    planned = np.where(is_planned, so_far, 0.0)
    total, concentration = planned.sum(axis=-1), prior * is_planned.sum(axis=-1)
    gathered = np.where(is_planned, special.gammaln(prior + planned) - special.gammaln(prior), 0.0).sum(axis=-1)
    log_marginal = special.gammaln(concentration) - special.gammaln(concentration + total) + gathered
    log_planned = special.xlogy(planned, np.where(shares > 0, shares, 1.0)).sum(axis=-1)
    is_testable = (total > 0) & (is_planned.sum(axis=-1) > 1)
    log_bayes_factor = np.where(is_testable, log_marginal - log_planned, np.nan)
    return SequentialSrm(
        log_bayes_factor=log_bayes_factor,
        p_value=np.exp(np.minimum(np.fmin.accumulate(-log_bayes_factor, axis=-1), 0.0)),
        has_unplanned=np.asarray(((so_far > 0) & ~is_planned).any(axis=-1)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class SegmentSrm:
    """χ² tests of one experiment's split in each of its segments, and the size of what they find.

    Attributes:
        test: One test a segment, shape (segments,), not corrected.
        p_value_adjusted: Holm's, over the segments tested, shape (segments,); NaN where there is a reason.
        observed_share: Of the segment's units in each arm, shape (segments, arms); NaN without a unit.
        planned_share: The same as planned, shape (segments, arms).
        reason: Why a segment is not tested, shape (segments,); `''` where it is.
    """

    test: SrmTest
    p_value_adjusted: FloatArray
    observed_share: FloatArray
    planned_share: FloatArray
    reason: TextArray


def srm_by_segment(counts: ArrayLike, planned_shares: ArrayLike) -> SegmentSrm:
    """Where an experiment's split goes wrong: by zone, app version or day of exposure.

    A segment has to be known before exposure, or at least be out of the treatment's reach. Segments where an
    arm expects fewer than five units are left out, so that they neither raise false alarms nor cost the others their power.

    Args:
        counts: Units in each segment and arm, shape (segments, arms).
        planned_shares: Fractions that sum to 1, shape (arms,) or (segments, arms).

    Returns:
        One row a segment.

    Raises:
        CountsInvalid: A count is negative or not whole.
        SharesInvalid: A share is negative or not finite, or a row does not sum to 1.
        RowsMismatch: The counts are no table, or counts and shares differ in arms or segments.

    Source:
        Holm, S. (1979), Scandinavian Journal of Statistics 6, 65-70; Cochran, W. G. (1954), Biometrics 10, 417-451, for the
        least expected count.

    Example:
        >>> zones = srm_by_segment([[510, 490], [300, 180], [3, 4]], [0.5, 0.5])
        >>> zones.p_value_adjusted.round(9).tolist(), zones.observed_share[1].tolist(), str(zones.reason[2])
        ([0.527089257, 8.6e-08, nan], [0.625, 0.375], 'an arm expects fewer than 5 units')
    """
    units = checked_counts("counts", counts)
    if units.ndim != 2:
        raise RowsMismatch(f"expected counts of shape (segments, arms), found {units.shape}")
    test = chi_squared_srm(units, planned_shares)
    planned_share = np.broadcast_to(np.asarray(planned_shares, dtype=np.float64), units.shape)
    total = units.sum(axis=-1, keepdims=True)
    planned_total = np.where(planned_share > 0, units, 0.0).sum(axis=-1, keepdims=True)
    is_sparse = ((planned_share > 0) & (planned_share * planned_total < _LEAST_EXPECTED)).any(axis=-1)
    reason = np.where(test.degrees_of_freedom < 1, _ONE_ARM, np.where(is_sparse, _SPARSE, ""))
    return SegmentSrm(
        test=test,
        p_value_adjusted=holm(np.where(reason == "", test.p_value, np.nan)),
        observed_share=np.divide(units, total, out=np.full(units.shape, np.nan), where=total > 0),
        planned_share=planned_share,
        reason=reason,
    )


def _require_shares(shares: FloatArray) -> None:
    if not np.all(np.isfinite(shares) & (shares >= 0)) or not np.all(np.abs(shares.sum(axis=-1) - 1) <= _ROUNDING):
        raise SharesInvalid(f"planned shares are {shares.tolist()}, expected fractions ≥ 0 that sum to 1")
