"""What a verdict and its reasons mean, said to a stakeholder in the sentences of the catalogue."""

from __future__ import annotations

from splitmile.results.catalogue import Catalogue
from splitmile.results.comparisons import Effect, Interval
from splitmile.results.scorecards import Decision, Reason, ReasonCode, Scorecard
from splitmile.settings import Language


def decision_words(decision: Decision, language: Language = "en") -> str:
    """A verdict in words."""
    return Catalogue(language)(f"decision.{decision.name}")


def say(reason: Reason, scorecard: Scorecard, language: Language = "en") -> str:
    """A reason in words, with its figures."""
    words = Catalogue(language)
    code = f"reason.{reason.code.value}"
    match reason.code:
        case ReasonCode.sample_ratio_mismatch:
            counts = ", ".join(
                words(
                    f"{code}.variant",
                    variant=v.variant,
                    units=f"{v.units:,}",
                    observed=_percent(v.observed_share, words),
                    planned=_percent(v.planned_share, words),
                )
                for v in scorecard.variants
            )
            return words(code, counts=counts)
        case ReasonCode.contamination:
            found = scorecard.contamination
            return words(code, units=f"{found.units:,}", share=_percent(found.share, words), limit=_percent(found.limit, words))
        case ReasonCode.schedule_broken if scorecard.switchback is not None:
            kept = scorecard.switchback.schedule
            return words(code, violations=f"{kept.violations:,}", share=_percent(kept.share, words), limit=_percent(kept.limit, words))
        case ReasonCode.no_units:
            return words(code)
    effect = next(
        (e for e in scorecard.effects if (e.segment, e.metric, e.treatment) == ("all", reason.metric, reason.treatment)),
        None,
    )
    if effect is None:
        return words("reason.metric_missing", metric=reason.metric or words("reason.any_metric"))
    label = words("effect", metric=effect.label, treatment=effect.treatment)
    if reason.code is ReasonCode.no_estimate:
        return words(code, effect=label, why=words.why(effect.absolute.reason or words("why.not_enough_units")))
    return words(
        code,
        effect=label,
        margin=_percent(effect.margin, words),
        band=_percent(effect.minimum_effect, words),
        change=_change(effect, words, has_ended=scorecard.has_ended),
    )


def _change(effect: Effect, words: Catalogue, *, has_ended: bool) -> str:
    if effect.relative.estimate is None:
        return words.why(effect.relative.reason) if effect.relative.reason else words("effect.none")
    estimate = _signed(effect.relative.estimate, words)
    interval = effect.counting(has_ended=has_ended).relative
    return words("effect.change", estimate=estimate, interval=_ends(interval, words)) if interval else estimate


def _ends(interval: Interval, words: Catalogue) -> str:
    return words("interval", low=_signed(interval.low, words), high=_signed(interval.high, words))


def _percent(share: float | None, words: Catalogue) -> str:
    return words("share.none") if share is None else f"{100 * share:.3g} %"


def _signed(share: float | None, words: Catalogue) -> str:
    return words("interval.unbounded") if share is None else f"{100 * share:+.2f} %"
