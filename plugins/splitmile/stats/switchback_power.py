"""Planning a switchback experiment by simulation on the stored history."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.inputs import FloatArray, ProbabilityOutOfRange, frozen, levels
from splitmile.stats.switchback_design import SwitchbackDesign
from splitmile.stats.switchback_slopes import regression_slopes
from splitmile.stats.switchback_windows import SwitchbackWindows

# Windows that are in memory at a time, over all draws: 32 MB for an array of doubles.
_WINDOWS_AT_ONCE = 4_000_000
# Estimates below this share of the outcome are what rounding leaves of a history without variation.
_ROUNDING = 1e-12
_NO_VARIATION = "no variation in the history, so no test is possible"
_TOO_FEW_DRAWS = "too few draws to reject at this level at all"


@dataclass(frozen=True, slots=True, eq=False)
class SwitchbackPower:
    """What the randomisation test of the regression estimate can find, on this history with this design.

    Attributes:
        estimates: (draws,) what the regression would have found without any effect, by schedule, in the metric's own unit; NaN
            where a schedule has no estimate. Their spread is the standard error to expect.
        critical_value: Estimates farther from 0 are significant; NaN where there is a reason.
        reason: Why no test is possible; `''` where one is.
    """

    estimates: FloatArray
    critical_value: float
    reason: str

    def power(self, effect: ArrayLike) -> FloatArray:
        """Share of schedules under which a constant effect of this size is significant, of the argument's shape; NaN without a test.

        A simulation: its standard error is at most 0.5/√draws.
        """
        true = np.asarray(effect, dtype=np.float64)
        if self.reason:
            return np.full(true.shape, np.nan)
        return np.asarray(np.mean(np.abs(true[..., None] + self.estimates) > self.critical_value, axis=-1))

    def minimum_detectable_effect(self, power: float = 0.8) -> float:
        """Smallest rise that is significant under this share of schedules, in the metric's own unit; NaN without a test.

        Infinite where so many schedules have no estimate that no effect reaches the power.

        Raises:
            ProbabilityOutOfRange: The power is not strictly between 0 and 1.
        """
        if not 0 < power < 1:
            raise ProbabilityOutOfRange(f"power is {power:g}, expected a chance strictly between 0 and 1 such as 0.8")
        if self.reason:
            return math.nan
        needed = np.sort(np.where(np.isnan(self.estimates), np.inf, self.critical_value - self.estimates))
        return float(needed[math.ceil(power * needed.size) - 1])


def switchback_power(
    outcome: ArrayLike,
    design: SwitchbackDesign,
    *,
    weight: ArrayLike | None = None,
    hour: ArrayLike | None = None,
    alpha: float = 0.05,
    draws: int = 2000,
    seed: int,
) -> SwitchbackPower:
    """Redraw the design on a history without treatment, and see which effects would have been found.

    The history brings its own pattern of days, zones and dependence between windows, so nothing is assumed of them but that the
    experiment's weeks will be like these. The estimate is that of `switchback_regression`; a constant effect adds to it exactly what it
    is, so one set of schedules answers for every size. The test is that of `randomization_p_value`. Carry-over is not
    simulated: where the last window's arm still acts, less is found than this says.

    Args:
        outcome: (zones, windows) of the history, in the metric's own unit, as long as the experiment is to be; NaN
            where a window has no row.
        design: Of the experiment to come.
        weight: (zones, windows) the windows' denominators for a ratio metric; None counts all alike.
        hour: (windows,) as for `switchback_regression`; by default the design's own.
        alpha: Two-sided level.
        draws: Schedules to draw, ≥ 1.
        seed: Of the draws.

    Raises:
        RowsMismatch: Outcome or weight does not have the design's zones and windows.
        WindowsInvalid: An outcome is infinite, or a weight is negative or not finite.
        CountsInvalid: `draws` is no number of draws.
        ProbabilityOutOfRange: alpha is not strictly between 0 and 1.

    Source:
        Bojinov, I., Simchi-Levi, D. & Zhao, J. (2023), Management Science 69, 3759-3777 (arXiv 2009.00148), section 4.1 for the test;
        Phipson, B. & Smyth, G. K. (2010), Statistical Applications in Genetics and Molecular Biology 9, 39, for its
        critical value.

    Example:
        >>> design = SwitchbackDesign(tuple("ABCDEFGH"), "2024-05-01T00:00:00Z", 120, 12 * 14, seed=1)
        >>> seconds = np.random.default_rng(7).normal(1500, 200, design.shape)
        >>> plan = switchback_power(seconds, design, seed=2)
        >>> plan.power([0, 30, 60]).round(1).tolist(), round(plan.minimum_detectable_effect() / 10) * 10
        ([0.0, 0.8, 1.0], 30)
    """
    level = float(levels(alpha))
    values = np.asarray(outcome, dtype=np.float64)
    weights = np.ones_like(values) if weight is None else np.asarray(weight)
    history = SwitchbackWindows(design.draw(), values, weights)
    slopes = regression_slopes(history, design.hours() if hour is None else hour)
    at_once = max(_WINDOWS_AT_ONCE // values.size, 1)
    estimates = np.concatenate([slopes(arms) for arms in design.redraws(draws, seed, at_once=at_once)])
    # At most this many draws, the schedule at hand included, may lie as far out as a significant estimate.
    rank = math.floor(level * (estimates.size + 1) * (1 + 1e-12))
    distance = np.sort(np.where(np.isnan(estimates), np.inf, np.abs(estimates)))[::-1]
    farthest, level_of_outcome = (np.max(np.nan_to_num(np.abs(x)), initial=0.0) for x in (estimates, history.outcome))
    reason = _TOO_FEW_DRAWS if rank < 1 else _NO_VARIATION if farthest <= _ROUNDING * level_of_outcome else ""
    return SwitchbackPower(frozen(estimates), math.nan if reason else float(distance[rank - 1]), reason)
