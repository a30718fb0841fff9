"""The one catalogue of sentences: what a reason means, said to a stakeholder."""

from __future__ import annotations

from splitmile.results.types import Decision, Effect, Reason, ReasonCode, Scorecard

DECISION_WORDS = {
    Decision.invalid: "Do not read the numbers",
    Decision.harmful: "Stop it: it does harm",
    Decision.ship: "Ship it",
    Decision.no_effect: "No effect worth having",
    Decision.keep_running: "Keep running",
}


def say(reason: Reason, scorecard: Scorecard) -> str:
    """A reason in words, with its figures."""
    effect = next(
        (e for e in scorecard.effects if e.segment == "all" and e.metric == reason.metric and e.treatment == reason.treatment),
        None,
    )
    match reason.code:
        case ReasonCode.sample_ratio_mismatch:
            counts = ", ".join(
                f"{v.variant} {v.units:,} ({_percent(v.observed_share)} instead of {_percent(v.planned_share)})" for v in scorecard.variants
            )
            return f"The variants did not get the units they should have: {counts}. The assignment or its logging is broken."
        case ReasonCode.contamination:
            c = scorecard.contamination
            return f"{c.units:,} units ({_percent(c.share)}) met more than one variant; the limit is {_percent(c.limit)}."
        case ReasonCode.no_units:
            return "No unit has been exposed yet."
        case _ if effect is None:
            return f"{reason.metric or 'A metric'} has no estimate."
    label = f"{effect.label} in {effect.treatment}"
    match reason.code:
        case ReasonCode.guardrail_harmed:
            return f"{label} got worse by more than the accepted {_percent(effect.margin)}: {_change(effect, scorecard)}."
        case ReasonCode.primary_worse:
            return f"{label} got worse: {_change(effect, scorecard)}."
        case ReasonCode.primary_better:
            return f"{label} got better: {_change(effect, scorecard)}."
        case ReasonCode.inside_band:
            return f"{label} moved by less than ±{_percent(effect.minimum_effect)}, which does not matter: {_change(effect, scorecard)}."
        case ReasonCode.undecided:
            return f"{label} cannot be told from no change yet: {_change(effect, scorecard)}."
        case ReasonCode.ended_undecided:
            return f"The planned end is reached and {label} still cannot be told from no change: {_change(effect, scorecard)}."
        case _:
            return f"{label} has no estimate: {effect.absolute.reason or 'not enough units'}."


def _change(effect: Effect, scorecard: Scorecard) -> str:
    if effect.relative.estimate is None:
        return effect.relative.reason or "no estimate"
    interval = effect.sequential.relative_interval if effect.sequential else None
    if scorecard.has_ended:
        interval = effect.relative.interval
    tail = f" (interval {_signed(interval.low)} to {_signed(interval.high)})" if interval else ""
    return f"{_signed(effect.relative.estimate)}{tail}"


def _percent(share: float | None) -> str:
    return "no share" if share is None else f"{100 * share:.3g} %"


def _signed(share: float | None) -> str:
    return "unbounded" if share is None else f"{100 * share:+.2f} %"
