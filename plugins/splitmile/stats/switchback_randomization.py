"""The exact p-value of a switchback experiment: the same outcomes under the schedules that could have been drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.inputs import FloatArray
from splitmile.stats.switchback_design import ArmArray, SwitchbackDesign
from splitmile.stats.switchback_exposure import exposed, exposure, require_order
from splitmile.stats.switchback_slopes import regression_slopes
from splitmile.stats.switchback_windows import SwitchbackWindows

Statistic = Literal["regression", "hajek", "horvitz_thompson"]

# Windows that are in memory at a time, over all draws: 32 MB for each array of doubles.
_WINDOWS_AT_ONCE = 4_000_000
# Equal schedules must tie in spite of rounding.
_TIE = 1 - 1e-9


def randomization_p_value(
    windows: SwitchbackWindows,
    design: SwitchbackDesign,
    *,
    statistic: Statistic = "hajek",
    hour: ArrayLike | None = None,
    order: int = 0,
    draws: int = 2000,
    seed: int,
) -> float:
    """Two-sided p-value of "no window would have had another outcome under any schedule", by redrawing the design.

    Exact for any number of windows and any outcomes: under the hypothesis the outcomes stay as they are, whatever is drawn.
    The schedule at hand counts as one of the draws, so the smallest p-value is 1/(draws + 1).

    Args:
        windows: Of the experiment, with the assigned arms.
        design: That the arms were drawn from.
        statistic: The estimate that is compared, as of the function of that name; `regression` as `switchback_regression`.
        hour: (windows,) as for `switchback_regression`; by default the design's own. Other statistics do not use it.
        order: m, as for `hajek`. The regression does not use it.
        draws: Schedules to draw, ≥ 1.
        seed: Of the draws.

    Returns:
        NaN where the statistic has no estimate on the schedule at hand. A drawn schedule without one counts against
        rejection.

    Raises:
        WindowsInvalid: The windows cannot have been drawn from the design.
        OrderInvalid: The order is no whole number from 0 to windows − 1.
        CountsInvalid: `draws` is no number of draws.

    Source:
        Bojinov, Simchi-Levi & Zhao (2023), Management Science 69, 3759-3777 (arXiv 2009.00148), section 4.1; Phipson, B. &
        Smyth, G. K. (2010), Statistical Applications in Genetics and Molecular Biology 9, 39, for counting the schedule at
        hand.
    """
    windows.require_design(design)
    require_order(design, order)
    if statistic == "regression":
        estimates = regression_slopes(windows, design.hours() if hour is None else hour)
    else:
        estimates = _exposure_contrasts(windows, design, order, is_normalised=statistic == "hajek")

    def distance(arms: ArmArray) -> FloatArray:
        return np.nan_to_num(np.abs(estimates(arms)), nan=np.inf)

    observed = float(distance(windows.treatment[None])[0])
    if not math.isfinite(observed):
        return math.nan
    at_once = max(_WINDOWS_AT_ONCE // windows.treatment.size, 1)
    reached = sum(int(np.sum(distance(arms) >= observed * _TIE)) for arms in design.redraws(draws, seed, at_once=at_once))
    return (reached + 1) / (draws + 1)


def _exposure_contrasts(
    windows: SwitchbackWindows, design: SwitchbackDesign, order: int, *, is_normalised: bool
) -> Callable[[ArmArray], FloatArray]:
    """Difference of both arms' means of each schedule; NaN where no window is exposed to an arm."""
    probability = exposure(design, order).probability
    is_usable = windows.is_observed[:, order:] & np.all(probability > 0, axis=0)
    weight = np.where(is_usable, windows.weight[:, order:], 0.0)
    outcome = np.where(is_usable, windows.outcome[:, order:], 0.0)
    inverse = np.divide(1, probability, out=np.zeros_like(probability), where=probability > 0)
    products = [np.stack((weight * outcome * each, weight * each), axis=-1).reshape(-1, 2) for each in inverse]
    total = np.sum(weight)

    def contrasts(arms: ArmArray) -> FloatArray:
        means: list[FloatArray] = []
        for is_exposed, product in zip(exposed(arms, order), products, strict=True):
            above, below = (is_exposed.reshape(len(arms), -1).astype(np.float64) @ product).T
            divisor = below if is_normalised else np.full_like(below, total)
            means.append(np.divide(above, divisor, out=np.full_like(above, np.nan), where=below > 0))
        return means[1] - means[0]

    return contrasts
