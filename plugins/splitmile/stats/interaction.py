"""Do two experiments that share units get in each other's way?"""

from __future__ import annotations

import numpy as np

from splitmile.stats.effects import Effects
from splitmile.stats.estimates import Estimates
from splitmile.stats.inputs import RowsMismatch
from splitmile.stats.rows import quotients

_NO_VARIATION = "no variation in any of the four cells, so no test is possible"


def interaction(neither: Estimates, only_first: Estimates, only_second: Estimates, both: Estimates) -> Effects:
    """What both treatments do together beyond the sum of what each does alone: (both − only_second) − (only_first − neither).

    Each unit stands in one cell, by its variants in the two experiments; the cells are independent. Zero means that the
    effect of the first experiment is the same in both variants of the second, so that each may be read on its own. The
    contrast has about twice the standard error of either effect: "no interaction found" is weak evidence of none.
    The contrast is on the metric's own scale; effects that multiply show a small interaction on it.

    Args:
        neither: k rows, a pair of experiments each: the metric of units in both controls.
        only_first: Units in the treatment of the first experiment and the control of the second.
        only_second: Units in the control of the first and the treatment of the second.
        both: Units in both treatments.

    Returns:
        k rows in the metric's own unit; no estimate where a cell has none, no inference where no cell varies.

    Raises:
        RowsMismatch: The cells differ in length.

    Source:
        Cox, D. R. & Reid, N. (2000), The Theory of the Design of Experiments, chapter 5, for the contrast;
        Satterthwaite, F. E. (1946), Biometrics Bulletin 2, 110-114, for its degrees of freedom.

    Example:
        >>> cells = [Estimates([50], [value], [0.04], [49.0], [""]) for value in (10.0, 11.0, 12.0, 13.5)]
        >>> contrast = interaction(*cells)
        >>> contrast.estimate.tolist(), contrast.standard_error.tolist(), contrast.degrees_of_freedom.round(3).tolist()
        ([0.5], [0.4], [196.0])
    """
    cells = {"neither": neither, "only first": only_first, "only second": only_second, "both": both}
    if len({len(cell) for cell in cells.values()}) != 1:
        raise RowsMismatch(f"expected four cells of one length, one row a pair of experiments, found {[len(c) for c in cells.values()]}")
    variances = np.stack([cell.variance for cell in cells.values()])
    variance = variances.sum(axis=0)
    reason = np.full(len(neither), "", dtype=np.str_)
    for name, cell in cells.items():
        reason = np.where((reason == "") & (cell.reason != ""), np.char.add(f"{name}: ", cell.reason), reason)
    reason = np.where((reason == "") & (variance == 0), _NO_VARIATION, reason)
    # Shares of the variance, not squared variances: those could leave the range of floats.
    shares = quotients(variances, np.broadcast_to(variance, variances.shape))
    spent = (shares**2 / np.stack([cell.degrees_of_freedom for cell in cells.values()])).sum(axis=0)
    return Effects(
        estimate=(both.value - only_second.value) - (only_first.value - neither.value),
        standard_error=np.sqrt(variance),
        degrees_of_freedom=np.where(reason == "", 1 / spent, np.nan),
        reason=reason,
    )
