"""Which way is better: the sign of a gain, and the loss that is accepted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from splitmile.stats.inputs import FloatArray, MarginInvalid


def gain_signs(direction: ArrayLike) -> FloatArray:
    """1 where more of the metric is better, −1 where less is, so that sign × effect is the gain.

    Args:
        direction: `increase` or `decrease`, one or one a row.

    Raises:
        MarginInvalid: A direction is neither of the two.
    """
    wanted = np.asarray(direction, dtype=np.str_)
    is_direction = np.isin(wanted, ("increase", "decrease"))
    if not np.all(is_direction):
        raise MarginInvalid(f"direction is {str(wanted[~is_direction][0])!r}, expected 'increase' or 'decrease'")
    return np.where(wanted == "increase", 1.0, -1.0)


def accepted_losses(margin: ArrayLike) -> FloatArray:
    """Non-inferiority margins as an array.

    Args:
        margin: Acceptable loss, ≥ 0, in the unit of the effect; one or one a row.

    Raises:
        MarginInvalid: A margin is negative or not finite.
    """
    accepted = np.asarray(margin, dtype=np.float64)
    is_loss = np.isfinite(accepted) & (accepted >= 0)
    if not np.all(is_loss):
        raise MarginInvalid(f"margin is {accepted[~is_loss][0]:g}, expected an acceptable loss ≥ 0 in the unit of the effect")
    return accepted
