"""Does an assignment act further back than the carry-over order allows for?"""

from __future__ import annotations

import math

import numpy as np

from splitmile.stats.clusters import ClusterEffect
from splitmile.stats.switchback_design import SwitchbackDesign
from splitmile.stats.switchback_exposure import chance_given_later, exposed, exposure, require_order
from splitmile.stats.switchback_windows import SwitchbackWindows

_NO_CONTRAST = "fewer than two exposed windows leave the window before them to chance"
_NO_VARIATION = "no variation, so no test is possible"


def carryover_test(windows: SwitchbackWindows, design: SwitchbackDesign, *, order: int) -> ClusterEffect:
    """What the estimate would gain if m + 1 windows of carry-over were allowed for instead of m; zero where m is enough.

    Among windows exposed at order m, those whose window before is alike too are compared with all. A small p-value says that
    the carry-over is longer than m windows; a large one does not prove that it is not.

    Where m is enough, the window before is a fair draw given all later ones, so that the terms of the estimate are a
    martingale back in time: their squares add up to its variance, without any bound and although the two orders share data.
    (The source compares two experiments that share none.)

    Args:
        windows: Of the experiment, with the assigned arms.
        design: That the arms were drawn from.
        order: m.

    Returns:
        The gain: the effect of the assignment m + 1 windows back, averaged over all exposed windows, those whose window before
        shares their draw gaining nothing; `clusters` counts the others, and the degrees of freedom are one fewer. Without
        estimate where there are fewer than two.

    Raises:
        WindowsInvalid: The windows cannot have been drawn from the design.
        OrderInvalid: m + 1 is no whole number from 0 to windows − 1.

    Source:
        Bojinov, Simchi-Levi & Zhao (2023), Management Science 69, 3759-3777 (arXiv 2009.00148), section 5.3 for the
        hypothesis; Hall, P. & Heyde, C. C. (1980), Martingale Limit Theory and Its Application, corollary 3.1, for the
        standard error.
    """
    windows.require_design(design)
    require_order(design, order + 1)
    probability = exposure(design, order).probability[:, 1:]
    is_observed, start = windows.is_observed[:, order + 1 :], design.windows - order - 1
    older_is_treated = windows.treatment[:, :start]
    chance = chance_given_later(windows.treatment, design)[:, :start]
    is_open = (chance > 0) & (chance < 1)
    weight, outcome = windows.weight[:, order + 1 :], np.nan_to_num(windows.outcome[:, order + 1 :])
    gain, squares, speaking = 0.0, 0.0, 0
    for arm, is_exposed in enumerate(exposed(windows.treatment[:, 1:], order)):
        inflated = np.divide(is_exposed * is_observed * weight, probability[arm], out=np.zeros_like(weight), where=is_exposed > 0)
        total = float(np.sum(inflated))
        likely = chance if arm else 1 - chance
        is_alike = older_is_treated == arm
        stays = np.divide(is_alike, likely, out=np.ones_like(likely), where=is_open) - 1
        is_speaking = (inflated > 0) & is_open
        if not np.any(is_speaking):
            continue
        centred = outcome - float(np.sum(inflated * outcome)) / total
        terms = (1 if arm else -1) * inflated * centred * np.where(is_speaking, stays, 0.0) / total
        gain, squares, speaking = gain + float(np.sum(terms)), squares + float(np.sum(terms**2)), speaking + int(np.sum(is_speaking))
    if speaking < 2:
        return ClusterEffect(math.nan, math.nan, math.nan, speaking, _NO_CONTRAST)
    if squares == 0:
        return ClusterEffect(gain, 0.0, math.nan, speaking, _NO_VARIATION)
    return ClusterEffect(gain, math.sqrt(squares), speaking - 1.0, speaking)
