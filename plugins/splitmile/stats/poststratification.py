"""Post-stratification: variants compared within strata that were fixed before exposure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitmile.stats.cuped import Adjustment, adjusted
from splitmile.stats.estimates import CANCELLATION, estimate
from splitmile.stats.inputs import FloatArray, IntArray, RowsMismatch, require_same_rows
from splitmile.stats.moments import Moments
from splitmile.stats.rows import quotients

Index = NDArray[np.intp]


def post_stratify(control: Moments, treatment: Moments, comparison: ArrayLike) -> Adjustment:
    """Both variants, each brought to the strata's shares of the units of both.

    A stratum's weight W is its share of all units of the comparison. A variant's value is Σ W·N̄ / Σ W·D̄ over the
    strata, for a mean or a proportion Σ W·ȳ. With the linearised residual e = (N − R·D) / Σ W·D̄ of each unit, its
    variance has two parts:

    - Σ W²·s_e²/n over the strata, given how many units of each variant fell into each stratum;
    - Σ W·ē²/N, since the N units are a sample themselves, and with them the strata's shares.

    The second part moves both variants alike. In the absolute effect only Σ W·(ē_T − ē_C)²/N is left, the heterogeneity of
    the effect over the strata: nothing where the effect is the same everywhere. What the noise of ē alone adds to such a
    sum of squares, Σ W·(1 − W)·s_e²/n, is taken off, down to zero. Degrees of freedom are Satterthwaite's over the strata's mean squares.

    A stratum with one unit in a variant takes the mean square of that variant over all strata of the comparison. One that
    is empty in a variant joins the comparison's largest stratum, of equals the first: every unit counts, and the rule sees
    counts only, never the metric. Many such strata are too fine a cut. Where no stratum of a variant has two units, there
    is no adjustment.

    Args:
        control: Moments of each stratum, shape (rows,).
        treatment: The same strata of the treatment, row by row.
        comparison: To which comparison 0 … k − 1 a stratum belongs, shape (rows,); rows may come in any order.

    Returns:
        k rows with theta NaN; no estimate where `estimate` has none for all units of a variant together.

    Raises:
        RowsMismatch: The three differ in length, or an index of a comparison is negative or not whole.

    Source:
        Miratrix, L. W., Sekhon, J. S. & Yu, B. (2013), Adjusting treatment effect estimates by post-stratification in
        randomized experiments, Journal of the Royal Statistical Society B 75, 369-396; Xie, H. & Aurisset, J. (2016),
        Improving the sensitivity of online controlled experiments, KDD 2016, for sampled units; Särndal, C.-E., Swensson,
        B. & Wretman, J. (1992), Model assisted survey sampling, section 7.3 for the combined ratio.

    Example:
        >>> control = Moments.from_units([10.0, 12.0, 30.0, 32.0], group=[0, 0, 1, 1], groups=2)
        >>> treatment = Moments.from_units([13.0, 13.5, 14.0, 33.0, 35.0], group=[0, 0, 0, 1, 1], groups=2)
        >>> by_zone = post_stratify(control, treatment, [0, 0])  # two zones of one comparison
        >>> (by_zone.treatment.value - by_zone.control.value).round(3).tolist(), by_zone.variance_removed.round(2).tolist()
        ([2.722], [0.99])
    """
    given = np.asarray(comparison)
    require_same_rows(control=control.n, treatment=treatment.n, comparison=given)
    is_index = given >= 0 if given.dtype.kind in "iu" else np.zeros(given.shape, dtype=np.bool_)
    if not np.all(is_index):
        raise RowsMismatch(
            f"comparison holds {given[~is_index][0]}, expected the index of a stratum's comparison, a whole number from 0 up"
        )
    row_comparison = given.astype(np.intp)
    comparisons = int(row_comparison.max(initial=-1)) + 1
    c, t = (estimate(_pooled(side, row_comparison, comparisons)) for side in (control, treatment))

    stratum = _sound_strata(control.n, treatment.n, row_comparison, comparisons)
    of_stratum = np.zeros(int(stratum.max(initial=-1)) + 1, dtype=np.intp)
    of_stratum[stratum] = row_comparison
    in_c, in_t = (_pooled(side, stratum, of_stratum.size) for side in (control, treatment))
    units = (in_c.n + in_t.n).astype(np.float64)
    all_units = np.bincount(of_stratum, units).astype(np.float64)  # the last comparison has a stratum, so none is missing
    weight = quotients(units, all_units[of_stratum])
    of_c, of_t = (_weighted(side, weight, of_stratum) for side in (in_c, in_t))

    def between(deviation: FloatArray, noise: FloatArray) -> FloatArray:
        excess = np.bincount(of_stratum, weight * (deviation**2 - (1 - weight) * noise))
        return quotients(np.maximum(excess, 0.0), all_units)

    moved = [(side.value, side.within + between(side.deviation, side.noise), side.degrees_of_freedom) for side in (of_c, of_t)]
    of_difference = of_c.within + of_t.within + between(of_t.deviation - of_c.deviation, of_c.noise + of_t.noise)
    no_theta = np.full(comparisons, np.nan)
    return adjusted((c, t), (moved[0], moved[1]), of_difference, no_theta, np.isfinite(of_difference))


class _Weighted(NamedTuple):
    """One variant at the weights of the strata: the first three per comparison, the others per stratum."""

    value: FloatArray
    within: FloatArray
    degrees_of_freedom: FloatArray
    deviation: FloatArray
    noise: FloatArray


def _weighted(moments: Moments, weight: FloatArray, comparison: Index) -> _Weighted:
    def total(values: FloatArray) -> FloatArray:
        return np.bincount(comparison, values).astype(np.float64)

    n = moments.n.astype(np.float64)
    level = total(weight * moments.mean_denominator)
    ratio = quotients(total(weight * moments.mean_numerator), level)
    r, scale = ratio[comparison], np.where(level == 0, np.nan, level)[comparison]
    squares = moments.m2_numerator + r**2 * moments.m2_denominator
    residual = squares - 2 * r * moments.c2
    residual = np.where(residual > CANCELLATION * squares, residual, 0.0)
    # A lone unit has no mean square of its own: that of all strata stands in, and so leans on each of them.
    all_residuals = total(residual)[comparison]
    is_lone = n == 1
    noise = quotients(np.where(is_lone, all_residuals, residual), n * np.where(is_lone, total(n - 1)[comparison], n - 1)) / scale**2
    terms = weight**2 * noise
    within = total(terms)
    lent = total(np.where(is_lone, terms, 0.0))[comparison] * quotients(residual, all_residuals)
    share = quotients(np.where(is_lone, 0.0, terms) + lent, within[comparison])
    spent = total(share**2 / np.maximum(n - 1, 1))
    freedom = np.where(within > 0, quotients(np.ones(spent.shape), spent), total(n - 1))
    return _Weighted(ratio, within, freedom, (moments.mean_numerator - r * moments.mean_denominator) / scale, noise)


def _sound_strata(n_control: IntArray, n_treatment: IntArray, comparison: Index, comparisons: int) -> Index:
    """The stratum 0, 1, … of each row, after those that are empty in a variant joined the largest; shape (rows,)."""
    row = np.arange(comparison.size)
    is_empty = np.minimum(n_control, n_treatment) == 0
    ascending = np.lexsort((-row, np.where(is_empty, 0, n_control + n_treatment), comparison))
    largest = np.zeros(comparisons, dtype=np.intp)
    largest[comparison[ascending]] = ascending  # the last one of a comparison stays
    stratum: Index = np.unique(np.where(is_empty, largest[comparison], row), return_inverse=True)[1]
    return stratum


def _pooled(moments: Moments, group: Index, groups: int) -> Moments:
    """Moments of all units of each group of rows; a fault in one row is one of its group.

    Source:
        Chan, Golub & LeVeque (1983), as for `Moments`, for any number of parts at once.
    """
    fault = np.zeros(groups, dtype=moments.fault.dtype)
    faulty = np.flatnonzero(moments.fault != "")[::-1]
    fault[group[faulty]] = moments.fault[faulty]

    def total(values: FloatArray | IntArray) -> FloatArray:
        return np.where(fault == "", np.bincount(group, values, minlength=groups), 0.0)

    n = total(moments.n)
    above, below = (total(moments.n * mean) / np.maximum(n, 1) for mean in (moments.mean_numerator, moments.mean_denominator))
    step_above, step_below = moments.mean_numerator - above[group], moments.mean_denominator - below[group]
    return Moments(
        n,  # type: ignore[arg-type]  # whole floats, which Moments takes
        above,
        below,
        total(moments.m2_numerator + moments.n * step_above**2),
        total(moments.m2_denominator + moments.n * step_below**2),
        total(moments.c2 + moments.n * step_above * step_below),
        fault,
    )
