"""The rules of the verdict, each with the case that it decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.plans import a_plan, sums_of
from splitmile.analysis.effects import compute_effects
from splitmile.analysis.verdict import decide
from splitmile.registry import Role
from splitmile.results.comparisons import Effect
from splitmile.results.scorecards import Contamination, Decision, ReasonCode, SampleRatio, VariantCount, Verdict

FINE = SampleRatio(0.1, 1, 0.75, 1.0, False, 0.001)
BROKEN = SampleRatio(40.0, 1, 2.5e-10, 1e-8, True, 0.001)
CLEAN = Contamination(0, 0.0, False, 0.02)
DIRTY = Contamination(40, 0.05, True, 0.02)
COUNTS = (VariantCount("a", True, 400, 0.5, 0.5), VariantCount("b", False, 400, 0.5, 0.5))
RNG = np.random.default_rng(7)
BASE = RNG.poisson(1000, 400)


def _effects(primary: float, guardrail: float = 1.0, *, has_ended: bool = False) -> tuple[Effect, ...]:
    plan = a_plan(("orders", "mean", Role.primary, "increase"), ("fees", "mean", Role.guardrail, "increase"))
    treatment = {"orders": np.rint(BASE * primary).astype(int), "fees": np.rint(BASE * guardrail).astype(int)}
    return compute_effects(plan, [*sums_of("a", orders=BASE, fees=BASE), *sums_of("b", **treatment)], has_ended=has_ended)


def _decide(
    effects: tuple[Effect, ...], ratio: SampleRatio = FINE, contamination: Contamination = CLEAN, *, has_ended: bool = False
) -> Verdict:
    return decide(effects, COUNTS, ratio, contamination, has_ended=has_ended)


@pytest.mark.parametrize(
    ("primary", "guardrail", "has_ended", "decision", "reason"),
    [
        (1.05, 1.0, False, Decision.ship, ReasonCode.primary_better),
        (0.95, 1.0, False, Decision.harmful, ReasonCode.primary_worse),
        (1.05, 0.80, False, Decision.harmful, ReasonCode.guardrail_harmed),
        (1.05, 0.97, False, Decision.ship, ReasonCode.primary_better),
        (1.0, 1.0, False, Decision.keep_running, ReasonCode.undecided),
        (1.0, 1.0, True, Decision.no_effect, ReasonCode.inside_band),
    ],
)
def test_the_first_rule_that_applies_decides(
    primary: float, guardrail: float, has_ended: bool, decision: Decision, reason: ReasonCode
) -> None:
    verdict = _decide(_effects(primary, guardrail, has_ended=has_ended), has_ended=has_ended)
    assert (verdict.decision, verdict.reasons[0].code) == (decision, reason)


@pytest.mark.parametrize("primary", [1.0, 1.05, 0.95])
def test_a_mismatch_or_contamination_leaves_no_other_verdict(primary: float) -> None:
    effects = _effects(primary, 0.8)
    assert [r.code for r in _decide(effects, BROKEN).reasons] == [ReasonCode.sample_ratio_mismatch]
    assert [r.code for r in _decide(effects, FINE, DIRTY).reasons] == [ReasonCode.contamination]
    both = _decide(effects, BROKEN, DIRTY)
    assert both.decision is Decision.invalid
    assert len(both.reasons) == 2


def test_the_end_without_a_band_or_with_a_wide_interval_stays_undecided() -> None:
    effects = _effects(1.0, has_ended=True)
    without = tuple(replace(effect, minimum_effect=None) for effect in effects)
    narrow = tuple(replace(effect, minimum_effect=1e-9) for effect in effects)
    for changed in (without, narrow):
        verdict = _decide(changed, has_ended=True)
        assert (verdict.decision, verdict.reasons[0].code) == (Decision.keep_running, ReasonCode.ended_undecided)


def test_a_win_says_which_guardrail_is_not_shown_to_be_safe() -> None:
    rng = np.random.default_rng(3)
    plan = a_plan(("orders", "mean", Role.primary, "increase"), ("fees", "mean", Role.guardrail, "increase"))
    noisy = {"a": rng.poisson(2, 400), "b": rng.poisson(2, 400)}
    rows = [*sums_of("a", orders=BASE, fees=noisy["a"]), *sums_of("b", orders=np.rint(BASE * 1.05).astype(int), fees=noisy["b"])]
    verdict = _decide(compute_effects(plan, rows, has_ended=False))
    assert verdict.decision is Decision.ship
    assert [reason.code for reason in verdict.reasons] == [ReasonCode.primary_better, ReasonCode.guardrail_unproven]
    safe = _decide(_effects(1.05))
    assert [reason.code for reason in safe.reasons] == [ReasonCode.primary_better]


def test_harm_says_what_got_better_all_the_same() -> None:
    verdict = _decide(_effects(1.05, 0.8))
    assert [reason.code for reason in verdict.reasons] == [ReasonCode.guardrail_harmed, ReasonCode.primary_better]


def test_nobody_exposed_yet() -> None:
    nobody = tuple(replace(count, units=0, observed_share=None) for count in COUNTS)
    verdict = decide((), nobody, FINE, CLEAN, has_ended=False)
    assert (verdict.decision, verdict.reasons[0].code) == (Decision.keep_running, ReasonCode.no_units)


def test_a_primary_metric_without_an_estimate_says_so() -> None:
    plan = a_plan(("orders", "mean", Role.primary, "increase"))
    effects = compute_effects(plan, sums_of("a", orders=BASE), has_ended=True)
    verdict = _decide(effects, has_ended=True)
    assert (verdict.decision, verdict.reasons[0].code) == (Decision.keep_running, ReasonCode.no_estimate)
