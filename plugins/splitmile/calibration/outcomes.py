"""What each unit would show under control, and under a treatment of a known size: the truth that coverage is held to."""

from __future__ import annotations

import numpy as np

from splitmile.calibration.feeds import Feed, Floats

EFFECTS = (0.0, 0.01, 0.05, 0.20)
"""Relative effects that are injected; 0 is an A/A test."""

NUMERATOR, DENOMINATOR, COVARIATE_NUMERATOR, COVARIATE_DENOMINATOR, EVENT, SQUARES, IS_KNOWN = range(7)
"""Columns of `unit_values`."""

_EVENT_SHARE = 0.25


def unit_values(feed: Feed, effect: float = 0.0) -> Floats:
    """One row a unit, where the treatment multiplies every value by 1 + effect; shape (units, 7).

    The columns: sum of values, number of rows, the same two of before (0 where nothing is known), whether the unit has the
    event, the sum of squares, and whether anything is known of before. The event is that the unit's own mean lies in the
    top quarter; a treatment gives it to more units, those next in order.
    """
    numerator, denominator = feed.numerator, feed.denominator
    covariates = (np.zeros(feed.units),) * 2 if feed.covariates is None else (feed.covariates.numerator, feed.covariates.denominator)
    rank = np.empty(feed.units)
    rank[np.argsort(-numerator / denominator, kind="stable")] = np.arange(feed.units)
    event = rank < round(_EVENT_SHARE * feed.units * (1 + effect))
    squares = np.bincount(feed.unit, feed.value**2, minlength=feed.units)
    return np.column_stack([numerator * (1 + effect), denominator, *covariates, event, squares * (1 + effect) ** 2, covariates[1] > 0])
