"""When tests that hold for a single look are made, and what several looks cost.

Read every day, such a test finds something that is not there far more often than its level says. So it is made at the end of each
whole week of an experiment, when every weekday has come as often, and at the planned end.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitmile import stats
from splitmile.registry.plan import Plan

_WEEK = 7


def is_look(plan: Plan, as_of: date) -> bool:
    """A business date is one of the looks."""
    return as_of >= plan.end_date or ((as_of - plan.start_date).days + 1) % _WEEK == 0


def planned_looks(plan: Plan) -> int:
    """How many there are from the start to the planned end."""
    return -(-((plan.end_date - plan.start_date).days + 1) // _WEEK)


def corrected_for_looks(p_values: ArrayLike, plan: Plan) -> NDArray[np.float64]:
    """p-values of one family at one look: Holm, times the planned looks (Bonferroni); NaN stays NaN."""
    return np.minimum(stats.holm(p_values) * planned_looks(plan), 1.0)
