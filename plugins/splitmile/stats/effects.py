"""Effects: treatment minus control, absolute and relative."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.directions import accepted_losses, gain_signs
from splitmile.stats.estimates import CANCELLATION, Estimates, estimate
from splitmile.stats.inputs import (
    BoolArray,
    CovarianceImpossible,
    FloatArray,
    RowsMismatch,
    TextArray,
    frozen,
    levels,
    require_same_rows,
)
from splitmile.stats.moments import Moments
from splitmile.stats.rows import first_reasons, quotients, words_in
from splitmile.stats.student import critical_values, upper_tails

_NO_VARIATION = "no variation in either variant, so no test is possible"
_ALL_ZERO = "the treatment is zero for every unit, so its share of the control has no standard error"

# Room for rounding in a covariance at the Cauchy-Schwarz bound, as a share of it.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Treatment minus control of k comparisons; arrays of shape (k,), read-only.

    Where neither variant varies, the estimate is a plain fact and stays, with standard error 0; but there is nothing to
    test it with, so `reason` is set, the degrees of freedom are NaN, and so are intervals and p-values.

    Attributes:
        estimate: In the metric's own unit, or as a fraction for a relative effect; NaN where there is no estimate.
        standard_error: In the same unit; NaN where there is no estimate.
        degrees_of_freedom: Welch–Satterthwaite; NaN where there is no inference.
        reason: Why there is no estimate or no inference, in words; `''` where there are both.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
    """

    estimate: FloatArray
    standard_error: FloatArray
    degrees_of_freedom: FloatArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        for name in ("estimate", "standard_error", "degrees_of_freedom"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        require_same_rows(**{each.name: getattr(self, each.name) for each in fields(self)})

    def interval(self, alpha: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Two-sided 1 − alpha interval for the effect, low and high of shape (k,); NaN where there is a reason.

        Args:
            alpha: One level, or one a row.

        Raises:
            ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
        """
        half = critical_values(alpha, self.degrees_of_freedom) * self.standard_error
        return self.estimate - half, self.estimate + half

    def p_value(self) -> FloatArray:
        """Two-sided p-value of "no effect", shape (k,); NaN where there is a reason.

        Taken from the survival function, so that a tiny p-value keeps its digits and does not become 0.

        Source:
            Welch, B. L. (1947), Biometrika 34, 28-35.
        """
        return 2 * self._upper_tail(np.abs(self.estimate))

    def one_sided_p_value(self, margin: ArrayLike, direction: ArrayLike) -> FloatArray:
        """p-value of "worse by the margin or more", shape (k,); NaN where there is a reason.

        A small one proves non-inferiority: the loss, if any, is smaller than the margin.

        Args:
            margin: Acceptable loss, ≥ 0, in the unit of the effect (a fraction for a relative one); one, or one a row.
            direction: `increase` where more is better, `decrease` where less is; one, or one a row.

        Raises:
            MarginInvalid: A margin is negative or not finite, or a direction is neither of the two.

        Source:
            Piaggio, G. et al. (2012), CONSORT extension for noninferiority trials, JAMA 308, 2594-2604.
        """
        return self._upper_tail(self._clearance(margin, direction))

    def harm_p_value(self, margin: ArrayLike, direction: ArrayLike) -> FloatArray:
        """p-value of "not worse by more than the margin", shape (k,); NaN where there is a reason.

        The other side of `one_sided_p_value`: a small one proves harm, a loss greater than the margin. The two add up
        to 1, but each keeps the digits of its own tail.

        Args:
            margin: As for `one_sided_p_value`.
            direction: As for `one_sided_p_value`.

        Raises:
            MarginInvalid: As for `one_sided_p_value`.

        Source:
            Piaggio et al. (2012), as for `one_sided_p_value`, with the hypotheses exchanged.
        """
        return self._upper_tail(-self._clearance(margin, direction))

    def _clearance(self, margin: ArrayLike, direction: ArrayLike) -> FloatArray:
        """How far the effect lies on the good side of the margin."""
        return gain_signs(direction) * self.estimate + accepted_losses(margin)

    def _upper_tail(self, distance: FloatArray) -> FloatArray:
        return upper_tails(distance, self.standard_error, self.degrees_of_freedom)


def absolute_effect(control: Moments | Estimates, treatment: Moments | Estimates, *, covariance: ArrayLike = 0.0) -> Effects:
    """Treatment minus control, in the metric's own unit.

    Args:
        control: k rows: moments, or the estimates that another method made of them.
        treatment: k rows, each compared with the control row at the same place.
        covariance: Of the two estimates, where they share data, as adjusted ones do; one, or one a row. NaN only where a
            side has no estimate.

    Returns:
        k rows; no estimate where either side has none, no inference where neither side varies.

    Raises:
        RowsMismatch: Control and treatment differ in length.
        CovarianceImpossible: The covariance is NaN, or exceeds the product of the standard errors by more than rounding.

    Source:
        Welch, B. L. (1947), Biometrika 34, 28-35; Satterthwaite, F. E. (1946), Biometrics Bulletin 2, 110-114.

    Example:
        >>> control = Moments.from_sums([4], [10], [4], [30], [10], [4])  # 1, 2, 3, 4
        >>> treatment = Moments.from_sums([4], [18], [4], [86], [18], [4])  # 3, 4, 5, 6
        >>> effect = absolute_effect(control, treatment)
        >>> effect.estimate.tolist(), effect.degrees_of_freedom.tolist(), effect.p_value().round(6).tolist()
        ([2.0], [6.0], [0.070988])
    """
    c, t, shared, reason = _both_sides(control, treatment, covariance)
    return _effects(t.value - c.value, c.variance + t.variance - 2 * shared, _degrees_of_freedom(c, t, shared), reason)


def relative_effect(
    control: Moments | Estimates, treatment: Moments | Estimates, *, alpha: ArrayLike = 0.05, covariance: ArrayLike = 0.0
) -> Effects:
    """Treatment over control, minus 1, as a fraction (0.02 is 2 %).

    Where every unit of the treatment is at zero, −1 stays as a plain fact without inference; the absolute effect has some.

    Undefined where zero lies within the control's own 1 − alpha confidence interval: a share of something that may be
    nothing. Where the control is negative, a rise has a negative relative effect.

    Args:
        control: k rows.
        treatment: k rows, each compared with the control row at the same place.
        alpha: Level of the control's interval, one or one a row; not that of the effect's interval.
        covariance: As for `absolute_effect`.

    Returns:
        k rows; the degrees of freedom are those of the absolute effect, as under no effect the two tests are one.

    Raises:
        RowsMismatch: Control and treatment differ in length.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
        CovarianceImpossible: As for `absolute_effect`.

    Source:
        Deng, Knoblich & Lu (2018), section 2.2 (arXiv 1803.06336), variance (R_T/R_C)²·(V_T/R_T² + V_C/R_C²), written
        here so that R_T = 0 needs no exception.
    """
    c, t, shared, reason = _both_sides(control, treatment, covariance)
    level = np.broadcast_to(levels(alpha), reason.shape)
    may_be_zero = (c.value == 0) | (2 * upper_tails(np.abs(c.value), c.standard_error, c.degrees_of_freedom) >= level)
    base = np.where(may_be_zero, np.nan, c.value)
    ratio = t.value / base
    squares = ratio**2 * c.variance + t.variance - 2 * ratio * shared
    undefined = np.char.mod("zero lies within the control's %g %% confidence interval", 100 * (1 - level[may_be_zero]))
    # A lone −100 % without spread: the delta method sees no variance there, although the control has some.
    reason = first_reasons((reason != "", reason), (may_be_zero, words_in(may_be_zero, undefined)), (_is_all_zero(c, t), _ALL_ZERO))
    return _effects(ratio - 1, squares / base**2, _degrees_of_freedom(c, t, shared), reason)


def fieller_interval(
    control: Moments | Estimates, treatment: Moments | Estimates, alpha: ArrayLike, *, covariance: ArrayLike = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Fieller's 1 − alpha interval for the relative effect, low and high of shape (k,), as fractions.

    Exact where both estimates are normal, and so better than the delta method's where the control is noisy. Where the
    control cannot be told from zero, the set is not bounded: −inf and inf. NaN where a side has no estimate, where neither
    varies, and where every unit of the treatment is at zero.

    Args:
        control: k rows.
        treatment: k rows, each compared with the control row at the same place.
        alpha: One level, or one a row.
        covariance: As for `absolute_effect`.

    Raises:
        RowsMismatch: Control and treatment differ in length.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
        CovarianceImpossible: As for `absolute_effect`.

    Source:
        Fieller, E. C. (1954), Some problems in interval estimation, Journal of the Royal Statistical Society B 16,
        175-185.
    """
    c, t, shared, _ = _both_sides(control, treatment, covariance)
    return relative_effects_within(critical_values(alpha, _degrees_of_freedom(c, t, shared)), c, t, covariance=covariance)


def relative_effects_within(
    distance: ArrayLike, control: Moments | Estimates, treatment: Moments | Estimates, *, covariance: ArrayLike = 0.0
) -> tuple[FloatArray, FloatArray]:
    """The relative effects r with R_T − (1 + r)·R_C within this many standard errors of zero, low and high of shape (k,).

    Args:
        distance: ≥ 0, one or one a row.
        control: As for `fieller_interval`.
        treatment: As for `fieller_interval`.
        covariance: As for `absolute_effect`.

    Returns:
        As `fieller_interval`.

    Raises:
        RowsMismatch: Control and treatment differ in length.
        CovarianceImpossible: As for `absolute_effect`.

    Source:
        Fieller (1954), as for `fieller_interval`.
    """
    c, t, shared, reason = _both_sides(control, treatment, covariance)
    critical = np.asarray(distance, dtype=np.float64) ** 2
    leading = c.value**2 - critical * c.variance
    is_bounded = (leading > 0) & ~_is_all_zero(c, t)
    # t²·(V_T·(R_C² − t²·V_C) + V_C·R_T² − 2·R_T·R_C·W + t²·W²), without W a sum of positive parts wherever the interval is bounded.
    squares = t.variance * leading + c.variance * t.value**2
    squares = squares - 2 * t.value * c.value * shared + critical * shared**2
    root = np.sqrt(critical * np.maximum(squares, 0.0))
    centre, divisor = t.value * c.value - critical * shared, np.where(is_bounded, leading, np.nan)
    is_open = (reason == "") & (leading <= 0)
    low = np.where(is_open, -np.inf, (centre - root) / divisor - 1)
    high = np.where(is_open, np.inf, (centre + root) / divisor - 1)
    return low, high


def _both_sides(
    control: Moments | Estimates, treatment: Moments | Estimates, covariance: ArrayLike
) -> tuple[Estimates, Estimates, FloatArray, TextArray]:
    if len(control) != len(treatment):
        raise RowsMismatch(f"expected one control row a treatment row, found {len(control)} and {len(treatment)}; use Moments.take")
    c, t = (side if isinstance(side, Estimates) else estimate(side) for side in (control, treatment))
    reason = first_reasons(*(_reasons_of(name, side.reason) for name, side in (("control", c), ("treatment", t))))
    return c, t, _shared(c, t, covariance), reason


def _reasons_of(name: str, reason: TextArray) -> tuple[BoolArray, TextArray]:
    has_none: BoolArray = reason != ""
    return has_none, words_in(has_none, np.char.add(f"{name}: ", reason[has_none]))


def _shared(c: Estimates, t: Estimates, covariance: ArrayLike) -> FloatArray:
    given = np.asarray(covariance, dtype=np.float64)
    if given.shape not in ((), c.value.shape):
        raise RowsMismatch(f"expected one covariance, or one for each of {len(c)} rows, found an array of shape {given.shape}")
    bound = c.standard_error * t.standard_error
    # The second term is what cancellation may leave of a covariance whose variances were found to be zero.
    room = bound * (1 + _ROUNDING) + CANCELLATION * np.abs(c.value * t.value)
    is_impossible = ~np.isnan(bound) & ~(np.abs(given) <= room)
    if np.any(is_impossible):
        row = int(np.argmax(is_impossible))
        found = np.broadcast_to(given, bound.shape)[row]
        raise CovarianceImpossible(f"row {row}: covariance {found:g}, expected at most the product of the standard errors, {bound[row]:g}")
    return given


def _is_all_zero(c: Estimates, t: Estimates) -> BoolArray:
    """Every unit of the treatment is at zero, while the control varies."""
    is_all_zero: BoolArray = (t.value == 0) & (t.variance == 0) & (c.variance > 0)
    return is_all_zero


def _effects(value: FloatArray, variance: FloatArray, freedom: FloatArray, reason: TextArray) -> Effects:
    # Rounding may leave a little less than zero where a covariance takes all the variance away.
    variance = np.maximum(variance, 0.0)
    reason = first_reasons((reason != "", reason), (variance == 0, _NO_VARIATION))
    return Effects(value, np.sqrt(variance), np.where(reason == "", freedom, np.nan), reason)


def _degrees_of_freedom(c: Estimates, t: Estimates, shared: FloatArray) -> FloatArray:
    """Welch–Satterthwaite, from each side's share of the variance: squared variances could leave the range of floats.

    What the two have in common is neither's own: of adjusted sides the variance less the covariance is the residual one.
    """
    share = np.clip(quotients(c.variance - shared, c.variance + t.variance - 2 * shared), 0.0, 1.0)
    spent = share**2 / c.degrees_of_freedom + (1 - share) ** 2 / t.degrees_of_freedom
    freedom: FloatArray = 1 / spent
    return freedom
