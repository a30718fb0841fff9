"""What a running experiment can still show, and when: from the variance so far and the pace of new units."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.registry.plan import Plan
from splitmile.results.comparisons import Effect
from splitmile.results.from_arrays import number
from splitmile.results.scorecards import Outlook

POWER = 0.8
"""Chance to show an effect of the size asked for."""


def foresee(plan: Plan, effects: Sequence[Effect], days: Sequence[date], new_units: NDArray[np.int64], as_of: date) -> tuple[Outlook, ...]:
    """One entry a primary metric and treatment that has a standard error.

    Args:
        plan: The experiment.
        effects: All its effects.
        days: Days of exposure, oldest first.
        new_units: New units of each of them in each variant, shape (days, variants).
        as_of: The business date; the pace is that of the last two weeks before.
    """
    primary = [effect for effect in effects if effect.role == "primary" and effect.relative.interval is not None]
    if not primary:
        return ()
    shares = {variant.name: variant.planned_share for variant in plan.variants}
    errors = np.array([effect.relative.standard_error for effect in primary], dtype=np.float64)
    variance = stats.variance_per_unit(errors, [e.n_control for e in primary], [e.n_treatment for e in primary])
    read_daily, read_at_end = (
        stats.PlannedTest.of(
            variance,
            control_share=plan.control.planned_share,
            treatment_share=[shares[effect.treatment] for effect in primary],
            alpha=plan.alpha,
            is_sequential=is_sequential,
        )
        for is_sequential in (True, False)
    )
    bands = np.array([effect.minimum_effect or np.nan for effect in primary])
    # Without a smallest effect that matters there is nothing to wait for; any effect stands in and is left out below.
    needed = np.where(np.isnan(bands), np.nan, stats.sample_size(read_daily, np.nan_to_num(bands, nan=1.0), power=POWER).n)
    detectable = stats.minimum_detectable_effect(read_at_end, plan.planned_units, power=POWER).effect
    to_go = stats.days_to_go(needed, int(new_units.sum()), _pace(plan, days, new_units, as_of)).days
    # Where daily reading takes longer than the plan, the narrower interval of the planned end may still do.
    days_left = (plan.end_date - as_of).days
    to_go = np.where((detectable <= bands) & ~(to_go <= days_left), days_left, to_go)
    return tuple(
        Outlook(
            metric=effect.metric,
            treatment=effect.treatment,
            minimum_effect=effect.minimum_effect,
            detectable_effect=number(effect_size),
            units_needed=int(units) if np.isfinite(units) else None,
            days_to_go=int(wait) if np.isfinite(wait) else None,
            power=POWER,
        )
        for effect, effect_size, units, wait in zip(primary, detectable, needed, to_go, strict=True)
    )


def _pace(plan: Plan, days: Sequence[date], new_units: NDArray[np.int64], as_of: date) -> list[int]:
    """New units of every day since the start, those without any included."""
    pace = [0] * ((as_of - plan.start_date).days + 1)
    for day, units in zip(days, new_units.sum(axis=1).tolist(), strict=True):
        pace[(day - plan.start_date).days] = units
    return pace
