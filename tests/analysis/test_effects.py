"""Plan × moments → effects, checked against scipy and statsmodels on the unit values that the moments come from."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from analysis.plans import a_plan, sums_of
from splitmile.analysis.effects import compute_effects
from splitmile.registry import Role

RNG = np.random.default_rng(20260302)
CONTROL = RNG.poisson(30, 400)
BETTER = RNG.poisson(36, 380)
SAME = RNG.poisson(30, 390)


def test_a_mean_is_welch_by_scipy() -> None:
    plan = a_plan(("orders", "mean", Role.primary, "increase"))
    effect = compute_effects(plan, [*sums_of("a", orders=CONTROL), *sums_of("b", orders=BETTER)], has_ended=True)[0]
    oracle = scipy_stats.ttest_ind(BETTER, CONTROL, equal_var=False)
    interval = oracle.confidence_interval(0.95)
    assert effect.absolute.estimate == pytest.approx(BETTER.mean() - CONTROL.mean(), rel=1e-12)
    assert effect.absolute.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    assert effect.degrees_of_freedom == pytest.approx(oracle.df, rel=1e-9)
    assert effect.absolute.interval is not None
    assert (effect.absolute.interval.low, effect.absolute.interval.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert (effect.n_control, effect.n_treatment) == (400, 380)
    assert effect.is_better
    assert not effect.is_worse


def test_direction_decides_what_is_better() -> None:
    rows = [*sums_of("a", orders=CONTROL), *sums_of("b", orders=BETTER)]
    up = compute_effects(a_plan(("orders", "mean", Role.primary, "increase")), rows, has_ended=True)[0]
    down = compute_effects(a_plan(("orders", "mean", Role.primary, "decrease")), rows, has_ended=True)[0]
    assert (up.is_better, up.is_worse) == (True, False)
    assert (down.is_better, down.is_worse) == (False, True)


def test_primary_metrics_are_corrected_by_holm_and_secondary_ones_by_benjamini_hochberg() -> None:
    values = {name: RNG.poisson(30 + shift, 300) for name, shift in (("p1", 1), ("p2", 0.4), ("s1", 1), ("s2", 0.6), ("s3", 0))}
    control = {name: RNG.poisson(30, 300) for name in values}
    plan = a_plan(
        *((name, "mean", Role.primary if name[0] == "p" else Role.secondary, "increase") for name in values),
        ("g", "mean", Role.guardrail, "increase"),
    )
    rows = [*sums_of("a", **control, g=CONTROL), *sums_of("b", **values, g=SAME)]
    effects = {effect.metric: effect for effect in compute_effects(plan, rows, has_ended=True)}
    for names, method in ((("p1", "p2"), "holm"), (("s1", "s2", "s3"), "fdr_bh")):
        oracle = multipletests([effects[name].absolute.p_value for name in names], method=method)[1]
        assert [effects[name].p_value_adjusted for name in names] == pytest.approx(oracle, rel=1e-12)
    assert effects["g"].p_value_adjusted is None


def test_while_it_runs_the_anytime_valid_interval_decides() -> None:
    """Just significant at a fixed horizon is not enough for someone who looks every day."""
    control, treatment = np.arange(200) % 10, (np.arange(200) + np.arange(200) % 2) % 10
    plan = a_plan(("orders", "mean", Role.primary, "increase"), planned_units=400)
    rows = [*sums_of("a", orders=control), *sums_of("b", orders=treatment)]
    effect = compute_effects(plan, rows, has_ended=False)[0]
    assert effect.sequential is not None
    assert effect.sequential.interval is not None
    assert effect.absolute.interval is not None
    assert effect.sequential.interval.low is not None
    assert effect.absolute.interval.low is not None
    assert effect.sequential.interval.low < effect.absolute.interval.low
    fixed = compute_effects(plan, rows, has_ended=True)[0]
    assert (effect.sequential.p_value or 0) > (fixed.absolute.p_value or 1)


@pytest.mark.parametrize(("factor", "is_worse"), [(1.0, False), (0.97, False), (0.7, True)])
def test_a_guardrail_is_worse_when_the_loss_beyond_its_margin_is_certain(factor: float, is_worse: bool) -> None:
    plan = a_plan(("orders", "mean", Role.guardrail, "increase"))
    treatment = np.rint(CONTROL * factor).astype(int)
    for has_ended in (False, True):
        effect = compute_effects(plan, [*sums_of("a", orders=CONTROL), *sums_of("b", orders=treatment)], has_ended=has_ended)[0]
        assert effect.is_worse is is_worse


def test_a_variant_without_units_has_no_estimate_and_says_why() -> None:
    effect = compute_effects(a_plan(("orders", "mean", Role.primary, "increase")), sums_of("a", orders=CONTROL), has_ended=False)[0]
    assert effect.absolute.estimate is None
    assert effect.absolute.reason
    assert effect.sequential is None
    assert not effect.is_better
    assert not effect.is_worse


def test_every_treatment_is_compared_with_the_control() -> None:
    plan = a_plan(("orders", "mean", Role.primary, "increase"), variants=("a", "b", "c"))
    effects = compute_effects(
        plan, [*sums_of("c", orders=BETTER), *sums_of("a", orders=CONTROL), *sums_of("b", orders=SAME)], has_ended=False
    )
    assert [(effect.control, effect.treatment) for effect in effects] == [("a", "b"), ("a", "c")]
    assert plan.start_date == date(2026, 3, 2)
