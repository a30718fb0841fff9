"""What a digest says, before it is Slack blocks, a page or lines in a terminal: one telling for all three."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta

from splitmile.publish import figures
from splitmile.publish.remarks import remarks
from splitmile.results.catalogue import Catalogue
from splitmile.results.comparisons import Effect
from splitmile.results.digests import Digest, ExperimentNews, Restatement
from splitmile.results.scorecards import Decision, Outlook, Reason, ReasonCode, Scorecard
from splitmile.results.sentences import decision_words, say
from splitmile.settings import Language

EMOJI = {
    Decision.invalid: "🚫",
    Decision.harmful: "🛑",
    Decision.ship: "✅",
    Decision.no_effect: "⚪",
    Decision.keep_running: "⏳",
}
_TRUST = {ReasonCode.sample_ratio_mismatch, ReasonCode.contamination, ReasonCode.schedule_broken, ReasonCode.no_units}
_HARM = {ReasonCode.guardrail_harmed, ReasonCode.guardrail_unproven, ReasonCode.no_estimate, ReasonCode.no_units}


@dataclass(frozen=True, slots=True)
class EffectLine:
    """One effect in one line.

    Attributes:
        label: Metric and treatment, such as `Delivery time in ranked`.
        figures: Absolute and relative effect, each with the interval that counts in brackets; empty without an estimate.
        finding: What that means, in words.
    """

    label: str
    figures: tuple[str, ...]
    finding: str


@dataclass(frozen=True, slots=True)
class Story:
    """One experiment as it is told everywhere.

    Attributes:
        emoji, verdict: The decision.
        title, experiment_id: The experiment.
        effects: Primary effects; empty where the numbers must not be read or nobody was exposed.
        concerns: Sentences the reader must see: why it is invalid, which guardrail is harmed, what has no estimate.
        change: What changed since the business date before.
        has_changed: The verdict did.
        facts: Progress, what is still to come, units, service, owner.
    """

    emoji: str
    verdict: str
    title: str
    experiment_id: str
    effects: tuple[EffectLine, ...]
    concerns: tuple[str, ...]
    change: str
    has_changed: bool
    facts: tuple[str, ...]


def tell(news: ExperimentNews, language: Language = "en") -> Story:
    """The story of one experiment."""
    card = news.scorecard
    decision = card.verdict.decision
    facts = (progress(card, language), outlook(card, language), units_of(card, language), card.service, card.owner)
    return Story(
        emoji=EMOJI[decision],
        verdict=decision_words(decision, language),
        title=card.title,
        experiment_id=card.experiment_id,
        effects=()
        if decision is Decision.invalid or not units(card)
        else tuple(_line(e, language, has_ended=card.has_ended) for e in primary_effects(card)),
        concerns=_concerns(card, language),
        change=_change(news, language),
        has_changed=news.previous_decision not in (None, decision),
        facts=tuple(fact for fact in facts if fact),
    )


def heading(digest: Digest) -> str:
    """The first line of a digest."""
    words, day = Catalogue(digest.language), digest.as_of_date
    return words("day.heading", weekday=words(f"weekday.{day.isoweekday()}"), day=words.day(day))


def important_sentence(digest: Digest) -> str:
    """The one sentence of the day: the most urgent verdict."""
    words = Catalogue(digest.language)
    if not digest.news:
        return words("day.none_running")
    card = digest.news[0].scorecard
    if card.verdict.decision is Decision.keep_running:
        return words("day.no_decision")
    return words("day.important", verdict=decision_words(card.verdict.decision, digest.language), title=card.title)


def important_reason(digest: Digest) -> str:
    """Why the most urgent verdict is what it is; empty where nothing needs a decision."""
    if not digest.news or digest.news[0].scorecard.verdict.decision is Decision.keep_running:
        return ""
    return reasons(digest.news[0].scorecard, digest.language)[0]


def reasons(card: Scorecard, language: Language = "en") -> tuple[str, ...]:
    """The reasons of a verdict in words, the deciding one first; an invalid experiment's never name an effect."""
    if card.verdict.decision is Decision.invalid:
        return _concerns(card, language)
    return tuple(figures.typographic(say(reason, card, language)) for reason in card.verdict.reasons)


def counts(digest: Digest) -> str:
    """How many experiments there are, by verdict."""
    words = Catalogue(digest.language)
    by_decision = Counter(news.scorecard.verdict.decision for news in digest.news)
    parts = ", ".join(words(f"decisions.{d.name}", count=by_decision[d]) for d in Decision if by_decision[d])
    experiments = words.count("experiments", len(digest.news))
    return words("experiments.parts", experiments=experiments, parts=parts) if parts else experiments


def warning_count(digest: Digest) -> str:
    """How many data warnings there are; empty without any."""
    if not digest.warnings:
        return ""
    words = Catalogue(digest.language)
    warnings = words.count("warnings", len(digest.warnings))
    blocking = sum(w.severity == "block" for w in digest.warnings)
    return words("warnings.blocking", warnings=warnings, blocking=blocking) if blocking else warnings


def restated(restatement: Restatement, digest: Digest) -> str:
    """A restatement in words; the figures of an invalid experiment are withheld."""
    words = Catalogue(digest.language)
    card = next((n.scorecard for n in digest.news if n.scorecard.experiment_id == restatement.experiment_id), None)
    title, label = restatement.experiment_id, restatement.metric
    if card:
        title, label = card.title, next((e.label for e in card.effects if e.metric == restatement.metric), label)
    told = {
        "title": title,
        "effect": words("effect", metric=label, treatment=restatement.treatment),
        "day": words.day(restatement.as_of_date),
        "cause": restatement.cause,
    }
    if card and card.verdict.decision is Decision.invalid:
        return words("restated.withheld", **told)
    before, after = figures.percent_change(restatement.before), figures.percent_change(restatement.after)
    return words("restated.moved", **told, before=before, after=after)


def for_experiments(digest: Digest, experiment_ids: frozenset[str]) -> Digest:
    """The part of a digest that concerns some experiments; warnings about the feeds concern all."""
    others = {n.scorecard.experiment_id for n in digest.news} - experiment_ids
    return replace(
        digest,
        news=tuple(n for n in digest.news if n.scorecard.experiment_id in experiment_ids),
        warnings=tuple(w for w in digest.warnings if w.subject not in others),
        restatements=tuple(r for r in digest.restatements if r.experiment_id in experiment_ids),
    )


def primary_effects(card: Scorecard) -> tuple[Effect, ...]:
    """The effects that decide, over all units."""
    return tuple(e for e in card.effects if e.role == "primary" and e.segment == "all")


def units(card: Scorecard) -> int:
    """Units in the analysis, all variants together."""
    return sum(v.units for v in card.variants)


def units_of(card: Scorecard, language: Language = "en") -> str:
    """The same in words, such as `2,400 couriers`."""
    return Catalogue(language).count(f"units.{card.unit_type}", units(card))


def progress(card: Scorecard, language: Language = "en") -> str:
    """How far the experiment is, such as `day 12 of 28`."""
    words = Catalogue(language)
    done, planned = days(card)
    so_far = words("progress", done=done, planned=planned)
    return words("progress.ended", progress=so_far) if card.has_ended else so_far


def outlook(card: Scorecard, language: Language = "en") -> str:
    """What an experiment that keeps running waits for; of several effects, the one that takes longest."""
    if card.verdict.decision is not Decision.keep_running:
        return ""
    waiting = [each for each in card.planning if each.minimum_effect is not None and each.units_needed is not None]
    if not waiting:
        return ""
    return to_go(max(waiting, key=lambda each: (each.days_to_go is None, each.days_to_go or 0, each.units_needed)), card, language)


def to_go(planned: Outlook, card: Scorecard, language: Language = "en") -> str:
    """How long until the smallest effect that matters can be seen."""
    words = Catalogue(language)
    effect = figures.share(planned.minimum_effect)
    if planned.days_to_go is None:
        needed = words.count(f"units.{card.unit_type}", planned.units_needed or 0)
        return words("outlook.beyond", units=needed, effect=effect)
    if planned.days_to_go == 0:
        return words("outlook.there", effect=effect)
    return words.count("outlook.days", planned.days_to_go, effect=effect)


def days(card: Scorecard) -> tuple[int, int]:
    """Days run, at most the planned ones, and days planned."""
    planned = (card.end_date - card.start_date).days + 1
    return max(0, min((card.as_of_date - card.start_date).days + 1, planned)), planned


def finding(effect: Effect, language: Language = "en", *, has_ended: bool) -> str:
    """What an effect means, in words."""
    words = Catalogue(language)
    if effect.absolute.estimate is None:
        return words("effect.none")
    if effect.is_worse:
        return words("finding.harmed", margin=figures.share(effect.margin)) if effect.role == "guardrail" else words("finding.worse")
    if effect.is_better:
        return words("finding.better")
    interval = effect.counting(has_ended=has_ended).relative
    if interval is not None and interval.is_within(effect.minimum_effect):
        return words("finding.inside_band", band=figures.share(effect.minimum_effect))
    if effect.role == "guardrail":
        return _guarded(effect, words)
    return words("finding.ended_undecided" if has_ended else "finding.undecided")


def short_effect(effect: Effect, language: Language = "en", *, has_ended: bool) -> str:
    """The relative effect by itself, for lists."""
    return figures.relative(effect.relative.estimate, effect.counting(has_ended=has_ended).relative, language)


def label(effect: Effect, language: Language = "en") -> str:
    """Metric and treatment, such as `Delivery time in ranked`."""
    return Catalogue(language)("effect", metric=effect.label, treatment=effect.treatment)


def _line(effect: Effect, language: Language, *, has_ended: bool) -> EffectLine:
    words, means = Catalogue(language), finding(effect, language, has_ended=has_ended)
    if effect.absolute.estimate is None:
        why = words.why(effect.absolute.reason) if effect.absolute.reason else words("why.not_enough_units")
        return EffectLine(label(effect, language), (), words("effect.none_why", why=why))
    now = effect.counting(has_ended=has_ended)
    absolute = figures.difference(effect, now.absolute, language)
    if effect.relative.estimate is None:
        why = words.why(effect.relative.reason) if effect.relative.reason else words("why.undefined")
        return EffectLine(label(effect, language), (absolute,), words("effect.no_relative", why=why, finding=means))
    return EffectLine(label(effect, language), (absolute, figures.relative(effect.relative.estimate, now.relative, language)), means)


def _guarded(effect: Effect, words: Catalogue) -> str:
    """Whether a guardrail is shown to be safe, which is more than not having found any harm."""
    is_safe = effect.non_inferiority is not None and effect.non_inferiority.is_safe
    return words("finding.safe" if is_safe else "finding.unproven", margin=figures.share(effect.margin))


def _concerns(card: Scorecard, language: Language) -> tuple[str, ...]:
    if card.verdict.decision is not Decision.invalid:
        told = [r for r in card.verdict.reasons if r.code in _HARM and not _is_shown(r, card)]
        return (*(figures.typographic(say(r, card, language)) for r in told), *remarks(card, language))
    sentences = tuple(figures.typographic(say(r, card, language)) for r in card.verdict.reasons if r.code in _TRUST)
    return sentences or (Catalogue(language)("reason.unknown"),)


def _is_shown(reason: Reason, card: Scorecard) -> bool:
    """A primary metric without an estimate already says so in its own line."""
    return reason.code is ReasonCode.no_estimate and any(e.metric == reason.metric for e in primary_effects(card))


def _change(news: ExperimentNews, language: Language) -> str:
    words, decision = Catalogue(language), news.scorecard.verdict.decision
    if news.previous_decision is None:
        return words("change.first")
    if news.previous_decision is not decision:
        before, after = (decision_words(d, language) for d in (news.previous_decision, decision))
        return words("change.changed", before=before, after=after)
    then = None if decision is Decision.invalid else _yesterday(news)
    return words("change.same") if then is None else words("change.same_then", estimate=figures.percent_change(then))


def _yesterday(news: ExperimentNews) -> float | None:
    """The relative effect of the first primary metric on the business date before."""
    card = news.scorecard
    first = next(iter(primary_effects(card)), None)
    if first is None:
        return None
    for course in news.courses:
        if (course.metric, course.treatment) == (first.metric, first.treatment):
            wanted = card.as_of_date - timedelta(days=1)
            return next((p.relative_estimate for p in course.points if p.as_of_date == wanted), None)
    return None
