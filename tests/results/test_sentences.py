"""The sentences of stakeholders: every reason has one, with its figures."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from splitmile.results.comparisons import Effect, Estimate, Interval, SequentialEstimate
from splitmile.results.scorecards import Contamination, Decision, Reason, ReasonCode, SampleRatio, Scorecard, VariantCount, Verdict
from splitmile.results.sentences import decision_words, say
from splitmile.results.switchbacks import ScheduleCheck, SwitchbackChecks
from splitmile.settings import Language

EFFECT = Effect(
    metric="delivery_time",
    label="Delivery time",
    kind="ratio",
    role="primary",
    direction="decrease",
    display_unit="s",
    segment="all",
    control="current",
    treatment="ranked",
    n_control=1200,
    n_treatment=800,
    control_value=2460.0,
    treatment_value=2400.0,
    absolute=Estimate(-60.0, 12.0, Interval(-84.0, -36.0), 1e-6),
    relative=Estimate(-0.0244, 0.005, Interval(-0.0342, -0.0146), 1e-6),
    degrees_of_freedom=898.7,
    method="delta",
    sequential=SequentialEstimate(Interval(-99.0, -24.0), Interval(-0.04, None), 0.0001),
    p_value_adjusted=2e-6,
    margin=0.05,
    minimum_effect=0.01,
    is_better=True,
    is_worse=False,
)
SCORECARD = Scorecard(
    experiment_id="dispatch_ranking",
    title="t",
    owner="o",
    service="s",
    hypothesis="h",
    unit_type="courier",
    as_of_date=date(2026, 3, 8),
    start_date=date(2026, 3, 2),
    end_date=date(2026, 3, 29),
    has_ended=False,
    alpha=0.05,
    variants=(VariantCount("current", True, 1200, 0.5, 0.6), VariantCount("ranked", False, 800, 0.5, None)),
    srm=SampleRatio(80.0, 1, 3.7e-19, 1e-12, True, 0.001),
    contamination=Contamination(1234, 0.0617, True, 0.01),
    # A segment's effect comes first: only the one over all units may be quoted.
    effects=(replace(EFFECT, segment="zone_a", label="Of a segment"), EFFECT),
    verdict=Verdict(Decision.ship, ()),
    switchback=SwitchbackChecks(
        zones=30,
        windows=336,
        window_minutes=120,
        burn_in_minutes=20,
        burn_in_orders=9,
        schedule=ScheduleCheck(1100, 100, 45, 0.045, is_broken=True, limit=0.02),
        order=1,
    ),
)

SENTENCES = {
    ReasonCode.sample_ratio_mismatch: "current 1,200 (60 % instead of 50 %), ranked 800 (no share instead of 50 %)",
    ReasonCode.contamination: "1,234 units (6.17 %) met more than one variant; the limit is 1 %.",
    ReasonCode.schedule_broken: "(4.5 %) met another variant than the schedule gives their zone at that time; the limit is 2 %.",
    ReasonCode.no_units: "No unit has been exposed yet.",
    ReasonCode.guardrail_harmed: "Delivery time in ranked got worse by more than the accepted 5 %: -2.44 %",
    ReasonCode.guardrail_unproven: "is not shown to be safe, a loss beyond the accepted 5 % is not ruled out: -2.44 %",
    ReasonCode.primary_worse: "Delivery time in ranked got worse: -2.44 %",
    ReasonCode.primary_better: "Delivery time in ranked got better: -2.44 % (interval -4.00 % to unbounded).",
    ReasonCode.inside_band: "Delivery time in ranked moved by less than ±1 %, which does not matter: -2.44 %",
    ReasonCode.undecided: "cannot be told from no change yet: -2.44 %",
    ReasonCode.ended_undecided: "The planned end is reached and Delivery time in ranked still cannot be told from no change",
    ReasonCode.no_estimate: "Delivery time in ranked has no estimate: not enough units.",
}


@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_has_its_sentence(code: ReasonCode) -> None:
    sentence = say(Reason(code, "delivery_time", "ranked"), SCORECARD)
    assert SENTENCES[code] in sentence
    assert re.fullmatch(r"[A-Z0-9].*\.", sentence)
    assert "None" not in sentence


@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_is_told_in_korean_with_the_same_figures(code: ReasonCode) -> None:
    english, korean = (say(Reason(code, "delivery_time", "ranked"), SCORECARD, language) for language in ("en", "ko"))
    assert re.search("[가-힣]", korean)
    assert set(re.findall(r"-?\d[\d.,]*\d %", korean)) == set(re.findall(r"-?\d[\d.,]*\d %", english))
    assert korean.endswith(("다.", "."))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_decision_has_its_words(language: Language) -> None:
    assert len({decision_words(decision, language) for decision in Decision}) == len(Decision)


def test_an_effect_without_estimate_says_why() -> None:
    empty = Estimate(None, None, None, None, "one unit only")
    effect = replace(EFFECT, absolute=empty, relative=empty, sequential=None)
    scorecard = replace(SCORECARD, effects=(effect,))
    assert say(Reason(ReasonCode.no_estimate, "delivery_time", "ranked"), scorecard).endswith("no estimate: one unit only.")
    assert say(Reason(ReasonCode.undecided, "delivery_time", "ranked"), scorecard).endswith("yet: one unit only.")


def test_an_effect_without_sequence_has_no_interval() -> None:
    scorecard = replace(SCORECARD, effects=(replace(EFFECT, sequential=None),))
    assert say(Reason(ReasonCode.primary_better, "delivery_time", "ranked"), scorecard).endswith("got better: -2.44 %.")


def test_a_metric_that_is_not_on_the_scorecard_is_named() -> None:
    assert say(Reason(ReasonCode.undecided, "revenue", "ranked"), SCORECARD) == "revenue has no estimate."
    assert say(Reason(ReasonCode.undecided), SCORECARD) == "A metric has no estimate."
