"""What to do about an experiment: an ordered table of rules, with the reasons as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from splitmile.results.comparisons import Effect
from splitmile.results.scorecards import Contamination, Decision, Reason, ReasonCode, SampleRatio, VariantCount, Verdict
from splitmile.results.switchbacks import ScheduleCheck


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the rules look at."""

    effects: tuple[Effect, ...]
    variants: tuple[VariantCount, ...]
    srm: SampleRatio
    contamination: Contamination
    has_ended: bool
    schedule: ScheduleCheck | None = None

    @property
    def has_units(self) -> bool:
        """Somebody has been exposed."""
        return any(variant.units for variant in self.variants)

    @property
    def primary(self) -> list[Effect]:
        """The effects of the primary metrics."""
        return [effect for effect in self.effects if effect.role == "primary"]

    @property
    def guardrails(self) -> list[Effect]:
        """The effects of the guardrails."""
        return [effect for effect in self.effects if effect.role == "guardrail"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A decision, its reason, and when that reason is given: `True`, or the effects it is given for."""

    decision: Decision
    code: ReasonCode
    finds: Callable[[Evidence], bool | list[Effect]]


def _estimated(evidence: Evidence) -> list[Effect]:
    return [effect for effect in evidence.primary if effect.absolute.interval is not None]


def _not_estimated(evidence: Evidence) -> list[Effect]:
    return [effect for effect in evidence.primary if effect.absolute.interval is None]


def _unproven(evidence: Evidence) -> list[Effect]:
    return [effect for effect in evidence.guardrails if effect.non_inferiority is None or not effect.non_inferiority.is_safe]


def _all_inside_band(evidence: Evidence) -> list[Effect]:
    intervals = [(effect.counting(has_ended=True).relative, effect.minimum_effect) for effect in evidence.primary]
    is_inside = evidence.has_ended and all(interval is not None and interval.is_within(band) for interval, band in intervals)
    return evidence.primary if is_inside else []


RULES = (
    Rule(Decision.invalid, ReasonCode.sample_ratio_mismatch, lambda e: e.srm.is_mismatch),
    Rule(Decision.invalid, ReasonCode.contamination, lambda e: e.contamination.is_alarming),
    Rule(Decision.invalid, ReasonCode.schedule_broken, lambda e: e.schedule is not None and e.schedule.is_broken),
    Rule(Decision.harmful, ReasonCode.guardrail_harmed, lambda e: [effect for effect in e.guardrails if effect.is_worse]),
    Rule(Decision.harmful, ReasonCode.primary_worse, lambda e: [effect for effect in e.primary if effect.is_worse]),
    Rule(Decision.ship, ReasonCode.primary_better, lambda e: [effect for effect in e.primary if effect.is_better]),
    Rule(Decision.no_effect, ReasonCode.inside_band, _all_inside_band),
    Rule(Decision.keep_running, ReasonCode.no_units, lambda e: not e.has_units),
    Rule(Decision.keep_running, ReasonCode.undecided, lambda e: [] if e.has_ended else _estimated(e)),
    Rule(Decision.keep_running, ReasonCode.ended_undecided, lambda e: _estimated(e) if e.has_ended else []),
    Rule(Decision.keep_running, ReasonCode.no_estimate, lambda e: _not_estimated(e) if e.has_units else []),
)
"""The first rule that finds something makes the decision; every rule of that decision adds its reasons."""

REMARKS = (
    Rule(Decision.harmful, ReasonCode.primary_better, lambda e: [effect for effect in e.primary if effect.is_better]),
    Rule(Decision.ship, ReasonCode.guardrail_unproven, _unproven),
    Rule(Decision.no_effect, ReasonCode.guardrail_unproven, _unproven),
)
"""What a reader has to know besides, once the decision is made: a gain beside the harm, a guardrail not shown to be safe."""


def decide(
    effects: Sequence[Effect],
    variants: Sequence[VariantCount],
    srm: SampleRatio,
    contamination: Contamination,
    *,
    has_ended: bool,
    schedule: ScheduleCheck | None = None,
) -> Verdict:
    """The verdict, by `RULES` and `REMARKS`.

    Args:
        effects: All effects of the experiment; at least one primary one, once there are units.
        variants: Units of each variant.
        srm: The check for a sample ratio mismatch.
        contamination: The check for units in more than one variant.
        has_ended: The planned end is reached.
        schedule: Of a switchback experiment: whether its schedule was kept.
    """
    evidence = Evidence(tuple(effects), tuple(variants), srm, contamination, has_ended, schedule)
    decision = next(rule.decision for rule in RULES if rule.finds(evidence))
    return Verdict(
        decision,
        tuple(reason for rule in (*RULES, *REMARKS) if rule.decision is decision for reason in _reasons(rule, evidence)),
    )


def _reasons(rule: Rule, evidence: Evidence) -> list[Reason]:
    found = rule.finds(evidence)
    if isinstance(found, bool):
        return [Reason(rule.code)] if found else []
    return [Reason(rule.code, effect.metric, effect.treatment) for effect in found]
