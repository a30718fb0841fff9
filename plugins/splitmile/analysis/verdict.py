"""What to do about an experiment, by rules, with the reasons as data."""

from __future__ import annotations

from collections.abc import Sequence

from splitmile.results.types import (
    Contamination,
    Decision,
    Effect,
    Reason,
    ReasonCode,
    SampleRatio,
    VariantCount,
    Verdict,
)


def decide(
    effects: Sequence[Effect],
    variants: Sequence[VariantCount],
    sample_ratio: SampleRatio,
    contamination: Contamination,
    *,
    has_ended: bool,
) -> Verdict:
    """The verdict; the first rule that applies wins: invalid, harmful, ship, no effect, keep running.

    Args:
        effects: All effects of the experiment.
        variants: Units of each variant.
        sample_ratio: The check for a sample ratio mismatch.
        contamination: The check for units in more than one variant.
        has_ended: The planned end is reached.
    """
    if distrust := _distrust(sample_ratio, contamination):
        return Verdict(Decision.invalid, distrust)
    if not any(variant.units for variant in variants):
        return Verdict(Decision.keep_running, (Reason(ReasonCode.no_units),))
    primary = [effect for effect in effects if effect.role == "primary"]
    guardrails = [effect for effect in effects if effect.role == "guardrail"]
    harm = _reasons(ReasonCode.guardrail_harmed, [e for e in guardrails if e.is_worse])
    harm += _reasons(ReasonCode.primary_worse, [e for e in primary if e.is_worse])
    gain = _reasons(ReasonCode.primary_better, [e for e in primary if e.is_better])
    if harm:
        return Verdict(Decision.harmful, harm + gain)
    if gain:
        return Verdict(Decision.ship, gain)
    missing = [e for e in primary if e.absolute.interval is None]
    if (
        has_ended
        and not missing
        and all(e.relative.interval is not None and e.relative.interval.is_within(e.minimum_effect) for e in primary)
    ):
        return Verdict(Decision.no_effect, _reasons(ReasonCode.inside_band, primary))
    undecided = ReasonCode.ended_undecided if has_ended else ReasonCode.undecided
    return Verdict(
        Decision.keep_running,
        _reasons(undecided, [e for e in primary if e not in missing]) + _reasons(ReasonCode.no_estimate, missing),
    )


def _distrust(sample_ratio: SampleRatio, contamination: Contamination) -> tuple[Reason, ...]:
    reasons: tuple[Reason, ...] = ()
    if sample_ratio.is_mismatch:
        reasons += (Reason(ReasonCode.sample_ratio_mismatch),)
    if contamination.is_alarming:
        reasons += (Reason(ReasonCode.contamination),)
    return reasons


def _reasons(code: ReasonCode, effects: Sequence[Effect]) -> tuple[Reason, ...]:
    return tuple(Reason(code, effect.metric, effect.treatment) for effect in effects)
