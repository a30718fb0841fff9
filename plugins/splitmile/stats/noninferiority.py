"""Anytime-valid non-inferiority: guardrails that may be looked at every day."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from splitmile.stats.directions import accepted_losses, gain_signs
from splitmile.stats.inputs import FloatArray, ProbabilityOutOfRange, counts, levels
from splitmile.stats.sequential import tuned_rho
from splitmile.stats.student import as_normal

# Newton's steps from above on an increasing convex curve: quadratic, and at its limit after six of them.
_STEPS = 8


def anytime_noninferiority_p_value(
    estimate: ArrayLike,
    standard_error: ArrayLike,
    n: ArrayLike,
    planned_n: ArrayLike,
    alpha: ArrayLike,
    *,
    margin: ArrayLike,
    direction: ArrayLike,
    degrees_of_freedom: ArrayLike = np.inf,
) -> FloatArray:
    """Always-valid p-value of "worse by the margin or more", shape (k,).

    The sequential counterpart of `Effects.one_sided_p_value`: over all looks together it falls below alpha with at most
    that probability while the loss is the margin or more. The smallest over the looks so far is valid as well. Below alpha
    exactly where the estimate lies more than `one_sided_multiple` standard errors, carried over to Student's t, on the good
    side of the margin.

    Args:
        estimate: Effects, absolute or relative; NaN stands for no estimate.
        standard_error: In the same unit, of the effect at this look.
        n: Independent units so far, both arms together.
        planned_n: Units planned, both arms together, ≥ 1.
        alpha: One-sided level the experiment is planned at, below 0.5, one or one a row; it only tunes the mixture.
        margin: Acceptable loss, ≥ 0, in the unit of the effect; one, or one a row.
        direction: `increase` where more is better, `decrease` where less is; one, or one a row.
        degrees_of_freedom: As for `confidence_sequence`.

    Returns:
        NaN where there is no estimate, no unit, or no standard error above zero.

    Raises:
        CountsInvalid: n or planned_n is no count, or planned_n < 1.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 0.5.
        MarginInvalid: A margin is negative or not finite, or a direction is neither of the two.

    Source:
        Howard, S. R. et al. (2021), Annals of Statistics 49, 1055-1080, one-sided normal mixture (arXiv 1810.08240), as an
        asymptotic sequence after Waudby-Smith, I. et al. (2024), Annals of Statistics 52, 2613-2640 (arXiv 2103.06476).

    Example:
        >>> p = anytime_noninferiority_p_value([-0.5], [0.5], [900], [900], 0.05, margin=2.0, direction="increase")
        >>> p.round(4).tolist()
        [0.0279]
    """
    distance = gain_signs(direction) * np.asarray(estimate, dtype=np.float64) + accepted_losses(margin)
    return _p_value(distance, standard_error, n, planned_n, alpha, degrees_of_freedom)


def anytime_harm_p_value(
    estimate: ArrayLike,
    standard_error: ArrayLike,
    n: ArrayLike,
    planned_n: ArrayLike,
    alpha: ArrayLike,
    *,
    margin: ArrayLike,
    direction: ArrayLike,
    degrees_of_freedom: ArrayLike = np.inf,
) -> FloatArray:
    """Always-valid p-value of "not worse by more than the margin", shape (k,): a small one proves harm.

    The sequential counterpart of `Effects.harm_p_value`. Arguments, result and errors are those of
    `anytime_noninferiority_p_value`; unlike fixed-horizon ones the two do not add up to 1.

    Raises:
        CountsInvalid: As there.
        ProbabilityOutOfRange: As there.
        MarginInvalid: As there.

    Source:
        Howard et al. (2021), as there, with the hypotheses exchanged.
    """
    distance = gain_signs(direction) * np.asarray(estimate, dtype=np.float64) + accepted_losses(margin)
    return _p_value(-distance, standard_error, n, planned_n, alpha, degrees_of_freedom)


def one_sided_multiple(n: ArrayLike, planned_n: ArrayLike, alpha: ArrayLike) -> FloatArray:
    """Standard errors between the estimate and the one-sided anytime-valid bound, of the arguments' common shape.

    The estimate less this many standard errors is a lower bound at all looks at once with probability 1 − alpha.

    Args:
        n: Independent units so far, both arms together, ≥ 1.
        planned_n: Units planned, both arms together, ≥ 1.
        alpha: One-sided level, below 0.5.

    Raises:
        CountsInvalid: n or planned_n is no count from 1 up.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 0.5.

    Source:
        Howard et al. (2021), Annals of Statistics 49, 1055-1080 (arXiv 1810.08240): the bound x·√((v+ρ)/v) in standard
        errors, where 2·Φ(x)·exp(x²/2) = √((v+ρ)/ρ)/α.

    Example:
        >>> float(one_sided_multiple(900, 900, 0.05).round(3))  # 1.645 for a single look
        2.766
    """
    units, rho = counts("n", n, least=1), _one_sided_rho(planned_n, alpha)
    target = np.log1p(units / rho) / 2 - np.log(levels(alpha))
    x = np.sqrt(2 * target)
    for _ in range(_STEPS):
        log_tail = special.log_ndtr(x)
        hazard = np.exp(-(x**2) / 2 - log_tail) / np.sqrt(2 * np.pi)
        x = x - (np.log(2) + log_tail + x**2 / 2 - target) / (x + hazard)
    return np.asarray(x * np.sqrt((units + rho) / units))


def _p_value(
    distance: FloatArray,
    standard_error: ArrayLike,
    n: ArrayLike,
    planned_n: ArrayLike,
    alpha: ArrayLike,
    degrees_of_freedom: ArrayLike,
) -> FloatArray:
    units, rho, error = counts("n", n), _one_sided_rho(planned_n, alpha), np.asarray(standard_error, dtype=np.float64)
    z = as_normal(distance / np.where((error > 0) & (units > 0), error, np.nan), degrees_of_freedom)
    x = z * np.sqrt(units / (units + rho))
    logarithm = np.log1p(units / rho) / 2 - x**2 / 2 - np.log(2) - special.log_ndtr(x)
    return np.asarray(np.exp(np.minimum(logarithm, 0.0)))


def _one_sided_rho(planned_n: ArrayLike, alpha: ArrayLike) -> FloatArray:
    """The tightest mixture of one side at alpha is that of both sides at twice alpha."""
    level = levels(alpha)
    if not np.all(level < 0.5):
        raise ProbabilityOutOfRange(f"alpha is {level[level >= 0.5][0]:g}, expected a one-sided level below 0.5 such as 0.05")
    return tuned_rho(planned_n, 2 * level)
