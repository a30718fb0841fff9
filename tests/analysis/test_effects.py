"""Plan × moments → effects, checked against scipy and statsmodels on the unit values that the moments come from."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from analysis.plans import a_plan, sums_of, sums_of_ratio, sums_with_covariate
from splitmile import stats
from splitmile.analysis.effects import compute_effects
from splitmile.analysis.moments import MomentSums
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


@pytest.mark.parametrize("direction", ["increase", "decrease"])
@pytest.mark.parametrize("has_ended", [False, True])
@pytest.mark.parametrize(("factor", "is_safe", "is_harmed"), [(1.0, True, False), (0.97, False, False), (0.7, False, True)])
def test_a_guardrail_says_harm_and_safety_apart(direction: str, has_ended: bool, factor: float, is_safe: bool, is_harmed: bool) -> None:
    """As the interval does: by it the loss that is accepted is ruled out, certain, or neither."""
    plan = a_plan(("orders", "mean", Role.guardrail, direction))
    base = RNG.poisson(900, 400)
    treatment = np.rint(base * (factor if direction == "increase" else 2 - factor)).astype(int)
    if factor == 0.97:
        base, treatment = CONTROL, np.rint(CONTROL * (0.97 if direction == "increase" else 1.03)).astype(int)
    effect = compute_effects(plan, [*sums_of("a", orders=base), *sums_of("b", orders=treatment)], has_ended=has_ended)[0]
    found, interval = effect.non_inferiority, effect.counting(has_ended=has_ended).relative
    assert found is not None
    assert interval is not None
    assert (found.is_safe, found.is_harmed, effect.is_worse) == (is_safe, is_harmed, is_harmed)
    assert interval.low is not None
    assert interval.high is not None
    worst, best = (interval.low, interval.high) if direction == "increase" else (-interval.high, -interval.low)
    assert (worst > -0.05, best < -0.05) == (is_safe, is_harmed)


def test_a_covariate_gives_the_effect_of_the_analysis_of_covariance() -> None:
    before = {"a": RNG.poisson(60, 400), "b": RNG.poisson(60, 400)}
    after = {"a": before["a"] // 2 + RNG.poisson(30, 400), "b": before["b"] // 2 + RNG.poisson(31, 400)}
    plan = a_plan(("orders", "mean", Role.primary, "increase"))
    effect = compute_effects(plan, [sums_with_covariate(v, "orders", after[v], before[v]) for v in "ab"], has_ended=True)[0]
    design = np.column_stack([np.ones(800), np.repeat([0, 1], 400), np.concatenate([before["a"], before["b"]])])
    oracle = sm.OLS(np.concatenate([after["a"], after["b"]]), design).fit()
    assert effect.method == "cuped"
    assert effect.covariate is not None
    assert effect.covariate.theta == pytest.approx(oracle.params[2], rel=1e-9)
    assert effect.absolute.estimate == pytest.approx(oracle.params[1], rel=1e-9)
    # The regression adds the uncertainty of θ itself and pools the variances.
    assert effect.absolute.standard_error == pytest.approx(oracle.bse[1], rel=0.01)
    plain = compute_effects(plan, [*sums_of("a", orders=after["a"]), *sums_of("b", orders=after["b"])], has_ended=True)[0]
    assert effect.covariate.unadjusted == plain.relative
    assert (effect.control_value, effect.treatment_value) == (plain.control_value, plain.treatment_value)
    narrower = (effect.absolute.standard_error or 0) ** 2 / (plain.absolute.standard_error or 1) ** 2
    assert effect.covariate.variance_removed == pytest.approx(1 - narrower, rel=1e-9)
    assert plain.covariate is None


def test_a_covariate_without_spread_leaves_the_plain_effect() -> None:
    plan = a_plan(("orders", "mean", Role.primary, "increase"))
    constant = [sums_with_covariate(v, "orders", values, np.full_like(values, 7)) for v, values in (("a", CONTROL), ("b", BETTER))]
    plain = compute_effects(plan, [*sums_of("a", orders=CONTROL), *sums_of("b", orders=BETTER)], has_ended=True)
    assert compute_effects(plan, constant, has_ended=True) == plain


def test_a_ratio_of_few_units_has_the_variance_of_few_clusters() -> None:
    plan = a_plan(("wait", "ratio", Role.primary, "decrease"), ("orders", "mean", Role.secondary, "increase"))
    jobs = {variant: RNG.poisson(size, 12) + 1 for variant, size in (("a", 40), ("b", 90))}
    wait = {variant: RNG.poisson(300, 12) * jobs[variant] for variant in "ab"}
    rows = [sums_of_ratio(v, "wait", wait[v], jobs[v]) for v in "ab"] + [row for v in "ab" for row in sums_of(v, orders=jobs[v])]
    units = {(v, "wait"): (wait[v].astype(float), jobs[v].astype(float)) for v in "ab"}
    ratio, mean = compute_effects(plan, rows, has_ended=True, units=units)
    by_moments, same_mean = compute_effects(plan, rows, has_ended=True)
    sides = [stats.clustered_estimates(*units[v, "wait"], group=np.zeros(12, dtype=int), groups=1) for v in "ab"]
    oracle = stats.absolute_effect(*sides)
    assert (ratio.method, by_moments.method, mean.method) == ("cr2", "delta", "welch")
    assert ratio.absolute.estimate == pytest.approx(by_moments.absolute.estimate, rel=1e-12)
    assert ratio.absolute.standard_error == pytest.approx(oracle.standard_error[0], rel=1e-12)
    assert ratio.degrees_of_freedom == pytest.approx(oracle.degrees_of_freedom[0], rel=1e-12)
    assert mean.absolute == same_mean.absolute


def test_the_chance_to_beat_the_control_follows_the_direction() -> None:
    rows = [*sums_of("a", orders=CONTROL), *sums_of("b", orders=BETTER)]
    up, down = (
        compute_effects(a_plan(("orders", "mean", Role.primary, direction)), rows, has_ended=True)[0].bayesian
        for direction in ("increase", "decrease")
    )
    assert up is not None
    assert down is not None
    assert up.chance_to_beat_control > 0.99
    assert up.chance_to_beat_control + down.chance_to_beat_control == pytest.approx(1)
    assert up.expected_loss < 1e-4 < down.expected_loss


def test_impossible_sums_cost_their_own_metric_only() -> None:
    plan = a_plan(("orders", "mean", Role.primary, "increase"), ("fees", "mean", Role.secondary, "increase"))
    rows = [*sums_of("a", orders=CONTROL, fees=CONTROL), *sums_of("b", fees=BETTER), MomentSums("b", "orders", 3, 9, 3, 1, 9, 3)]
    broken, fine = compute_effects(plan, rows, has_ended=True)
    assert broken.absolute.estimate is None
    assert "impossible sums" in (broken.absolute.reason or "")
    assert fine.absolute.estimate == pytest.approx(BETTER.mean() - CONTROL.mean())


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
