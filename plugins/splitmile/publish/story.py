"""What a digest says, before it is Slack blocks, a page or lines in a terminal: one telling for all three."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta

from splitmile.publish import figures
from splitmile.results.sentences import DECISION_WORDS, say
from splitmile.results.types import Decision, Digest, Effect, ExperimentNews, Interval, Reason, ReasonCode, Restatement, Scorecard

EMOJI = {
    Decision.invalid: "🚫",
    Decision.harmful: "🛑",
    Decision.ship: "✅",
    Decision.no_effect: "⚪",
    Decision.keep_running: "⏳",
}
_TRUST = {ReasonCode.sample_ratio_mismatch, ReasonCode.contamination, ReasonCode.no_units}
_HARM = {ReasonCode.guardrail_harmed, ReasonCode.no_estimate, ReasonCode.no_units}


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
        facts: Progress, units, service, owner.
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


def tell(news: ExperimentNews) -> Story:
    """The story of one experiment."""
    card = news.scorecard
    decision = card.verdict.decision
    return Story(
        emoji=EMOJI[decision],
        verdict=DECISION_WORDS[decision],
        title=card.title,
        experiment_id=card.experiment_id,
        effects=()
        if decision is Decision.invalid or not units(card)
        else tuple(_line(e, has_ended=card.has_ended) for e in primary_effects(card)),
        concerns=_concerns(card),
        change=_change(news),
        has_changed=news.previous_decision not in (None, decision),
        facts=(progress(card), f"{units(card):,} {plural(units(card), card.unit_type)}", card.service, card.owner),
    )


def important_sentence(digest: Digest) -> str:
    """The one sentence of the day: the most urgent verdict."""
    if not digest.news:
        return "No experiment is running."
    card = digest.news[0].scorecard
    if card.verdict.decision is Decision.keep_running:
        return "No experiment needs a decision today."
    return f"{DECISION_WORDS[card.verdict.decision]}: {card.title}."


def important_reason(digest: Digest) -> str:
    """Why the most urgent verdict is what it is; empty where nothing needs a decision."""
    if not digest.news or digest.news[0].scorecard.verdict.decision is Decision.keep_running:
        return ""
    return reasons(digest.news[0].scorecard)[0]


def reasons(card: Scorecard) -> tuple[str, ...]:
    """The reasons of a verdict in words, the deciding one first; an invalid experiment's never name an effect."""
    if card.verdict.decision is Decision.invalid:
        return _concerns(card)
    return tuple(figures.typographic(say(reason, card)) for reason in card.verdict.reasons)


def counts(digest: Digest) -> str:
    """How many experiments there are, by verdict."""
    by_decision = Counter(news.scorecard.verdict.decision for news in digest.news)
    words = {
        Decision.invalid: "not to be read",
        Decision.harmful: "to stop",
        Decision.ship: "to ship",
        Decision.no_effect: "with no effect",
        Decision.keep_running: "running on",
    }
    total = len(digest.news)
    parts = ", ".join(f"{by_decision[d]} {words[d]}" for d in Decision if by_decision[d])
    return f"{total} {plural(total, 'experiment')}" + (f": {parts}" if parts else "")


def warning_count(digest: Digest) -> str:
    """How many data warnings there are; empty without any."""
    total = len(digest.warnings)
    blocking = sum(w.severity == "block" for w in digest.warnings)
    return f"{total} data {plural(total, 'warning')}" + (f", {blocking} of them blocking" if blocking else "") if total else ""


def restated(restatement: Restatement, digest: Digest) -> str:
    """A restatement in words; the figures of an invalid experiment are withheld."""
    card = next((n.scorecard for n in digest.news if n.scorecard.experiment_id == restatement.experiment_id), None)
    title = card.title if card else restatement.experiment_id
    label = restatement.metric
    if card:
        label = next((e.label for e in card.effects if e.metric == restatement.metric), label)
    if card and card.verdict.decision is Decision.invalid:
        moved = "changed after publication"
    else:
        moved = f"was {figures.percent_change(restatement.before)}, is {figures.percent_change(restatement.after)}"
    return f"{title}: {label} in {restatement.treatment} as of {day(restatement.as_of_date)} {moved}. {restatement.cause}"


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


def progress(card: Scorecard) -> str:
    """How far the experiment is, such as `day 12 of 28`."""
    done, planned = days(card)
    return f"day {done} of {planned}" + (", planned end reached" if card.has_ended else "")


def days(card: Scorecard) -> tuple[int, int]:
    """Days run, at most the planned ones, and days planned."""
    planned = (card.end_date - card.start_date).days + 1
    return max(0, min((card.as_of_date - card.start_date).days + 1, planned)), planned


def period(card: Scorecard) -> str:
    """The planned dates, such as `2 Mar to 29 Mar 2026`."""
    first, last = card.start_date, card.end_date
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {first:%b}{year} to {last.day} {last:%b} {last.year}"


def finding(effect: Effect, *, has_ended: bool) -> str:
    """What an effect means, in words."""
    if effect.absolute.estimate is None:
        return "no estimate"
    if effect.is_worse:
        return f"worse than the accepted {figures.share(effect.margin)}" if effect.role == "guardrail" else "worse"
    if effect.is_better:
        return "better"
    interval = figures.counting(effect, has_ended=has_ended).relative
    if interval is not None and interval.is_within(effect.minimum_effect):
        return f"within ±{figures.share(effect.minimum_effect)}, which does not matter"
    if effect.role == "guardrail":
        return _guarded(effect, interval)
    return "cannot be told from no change" if has_ended else "cannot be told from no change yet"


def short_effect(effect: Effect, *, has_ended: bool) -> str:
    """The relative effect by itself, for lists."""
    return figures.relative(effect.relative.estimate, figures.counting(effect, has_ended=has_ended).relative)


def day(a_date: date) -> str:
    """A date as it is spoken, such as `29 March 2026`."""
    return f"{a_date.day} {a_date:%B %Y}"


def plural(number: int, noun: str) -> str:
    """A noun after a number."""
    return noun if number == 1 else f"{noun}s"


def _line(effect: Effect, *, has_ended: bool) -> EffectLine:
    label = f"{effect.label} in {effect.treatment}"
    means = finding(effect, has_ended=has_ended)
    if effect.absolute.estimate is None:
        return EffectLine(label, (), f"{means}, {effect.absolute.reason or 'not enough units'}")
    now = figures.counting(effect, has_ended=has_ended)
    absolute = figures.difference(effect, now.absolute)
    if effect.relative.estimate is None:
        return EffectLine(label, (absolute,), f"no relative effect, {effect.relative.reason or 'undefined'}; {means}")
    return EffectLine(label, (absolute, figures.relative(effect.relative.estimate, now.relative)), means)


def _guarded(effect: Effect, interval: Interval | None) -> str:
    """Whether a guardrail's interval rules harm out, which is more than not having found any."""
    worst = None if interval is None else interval.high if effect.direction == "decrease" else interval.low
    if worst is None or effect.margin is None:
        return "no harm found"
    loss = worst if effect.direction == "decrease" else -worst
    limit = figures.share(effect.margin)
    return f"no harm beyond {limit}" if loss < effect.margin else f"harm beyond {limit} not ruled out"


def _concerns(card: Scorecard) -> tuple[str, ...]:
    if card.verdict.decision is not Decision.invalid:
        return tuple(figures.typographic(say(r, card)) for r in card.verdict.reasons if r.code in _HARM and not _is_shown(r, card))
    sentences = tuple(figures.typographic(say(r, card)) for r in card.verdict.reasons if r.code in _TRUST)
    return sentences or ("The data cannot be trusted; the data warnings say why.",)


def _is_shown(reason: Reason, card: Scorecard) -> bool:
    """A primary metric without an estimate already says so in its own line."""
    return reason.code is ReasonCode.no_estimate and any(e.metric == reason.metric for e in primary_effects(card))


def _change(news: ExperimentNews) -> str:
    decision = news.scorecard.verdict.decision
    if news.previous_decision is None:
        return "First day in the digest"
    if news.previous_decision is not decision:
        return f"Changed since yesterday: {DECISION_WORDS[news.previous_decision]} → {DECISION_WORDS[decision]}"
    before = None if decision is Decision.invalid else _yesterday(news)
    return "Same verdict as yesterday" + (f" (effect then {figures.percent_change(before)})" if before is not None else "")


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
