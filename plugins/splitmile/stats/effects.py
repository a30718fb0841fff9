"""Effects: a metric in each variant, and treatment minus control, absolute and relative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from splitmile.stats.inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    MarginInvalid,
    RowsMismatch,
    TextArray,
    frozen,
    levels,
    require_same_rows,
)
from splitmile.stats.moments import Moments

_TOO_FEW_UNITS = "fewer than two units"
_ZERO_DENOMINATOR = "the denominator is zero"
_NO_VARIATION = "no variation in either variant, so no test is possible"
_ALL_ZERO = "the treatment is zero for every unit, so its share of the control has no standard error"

# The delta method subtracts near-equal numbers where numerator and denominator are proportional. What is left below
# this share of the terms is rounding, not spread.
_CANCELLATION = 64 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """A metric in each of k variants; arrays of shape (k,), read-only.

    Attributes:
        n: Independent units: those that were randomised, or their clusters.
        value: In the metric's own unit; NaN where there is no estimate.
        variance: Of `value`, in that unit squared; 0 where all units agree, NaN where there is no estimate.
        degrees_of_freedom: Of the variance; NaN where there is no estimate.
        reason: Why there is none; `''` where there is one.

    Raises:
        RowsMismatch: The arrays do not have one shape (k,).
    """

    n: IntArray
    value: FloatArray
    variance: FloatArray
    degrees_of_freedom: FloatArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies."""
        object.__setattr__(self, "n", frozen(self.n, np.int64))
        for name in ("value", "variance", "degrees_of_freedom"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        require_same_rows(
            n=self.n, value=self.value, variance=self.variance, degrees_of_freedom=self.degrees_of_freedom, reason=self.reason
        )

    def __len__(self) -> int:
        return int(self.n.size)

    @property
    def standard_error(self) -> FloatArray:
        """Square root of the variance."""
        return np.sqrt(self.variance)

    def interval(self, alpha: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Two-sided 1 − alpha interval by Student's t; NaN where there is no estimate.

        Raises:
            ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
        """
        half = stats.t.isf(levels(alpha) / 2, self.degrees_of_freedom) * self.standard_error
        return self.value - half, self.value + half


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
        require_same_rows(
            estimate=self.estimate, standard_error=self.standard_error, degrees_of_freedom=self.degrees_of_freedom, reason=self.reason
        )

    def interval(self, alpha: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Two-sided 1 − alpha interval for the effect, low and high of shape (k,); NaN where there is a reason.

        Args:
            alpha: One level, or one a row.

        Raises:
            ProbabilityOutOfRange: alpha is not strictly between 0 and 1.
        """
        half = stats.t.isf(levels(alpha) / 2, self.degrees_of_freedom) * self.standard_error
        return self.estimate - half, self.estimate + half

    def p_value(self) -> FloatArray:
        """Two-sided p-value of "no effect", shape (k,); NaN where there is a reason.

        Taken from the survival function, so that a tiny p-value keeps its digits and does not become 0.

        Source:
            Welch, B. L. (1947), Biometrika 34, 28-35.
        """
        return 2 * self._survival(np.abs(self.estimate))

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
        gain, accepted = self._gain(margin, direction)
        return self._survival(gain + accepted)

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
        gain, accepted = self._gain(margin, direction)
        return self._survival(-gain - accepted)

    def _gain(self, margin: ArrayLike, direction: ArrayLike) -> tuple[FloatArray, FloatArray]:
        accepted = np.asarray(margin, dtype=np.float64)
        is_loss = np.isfinite(accepted) & (accepted >= 0)
        if not np.all(is_loss):
            raise MarginInvalid(f"margin is {accepted[~is_loss][0]:g}, expected an acceptable loss ≥ 0 in the unit of the effect")
        wanted = np.asarray(direction, dtype=np.str_)
        is_direction = np.isin(wanted, ("increase", "decrease"))
        if not np.all(is_direction):
            raise MarginInvalid(f"direction is {str(wanted[~is_direction][0])!r}, expected 'increase' or 'decrease'")
        return np.where(wanted == "increase", self.estimate, -self.estimate), accepted

    def _survival(self, distance: FloatArray) -> FloatArray:
        standardised = _divide(distance, self.standard_error)
        return np.asarray(stats.t.sf(standardised, self.degrees_of_freedom), dtype=np.float64)


def estimate(moments: Moments) -> Estimates:
    """The metric ΣN/ΣD in each row, with its variance by the delta method.

    With denominator 1 for every unit (mean, proportion) the variance is exactly s²/n. The variance counts units, so rows
    within a unit may be correlated in any way. The denominator's mean has to be well away from zero against its own
    standard error, which counts of deliveries are as soon as there are a few units.

    Args:
        moments: k rows.

    Returns:
        k rows; no estimate where n < 2 or ΣD = 0.

    Source:
        Deng, A., Knoblich, U. & Lu, J. (2018), Applying the delta method in metric analytics, KDD 2018, section 3
        (arXiv 1803.06336).

    Example:
        >>> seconds = estimate(Moments.from_sums([2], [90], [3], [4500], [150], [5]))  # units (30 s, 1), (60 s, 2)
        >>> seconds.value.tolist(), seconds.variance.tolist()
        ([30.0], [0.0])
    """
    n = moments.n
    reason = np.where(n < 2, _TOO_FEW_UNITS, np.where(moments.mean_denominator == 0, _ZERO_DENOMINATOR, ""))
    is_estimated = reason == ""
    ratio = _divide(moments.mean_numerator, np.where(is_estimated, moments.mean_denominator, 0.0))
    squares = moments.m2_numerator + ratio**2 * moments.m2_denominator
    residual = squares - 2 * ratio * moments.c2
    residual = np.where(residual > _CANCELLATION * squares, residual, np.where(is_estimated, 0.0, np.nan))
    variance = _divide(residual, np.maximum(n - 1.0, 0.0) * n) / np.where(is_estimated, moments.mean_denominator, np.nan) ** 2
    return Estimates(n, ratio, variance, np.where(is_estimated, n - 1.0, np.nan), reason)


def absolute_effect(control: Moments | Estimates, treatment: Moments | Estimates, *, covariance: ArrayLike = 0.0) -> Effects:
    """Treatment minus control, in the metric's own unit.

    Args:
        control: k rows: moments, or the estimates that another method made of them.
        treatment: k rows, each compared with the control row at the same place.
        covariance: Of the two estimates, where they share data, as adjusted ones do; one, or one a row.

    Returns:
        k rows; no estimate where either side has none, no inference where neither side varies.

    Raises:
        RowsMismatch: Control and treatment differ in length.

    Source:
        Welch, B. L. (1947), Biometrika 34, 28-35; Satterthwaite, F. E. (1946), Biometrics Bulletin 2, 110-114.

    Example:
        >>> control = Moments.from_sums([4], [10], [4], [30], [10], [4])  # 1, 2, 3, 4
        >>> treatment = Moments.from_sums([4], [18], [4], [86], [18], [4])  # 3, 4, 5, 6
        >>> effect = absolute_effect(control, treatment)
        >>> effect.estimate.tolist(), effect.degrees_of_freedom.tolist(), effect.p_value().round(6).tolist()
        ([2.0], [6.0], [0.070988])
    """
    c, t, reason = _both_sides(control, treatment)
    variance = np.maximum(c.variance + t.variance - 2 * np.asarray(covariance, dtype=np.float64), 0.0)
    return _effects(t.value - c.value, variance, _degrees_of_freedom(c, t), reason)


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

    Source:
        Deng, Knoblich & Lu (2018), section 2.2 (arXiv 1803.06336), variance (R_T/R_C)²·(V_T/R_T² + V_C/R_C²), written
        here so that R_T = 0 needs no exception.
    """
    c, t, reason = _both_sides(control, treatment)
    low, high = c.interval(alpha)
    level = np.char.mod("%g", 100 * (1 - np.broadcast_to(levels(alpha), reason.shape)))
    undefined = np.char.add(np.char.add("zero lies within the control's ", level), " % confidence interval")
    reason = np.where((reason == "") & (low <= 0) & (high >= 0), undefined, reason)
    # A lone −100 % without spread: the delta method sees no variance there, although the control has some.
    reason = np.where((reason == "") & _is_all_zero(c, t), _ALL_ZERO, reason)
    is_defined = (reason == "") | (reason == _ALL_ZERO)
    base = np.where(is_defined, c.value, np.nan)
    ratio = t.value / base
    squares = ratio**2 * c.variance + t.variance - 2 * ratio * np.asarray(covariance, dtype=np.float64)
    return _effects(ratio - 1, np.maximum(squares, 0.0) / base**2, _degrees_of_freedom(c, t), reason)


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

    Source:
        Fieller, E. C. (1954), Some problems in interval estimation, Journal of the Royal Statistical Society B 16,
        175-185.
    """
    c, t, reason = _both_sides(control, treatment)
    critical = stats.t.isf(levels(alpha) / 2, _degrees_of_freedom(c, t)) ** 2
    leading = c.value**2 - critical * c.variance
    is_bounded = (leading > 0) & ~_is_all_zero(c, t)
    # t²·(V_T·(R_C² − t²·V_C) + V_C·R_T² − 2·R_T·R_C·W + t²·W²), without W a sum of positive parts wherever the interval is bounded.
    shared = np.asarray(covariance, dtype=np.float64)
    squares = t.variance * np.where(is_bounded, leading, 0.0) + c.variance * t.value**2
    squares = squares - 2 * t.value * c.value * shared + critical * shared**2
    root = np.sqrt(critical * np.maximum(squares, 0.0))
    centre, divisor = t.value * c.value - critical * shared, np.where(is_bounded, leading, np.nan)
    is_open = (reason == "") & (leading <= 0)
    low = np.where(is_open, -np.inf, (centre - root) / divisor - 1)
    high = np.where(is_open, np.inf, (centre + root) / divisor - 1)
    return low, high


def _both_sides(control: Moments | Estimates, treatment: Moments | Estimates) -> tuple[Estimates, Estimates, TextArray]:
    if len(control) != len(treatment):
        raise RowsMismatch(f"expected one control row a treatment row, found {len(control)} and {len(treatment)}; use Moments.take")
    c, t = (side if isinstance(side, Estimates) else estimate(side) for side in (control, treatment))
    of_control = np.char.add("control: ", c.reason)
    of_treatment = np.char.add("treatment: ", t.reason)
    return c, t, np.where(c.reason != "", of_control, np.where(t.reason != "", of_treatment, ""))


def _is_all_zero(c: Estimates, t: Estimates) -> BoolArray:
    """Every unit of the treatment is at zero, while the control varies."""
    is_all_zero: BoolArray = (t.value == 0) & (t.variance == 0) & (c.variance > 0)
    return is_all_zero


def _effects(value: FloatArray, variance: FloatArray, freedom: FloatArray, reason: TextArray) -> Effects:
    reason = np.where((reason == "") & (variance == 0), _NO_VARIATION, reason)
    return Effects(value, np.sqrt(variance), np.where(reason == "", freedom, np.nan), reason)


def _degrees_of_freedom(c: Estimates, t: Estimates) -> FloatArray:
    """Welch–Satterthwaite, from each side's share of the variance: squared variances could leave the range of floats."""
    share = _divide(c.variance, c.variance + t.variance)
    spent = share**2 / c.degrees_of_freedom + (1 - share) ** 2 / t.degrees_of_freedom
    freedom: FloatArray = 1 / spent
    return freedom


def _divide(dividend: FloatArray, divisor: FloatArray) -> FloatArray:
    """Quotient, NaN where the divisor is zero, without a warning."""
    quotient: FloatArray = np.divide(dividend, divisor, out=np.full(np.shape(dividend), np.nan), where=divisor != 0)
    return quotient
