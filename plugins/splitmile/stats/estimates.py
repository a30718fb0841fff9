"""Estimates: a metric in each variant, with its variance."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.inputs import (
    BoolArray,
    EstimatesInvalid,
    FloatArray,
    IntArray,
    TextArray,
    frozen,
    require_same_rows,
)
from splitmile.stats.moments import Moments
from splitmile.stats.rows import first_reasons, quotients
from splitmile.stats.student import critical_values

_TOO_FEW_UNITS = "fewer than two units"
_ZERO_DENOMINATOR = "the denominator is zero"

# The delta method subtracts near-equal numbers where numerator and denominator are proportional. What is left below
# this share of the terms is rounding, not spread.
CANCELLATION = 64 * np.finfo(np.float64).eps


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
        EstimatesInvalid: A row has neither a reason nor a finite value, a finite variance ≥ 0 and degrees of freedom
            above 0, or it has a value beside its reason.
    """

    n: IntArray
    value: FloatArray
    variance: FloatArray
    degrees_of_freedom: FloatArray
    reason: TextArray

    def __post_init__(self) -> None:
        """Take read-only copies and refuse what is neither an estimate nor the lack of one."""
        object.__setattr__(self, "n", frozen(self.n, np.int64))
        for name in ("value", "variance", "degrees_of_freedom"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "reason", frozen(self.reason, np.str_))
        require_same_rows(**{each.name: getattr(self, each.name) for each in fields(self)})
        is_estimate = np.isfinite(self.value) & np.isfinite(self.variance) & (self.variance >= 0) & (self.degrees_of_freedom > 0)
        is_none = np.isnan(self.value) & np.isnan(self.variance)
        is_wrong = np.where(self.reason == "", ~is_estimate, ~is_none)
        if np.any(is_wrong):
            row = int(np.argmax(is_wrong))
            raise EstimatesInvalid(
                f"estimates, row {row}: value {self.value[row]:g}, variance {self.variance[row]:g}, degrees of freedom "
                f"{self.degrees_of_freedom[row]:g} with reason {str(self.reason[row])!r}; expected finite numbers, or NaN and a reason"
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
        half = critical_values(alpha, self.degrees_of_freedom) * self.standard_error
        return self.value - half, self.value + half

    def take(self, rows: ArrayLike) -> Self:
        """The rows with these indices, in this order; an index may come more than once, as a control's does."""
        chosen = np.asarray(rows, dtype=np.intp)
        return type(self)(*(getattr(self, each.name)[chosen] for each in fields(self)))


def estimate(moments: Moments) -> Estimates:
    """The metric ΣN/ΣD in each row, with its variance by the delta method.

    With denominator 1 for every unit (mean, proportion) the variance is exactly s²/n. The variance counts units, so rows
    within a unit may be correlated in any way. The denominator's mean has to be well away from zero against its own
    standard error, which counts of deliveries are as soon as there are a few units.

    Args:
        moments: k rows.

    Returns:
        k rows; no estimate where the moments have a fault, n < 2 or ΣD = 0.

    Source:
        Deng, A., Knoblich, U. & Lu, J. (2018), Applying the delta method in metric analytics, KDD 2018, section 3
        (arXiv 1803.06336).

    Example:
        >>> seconds = estimate(Moments.from_sums([2], [90], [3], [4500], [150], [5]))  # units (30 s, 1), (60 s, 2)
        >>> seconds.value.tolist(), seconds.variance.tolist()
        ([30.0], [0.0])
    """
    n = moments.n
    has_too_few, has_no_denominator = n < 2, moments.mean_denominator == 0
    reason = first_reasons((moments.fault != "", moments.fault), (has_too_few, _TOO_FEW_UNITS), (has_no_denominator, _ZERO_DENOMINATOR))
    is_estimated: BoolArray = ~(has_too_few | has_no_denominator)
    denominator = np.where(is_estimated, moments.mean_denominator, np.nan)
    ratio = moments.mean_numerator / denominator
    squares = moments.m2_numerator + ratio**2 * moments.m2_denominator
    residual = squares - 2 * ratio * moments.c2
    spread = np.where(residual > CANCELLATION * squares, residual, 0.0)
    variance = quotients(spread, n * (n - 1.0)) / denominator**2
    return Estimates(n, ratio, variance, np.where(is_estimated, n - 1.0, np.nan), reason)
