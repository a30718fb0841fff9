"""What a reader has to know besides the effects: where they depend on another experiment, differ between segments, fade or grow."""

from __future__ import annotations

from splitmile.publish import figures
from splitmile.results.breakdowns import EffectByDay, SegmentedEffect
from splitmile.results.catalogue import Catalogue
from splitmile.results.comparisons import Effect
from splitmile.results.scorecards import Interaction, Scorecard
from splitmile.settings import Language


def remarks(card: Scorecard, language: Language = "en") -> tuple[str, ...]:
    """One sentence for each finding that is there beyond chance; nothing is said of the others."""
    effects = {(effect.metric, effect.treatment): effect for effect in card.effects if effect.segment == "all"}
    words = Catalogue(language)
    return (
        *(_interaction(found, effects[found.metric, found.treatment], words) for found in card.interactions),
        *(_segments(found, effects[found.metric, found.treatment], words) for found in card.segments if found.is_different),
        *(_trend(found, effects[found.metric, found.treatment], words) for found in card.by_day if found.is_trend),
    )


def _interaction(found: Interaction, effect: Effect, words: Catalogue) -> str:
    return words(
        "interaction",
        effect=_label(effect, words),
        other=found.other_experiment,
        treatment=found.other_treatment,
        difference=figures.change(found.difference, found.interval, effect.display_unit, words.language),
    )


def _segments(found: SegmentedEffect, effect: Effect, words: Catalogue) -> str:
    """Only the two ends are named: all others lie between them."""
    ordered = sorted((each for each in found.effects if each.absolute is not None), key=lambda each: each.absolute or 0.0)
    least, most = ordered[0], ordered[-1]
    return words(
        "remark.segments",
        effect=_label(effect, words),
        dimension=found.dimension,
        first_segment=least.segment,
        first=figures.change(least.absolute, least.absolute_interval, effect.display_unit, words.language),
        last_segment=most.segment,
        last=figures.change(most.absolute, most.absolute_interval, effect.display_unit, words.language),
        p=figures.p_value(found.p_value_adjusted),
    )


def _trend(found: EffectByDay, effect: Effect, words: Catalogue) -> str:
    return words(
        "remark.fades" if found.fades else "remark.grows",
        effect=_label(effect, words),
        first=figures.change(found.first, None, effect.display_unit, words.language),
        last=figures.change(found.last, None, effect.display_unit, words.language),
        days=len(found.days),
        p=figures.p_value(found.p_value_adjusted),
    )


def _label(effect: Effect, words: Catalogue) -> str:
    return words("effect", metric=effect.label, treatment=effect.treatment)
