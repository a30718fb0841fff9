"""Anytime-valid inference: intervals and p-values that may be looked at every day.

A confidence sequence covers the true effect at *all* looks at once with probability 1 − alpha, so an experiment may be
read daily and stopped at will. The price is an interval about half as wide again as the fixed-horizon one at the planned end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.effects import absolute_effect, relative_effects_within
from splitmile.stats.estimates import Estimates
from splitmile.stats.inputs import CountsInvalid, FloatArray, counts, levels
from splitmile.stats.moments import Moments
from splitmile.stats.student import as_normal, as_student


def normal_mixture_bound(v: ArrayLike, rho: ArrayLike, alpha: ArrayLike) -> FloatArray:
    """Two-sided normal-mixture boundary √((v+ρ)·ln((v+ρ)/(ρα²))) for a sum with variance v.

    A Brownian motion ever leaves ± this curve with probability alpha.

    Args:
        v: Intrinsic time, the variance of the sum so far, ≥ 0.
        rho: Tuning, > 0, in the unit of v; the curve is tightest near v = 8·rho (for alpha 0.05).
        alpha: Level.

    Returns:
        The boundary, in the unit of √v, of the arguments' common shape.

    Raises:
        CountsInvalid: v < 0 or rho ≤ 0, or either is not finite.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.

    Source:
        Robbins, H. (1970), Annals of Mathematical Statistics 41, 1397-1409; Howard, S. R. et al. (2021), Annals of
        Statistics 49, 1055-1080, eq. 14 (arXiv 1810.08240).

    Example:
        >>> round(float(normal_mixture_bound(100, 12.60056, 0.05)), 5)
        30.35209
    """
    time, tuning, level = np.asarray(v, dtype=np.float64), np.asarray(rho, dtype=np.float64), levels(alpha)
    if not np.all(np.isfinite(time) & (time >= 0)) or not np.all(np.isfinite(tuning) & (tuning > 0)):
        raise CountsInvalid(f"v is {time} and rho is {tuning}, expected finite v ≥ 0 and rho > 0")
    return np.asarray(np.sqrt((time + tuning) * (np.log1p(time / tuning) - 2 * np.log(level))))


def tuned_rho(planned_n: ArrayLike, alpha: ArrayLike) -> FloatArray:
    """The ρ that makes the boundary tightest near the planned number of units.

    Args:
        planned_n: Units planned, both arms together, ≥ 1.
        alpha: Level.

    Returns:
        ρ in units, of the arguments' common shape. Any ρ > 0 fixed in advance is valid; this one is merely the tightest.

    Raises:
        CountsInvalid: planned_n is no count from 1 up.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.

    Source:
        Waudby-Smith, I. et al. (2024), Annals of Statistics 52, 2613-2640, section on tuning (arXiv 2103.06476): with
        ρ = 1/ρ'², ρ' = √((−2 ln α + ln(1 − 2 ln α))/n).

    Example:
        >>> round(float(tuned_rho(100, 0.05)), 5)
        12.60056
    """
    evidence = -2 * np.log(levels(alpha))
    return np.asarray(counts("planned_n", planned_n, least=1) / (evidence + np.log1p(evidence)))


def confidence_sequence(
    estimate: ArrayLike,
    standard_error: ArrayLike,
    n: ArrayLike,
    planned_n: ArrayLike,
    alpha: ArrayLike,
    *,
    degrees_of_freedom: ArrayLike = np.inf,
) -> tuple[FloatArray, FloatArray]:
    """The anytime-valid 1 − alpha interval of an effect, low and high of shape (k,).

    Works on absolute and relative effects of any method alike: means, ratios, adjusted ones, quantiles. The clock is the
    number of independent units, not of rows. ρ depends on planned_n and alpha: both belong to the plan and may not change while the
    experiment runs.

    The guarantee is asymptotic, as the central limit theorem's is. At the first looks a variance comes from a few units and
    is too small at one of them, so that the plain sequence rejects far too often: with 15 units an arm that arrive one by one, at
    one of 60 looks in 19 % of experiments without an effect instead of 5 %. With the effect's degrees of freedom the sequence
    reaches as far as Student's t does at the tail probability that the normal distribution has there: 2.6 %. With many units
    nothing changes.

    Args:
        estimate: Effects; NaN stands for no estimate.
        standard_error: In the same unit, of the effect at this look.
        n: Units so far, both arms together.
        planned_n: Units planned, both arms together, ≥ 1. Going beyond it stays valid.
        alpha: One level, or one a row.
        degrees_of_freedom: Of the standard error; infinite for a spread that is known.

    Returns:
        NaN where there is no estimate, no unit, or no standard error above zero; −inf and inf where there is too little to
        bound the effect.

    Raises:
        CountsInvalid: n or planned_n is no count, or planned_n < 1.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.

    Source:
        Waudby-Smith et al. (2024), theorem on the asymptotic confidence sequence of a mean (arXiv 2103.06476).

    Example:
        >>> low, high = confidence_sequence([2.0], [0.5], [900], [900], 0.05)
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([0.482], [3.518])
    """
    units, is_estimated = counts("n", n), _is_estimated(standard_error, n)
    bound = normal_mixture_bound(units, tuned_rho(planned_n, alpha), alpha)
    multiple = np.where(is_estimated, bound / np.sqrt(np.maximum(units, 1)), np.nan)
    with np.errstate(over="ignore"):
        half = as_student(multiple, degrees_of_freedom) * np.asarray(standard_error, dtype=np.float64)
    value = np.asarray(estimate, dtype=np.float64)
    return value - half, value + half


def relative_confidence_sequence(
    control: Moments | Estimates, treatment: Moments | Estimates, planned_n: ArrayLike, alpha: ArrayLike, *, covariance: ArrayLike = 0.0
) -> tuple[FloatArray, FloatArray]:
    """The anytime-valid 1 − alpha interval of the relative effect, low and high of shape (k,), as fractions.

    Fieller's interval, as wide in standard errors as the confidence sequence of the absolute effect is, so that both exclude
    "no effect" at the same looks. So far out the delta method is lopsided where the control is noisy: on flight delays, whose mean
    is near zero at first, its sequence rejects 6.6 % instead of 5 % and 2.6 % instead of 1 %.

    Args:
        control: k rows: moments, or the estimates that another method made of them.
        treatment: k rows, each compared with the control row at the same place.
        planned_n: Units planned, both arms together, ≥ 1.
        alpha: One level, or one a row.
        covariance: As for `absolute_effect`.

    Returns:
        NaN where `absolute_effect` has no inference; −inf and inf where the control cannot be told from zero.

    Raises:
        RowsMismatch: Control and treatment differ in length.
        CountsInvalid: planned_n is no count, or < 1.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
        CovarianceImpossible: As for `absolute_effect`.

    Source:
        Fieller, E. C. (1954), Journal of the Royal Statistical Society B 16, 175-185, at the reach of Waudby-Smith et al. (2024).

    Example:
        >>> control = Moments.from_sums([400], [40000], [400], [4160000], [40000], [400])  # mean 100, standard deviation 20
        >>> treatment = Moments.from_sums([400], [36000], [400], [3400000], [36000], [400])
        >>> low, high = relative_confidence_sequence(control, treatment, 900, 0.05)
        >>> low.round(4).tolist(), high.round(4).tolist()
        ([-0.1402], [-0.0581])
    """
    absolute, units = absolute_effect(control, treatment, covariance=covariance), np.asarray(control.n + treatment.n)
    is_tested = (absolute.reason == "") & (units > 0)
    _, distance = confidence_sequence(
        0.0, np.where(is_tested, 1.0, np.nan), units, planned_n, alpha, degrees_of_freedom=absolute.degrees_of_freedom
    )
    low, high = relative_effects_within(np.where(is_tested, distance, 0.0), control, treatment, covariance=covariance)
    return np.where(is_tested, low, np.nan), np.where(is_tested, high, np.nan)


def always_valid_p_value(
    estimate: ArrayLike,
    standard_error: ArrayLike,
    n: ArrayLike,
    planned_n: ArrayLike,
    alpha: ArrayLike,
    *,
    degrees_of_freedom: ArrayLike = np.inf,
) -> FloatArray:
    """The level at which the confidence sequence just excludes zero, shape (k,).

    With ρ held at its value for `alpha`, the level solves in closed form:
    p = min(1, √((n+ρ)/ρ)·exp(−z²·n/(2(n+ρ)))), z = estimate/standard_error, carried over from Student's t to the normal
    distribution by its tail probability. So p < alpha exactly where the interval of
    `confidence_sequence` at that same alpha excludes zero; at another level the interval, being tuned to that level,
    may differ slightly. The smallest p-value over the looks so far is a valid p-value as well.

    Args:
        estimate: Effects; NaN stands for no estimate.
        standard_error: In the same unit.
        n: Units so far, both arms together.
        planned_n: Units planned, both arms together, ≥ 1.
        alpha: The level the experiment is planned at, one or one a row; it only tunes ρ.
        degrees_of_freedom: As for `confidence_sequence`.

    Returns:
        NaN where there is no estimate, no unit, or no standard error above zero.

    Raises:
        CountsInvalid: n or planned_n is no count, or planned_n < 1.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.

    Source:
        Waudby-Smith et al. (2024), arXiv 2103.06476, inverted in alpha; Johari, R. et al. (2022), Operations Research 70,
        1806-1821, for always-valid p-values.
    """
    units, is_estimated = counts("n", n), _is_estimated(standard_error, n)
    rho = tuned_rho(planned_n, alpha)
    z = np.asarray(estimate, dtype=np.float64) / np.where(is_estimated, np.asarray(standard_error, dtype=np.float64), np.nan)
    logarithm = np.log1p(units / rho) / 2 - as_normal(z, degrees_of_freedom) ** 2 * units / (2 * (units + rho))
    return np.asarray(np.exp(np.minimum(logarithm, 0.0)))


def _is_estimated(standard_error: ArrayLike, n: ArrayLike) -> np.ndarray:
    return (np.asarray(standard_error, dtype=np.float64) > 0) & (np.asarray(n) > 0)
