"""The regression estimate of a switchback experiment under many schedules at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.inputs import FloatArray
from splitmile.stats.least_squares import residual
from splitmile.stats.switchback import fixed_effects
from splitmile.stats.switchback_design import ArmArray
from splitmile.stats.switchback_windows import SwitchbackWindows

# Of a schedule's own spread, what the effects of zone and hour leave over below this share is rounding.
_ROUNDING = 1e-9


def regression_slopes(windows: SwitchbackWindows, hour: ArrayLike) -> Callable[[ArmArray], FloatArray]:
    """The coefficient of treatment, as `switchback_regression` estimates it, for any schedules of the same outcomes.

    Args:
        windows: Outcomes and weights; their own arms are not looked at.
        hour: (windows,) label of each window's hour of the day.

    Returns:
        From schedules (draws, zones, windows) to coefficients (draws,); NaN where treatment does not vary within zones and hours.

    Source:
        Frisch, R. & Waugh, F. V. (1933), Econometrica 1, 387-401, for projecting the fixed effects once.
    """
    is_observed = windows.is_observed
    weight = windows.weight[is_observed]
    root = np.sqrt(weight)
    fixed = fixed_effects(windows, np.asarray(hour))
    towards = root * residual(fixed, windows.outcome[is_observed] * root)
    products = np.column_stack((towards, weight, fixed * root[:, None]))

    def slopes(arms: ArmArray) -> FloatArray:
        product = arms[:, is_observed].astype(np.float64) @ products
        own = product[:, 1] - np.sum(product[:, 2:] ** 2, axis=1)
        return np.asarray(np.divide(product[:, 0], own, out=np.full_like(own, np.nan), where=own > _ROUNDING * product[:, 1]))

    return slopes
