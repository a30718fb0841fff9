"""What the estimators of a switchback experiment take and give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from splitmile.errors import StatisticsError
from splitmile.stats.clusters import ClusterEffect
from splitmile.stats.inputs import BoolArray, FloatArray, RowsMismatch, frozen
from splitmile.stats.switchback_design import ArmArray, SwitchbackDesign


class WindowsInvalid(StatisticsError):
    """Windows with an arm, outcome or weight that cannot be, or that do not belong to the design."""


@dataclass(frozen=True, slots=True, eq=False)
class SwitchbackWindows:
    """Outcome of each zone in each window; arrays of shape (zones, windows), read-only.

    Attributes:
        treatment: Assigned arm, 0 control and 1 treatment.
        outcome: Mean of the window in the metric's own unit; NaN where the window has no row.
        weight: How much the window counts, ≥ 0: its denominator for a ratio metric, 1 for a plain one; 0 where the outcome is
            missing.

    Raises:
        RowsMismatch: The arrays do not have one shape (zones, windows).
        WindowsInvalid: An arm is neither 0 nor 1, an outcome is infinite, or a weight is negative or not finite.
    """

    treatment: ArmArray
    outcome: FloatArray
    weight: FloatArray

    def __post_init__(self) -> None:
        """Take read-only copies, with weight 0 where the outcome is missing."""
        arms, outcome, weight = (np.asarray(getattr(self, name), dtype=np.float64) for name in ("treatment", "outcome", "weight"))
        if arms.ndim != 2 or arms.shape != outcome.shape or arms.shape != weight.shape:
            found = f"treatment {arms.shape}, outcome {outcome.shape}, weight {weight.shape}"
            raise RowsMismatch(f"expected three arrays of one shape (zones, windows), found {found}")
        if not np.all((arms == 0) | (arms == 1)):
            raise WindowsInvalid("treatment holds an arm that is neither 0 (control) nor 1 (treatment)")
        if np.any(np.isinf(outcome)):
            raise WindowsInvalid("outcome is infinite in some window; leave a window without an outcome NaN")
        if not np.all(np.isfinite(weight) & (weight >= 0)):
            raise WindowsInvalid("weight is negative or not finite in some window, expected 0 or more")
        is_missing = np.isnan(outcome) | (weight == 0)
        object.__setattr__(self, "treatment", frozen(arms, np.int8))
        object.__setattr__(self, "outcome", frozen(np.where(is_missing, np.nan, outcome)))
        object.__setattr__(self, "weight", frozen(np.where(is_missing, 0.0, weight)))

    @classmethod
    def from_sums(cls, treatment: ArrayLike, numerator: ArrayLike, denominator: ArrayLike) -> Self:
        """A ratio metric: each window's ΣN/ΣD, weighted by ΣD; missing where ΣD is 0 or either is NaN.

        Raises:
            RowsMismatch: As for the class.
            WindowsInvalid: As for the class.
        """
        above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
        if above.shape != below.shape:
            raise RowsMismatch(f"expected numerator and denominator of one shape, found {above.shape} and {below.shape}")
        is_given = ~(np.isnan(above) | np.isnan(below) | (below == 0))
        outcome = np.divide(above, below, out=np.full(above.shape, np.nan), where=is_given)
        return cls(np.asarray(treatment), outcome, np.where(is_given, below, 0.0))

    @classmethod
    def of_means(cls, treatment: ArrayLike, outcome: ArrayLike) -> Self:
        """A plain metric: every window with an outcome counts the same.

        Raises:
            RowsMismatch: As for the class.
            WindowsInvalid: As for the class.
        """
        values = np.asarray(outcome, dtype=np.float64)
        return cls(np.asarray(treatment), values, np.ones_like(values))

    @property
    def is_observed(self) -> BoolArray:
        """(zones, windows) whether the window has an outcome."""
        observed: BoolArray = self.weight > 0
        return observed

    def require_design(self, design: SwitchbackDesign) -> None:
        """Refuse windows that this design cannot have drawn.

        Raises:
            WindowsInvalid: Another number of zones or windows, or a balanced block with another number of treated windows.
        """
        if self.treatment.shape != design.shape:
            raise WindowsInvalid(f"expected the design's zones and windows {design.shape}, found {self.treatment.shape}")
        if design.mechanism == "balanced":
            treated = self.treatment.reshape(len(design.zones), -1, design.windows_per_block).sum(axis=2)
            if np.any(treated != design.treated_per_block):
                zone, block = np.argwhere(treated != design.treated_per_block)[0]
                found = f"block {block} of zone {design.zones[zone]} has {treated[zone, block]} windows of treatment"
                raise WindowsInvalid(f"{found}, expected {design.treated_per_block} as the balanced design draws them")


@dataclass(frozen=True, slots=True)
class SwitchbackEffect:
    """Treatment in every window against control in every window.

    Attributes:
        absolute: Difference of the two means, in the metric's own unit.
        relative: Treatment's mean over control's, minus 1, as a fraction.
        control_mean: Mean under control; NaN where there is no estimate.
        treatment_mean: Mean under treatment; NaN where there is no estimate.
        windows_control: Windows that the control's mean rests on.
        windows_treatment: Windows that the treatment's mean rests on.
    """

    absolute: ClusterEffect
    relative: ClusterEffect
    control_mean: float
    treatment_mean: float
    windows_control: int
    windows_treatment: int
