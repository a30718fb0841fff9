"""How much longer: units and days, from the variance so far."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower

from analysis.plans import a_plan, sums_of
from splitmile.analysis.effects import compute_effects
from splitmile.analysis.outlook import foresee
from splitmile.registry import Role
from splitmile.results.scorecards import Outlook

RNG = np.random.default_rng(11)
PLAN = a_plan(("orders", "mean", Role.primary, "increase"), ("fees", "mean", Role.secondary, "increase"), planned_units=2000)
UNITS = {variant: RNG.poisson(100, 400) for variant in "ab"}


def outlook(per_day: int, *, days: int = 8, minimum_effect: float | None = 0.02) -> Outlook:
    plan = a_plan(("orders", "mean", Role.primary, "increase"), planned_units=2000)
    plan = replace(plan, metrics=tuple(replace(planned, minimum_effect=minimum_effect) for planned in plan.metrics))
    effects = compute_effects(plan, [row for v in "ab" for row in sums_of(v, orders=UNITS[v])], has_ended=False)
    dates = [plan.start_date + timedelta(days=index) for index in range(days)]
    (found,) = foresee(plan, effects, dates, np.full((days, 2), per_day // 2), dates[-1])
    return found


def test_the_detectable_effect_is_that_of_the_t_test_at_the_planned_end() -> None:
    both = np.concatenate([UNITS["a"], UNITS["b"]])
    oracle = TTestIndPower().solve_power(nobs1=1000, alpha=0.05, power=0.8) * both.std() / both.mean()
    assert outlook(100).detectable_effect == pytest.approx(oracle, rel=0.05)


def test_days_to_go_are_units_over_pace() -> None:
    found = outlook(40, minimum_effect=0.03)
    assert found.units_needed is not None
    assert found.days_to_go == -(-(found.units_needed - 320) // 40)
    assert outlook(1000, minimum_effect=0.05).days_to_go == 0


def test_at_a_slow_pace_the_planned_end_does() -> None:
    found = outlook(2, minimum_effect=0.02)
    assert found.detectable_effect is not None
    assert found.detectable_effect < 0.02
    assert found.days_to_go == (date(2026, 3, 29) - date(2026, 3, 9)).days


def test_what_never_comes_has_no_day() -> None:
    found = outlook(0, minimum_effect=0.001)
    assert found.units_needed is not None
    assert found.units_needed > 100_000
    assert found.days_to_go is None


def test_without_a_smallest_effect_that_matters_only_the_detectable_one_is_told() -> None:
    found = outlook(100, minimum_effect=None)
    assert (found.minimum_effect, found.units_needed, found.days_to_go) == (None, None, None)
    assert found.detectable_effect is not None


def test_only_primary_metrics_with_a_standard_error_have_an_outlook() -> None:
    values = {v: {"orders": UNITS[v], "fees": UNITS[v]} for v in "ab"}
    effects = compute_effects(PLAN, [row for v in "ab" for row in sums_of(v, **values[v])], has_ended=False)
    day = [PLAN.start_date]
    assert [each.metric for each in foresee(PLAN, effects, day, np.array([[400, 400]]), day[0])] == ["orders"]
    nothing = compute_effects(PLAN, [], has_ended=False)
    assert foresee(PLAN, nothing, [], np.zeros((0, 2), dtype=int), day[0]) == ()
