"""The check for a sample ratio mismatch: over all exposed units, day by day while an experiment runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.registry.plan import Plan
from splitmile.results.from_arrays import number
from splitmile.results.scorecards import SampleRatio, SegmentRatio

MOST_SEGMENTS = 30
"""Whose split is kept in a scorecard, which has to fit into a column of 65,535 bytes."""


@dataclass(frozen=True, slots=True)
class ExposureCount:
    """Units of one variant whose first exposure, or whose contamination, falls on one business date.

    Attributes:
        exposed_units: First exposed on that date.
        contaminated_units: Seen in another variant on that date.
    """

    variant: str
    business_date: date
    exposed_units: int
    contaminated_units: int


def daily_units(plan: Plan, exposures: Sequence[ExposureCount]) -> tuple[tuple[date, ...], NDArray[np.int64]]:
    """The days on which units were first exposed, oldest first, and how many in each variant, shape (days, variants)."""
    days = sorted({row.business_date for row in exposures if row.exposed_units})
    names = [variant.name for variant in plan.variants]
    units = np.zeros((len(days), len(names)), dtype=np.int64)
    for row in exposures:
        if row.exposed_units:
            units[days.index(row.business_date), names.index(row.variant)] += row.exposed_units
    return tuple(days), units


def check_sample_ratio(
    days: Sequence[date], units: NDArray[np.int64], shares: Sequence[float], alarm_level: float, *, has_ended: bool
) -> SampleRatio:
    """The split of all units and of each day's.

    Every day the sequential test may raise the alarm, and what it has once said stands; at the planned end the χ² test may, too.

    Args:
        days: Days of exposure, oldest first.
        units: New units of each day in each variant, shape (days, variants).
        shares: Planned, in the order of the variants.
        alarm_level: p-value below which the split counts as broken.
        has_ended: The planned end is reached.
    """
    freedom = sum(share > 0 for share in shares) - 1
    if not units.sum():
        return SampleRatio(None, freedom, None, None, is_mismatch=False, alarm_level=alarm_level)
    overall = stats.chi_squared_srm(units.sum(axis=0), shares)
    p_value = number(overall.p_value)
    sequential_p_value = number(stats.sequential_srm(units, shares).p_value[-1])
    counting = [sequential_p_value, p_value] if has_ended else [sequential_p_value]
    return SampleRatio(
        statistic=number(overall.statistic),
        degrees_of_freedom=int(overall.degrees_of_freedom),
        p_value=p_value,
        sequential_p_value=sequential_p_value,
        is_mismatch=any(_is_below(p, alarm_level) for p in counting) or bool(overall.has_unplanned),
        alarm_level=alarm_level,
        by_day=split_within([day.isoformat() for day in days], units, shares, alarm_level),
    )


def split_within(parts: Sequence[str], units: NDArray[np.int64], shares: Sequence[float], alarm_level: float) -> tuple[SegmentRatio, ...]:
    """The split of each part of the units, by day of exposure or by segment, units of shape (parts, variants)."""
    if not parts:
        return ()
    found = stats.srm_by_segment(units, shares)
    rows = zip(parts, units.tolist(), found.test.p_value, found.p_value_adjusted, strict=True)
    return tuple(
        SegmentRatio(
            segment=part,
            units=tuple(counts),
            p_value=number(p_value) if (adjusted_p := number(adjusted)) is not None else None,
            p_value_adjusted=adjusted_p,
            is_mismatch=_is_below(adjusted_p, alarm_level),
        )
        for part, counts, p_value, adjusted in rows
    )


def most_suspicious(parts: Sequence[SegmentRatio]) -> tuple[SegmentRatio, ...]:
    """Those with the smallest p-values, in their own order; there may be more segments than a scorecard has room for."""
    ranked = sorted(parts, key=lambda part: (part.p_value_adjusted is None, part.p_value_adjusted or 0.0, part.p_value or 0.0))
    kept = {part.segment for part in ranked[:MOST_SEGMENTS]}
    return tuple(part for part in parts if part.segment in kept)


def _is_below(p_value: float | None, level: float) -> bool:
    return p_value is not None and p_value < level
