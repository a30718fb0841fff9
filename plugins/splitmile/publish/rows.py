"""The tables and charts of a scorecard's page: every figure as it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from splitmile.publish import charts, figures, story
from splitmile.results.catalogue import Catalogue
from splitmile.results.comparisons import Effect
from splitmile.results.digests import EffectCourse, ExperimentNews
from splitmile.results.scorecards import Outlook, Scorecard
from splitmile.settings import Language


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One row of the effects table, every figure as shown.

    Attributes:
        anytime, fixed: Interval of the relative effect; `anytime_p` and `fixed_p` its p-value.
        adjusted_p: Of the inference that counts; empty for guardrails, which are not adjusted.
        bar: The relative effect as drawn.
        no_relative: Why there is no relative effect; empty where there is one.
    """

    effect: Effect
    control_value: str
    treatment_value: str
    difference: str
    relative: str
    no_relative: str
    anytime: str
    anytime_p: str
    fixed: str
    fixed_p: str
    adjusted_p: str
    finding: str
    tone: str
    bar: charts.ForestBar | None


@dataclass(frozen=True, slots=True)
class Course:
    """One effect over time: the drawing for wide screens, the one for phones, and the days as a table."""

    effect: Effect
    wide: charts.CourseChart
    narrow: charts.CourseChart
    days: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class OtherView:
    """One effect another way, every figure as shown; empty where there is none.

    Attributes:
        chance, loss, credible: The Bayesian view.
        variance_removed, unadjusted: What a covariate did.
        safe_p: Of the guardrail's test against its margin.
    """

    effect: Effect
    chance: str
    loss: str
    credible: str
    variance_removed: str
    unadjusted: str
    safe_p: str


@dataclass(frozen=True, slots=True)
class OutlookRow:
    """What one primary metric waits for, every figure as shown."""

    effect: Effect
    matters: str
    needed: str
    to_go: str
    detectable: str


def effect_row(effect: Effect, card: Scorecard, axis: charts.ForestAxis, language: Language) -> EffectRow:
    """One effect as a row of the table."""
    now = effect.counting(has_ended=card.has_ended)
    sequential, words = effect.sequential, Catalogue(language)
    why = effect.relative.reason or effect.absolute.reason
    return EffectRow(
        effect=effect,
        control_value=figures.value(effect, effect.control_value, now.absolute),
        treatment_value=figures.value(effect, effect.treatment_value, now.absolute),
        difference=figures.difference(effect, now.absolute, language),
        relative=figures.percent_change(effect.relative.estimate),
        no_relative="" if effect.relative.estimate is not None else words.why(why) if why else words("effect.none"),
        anytime=figures.interval_change(sequential.relative_interval if sequential else None, language),
        anytime_p=figures.p_value(sequential.p_value if sequential else None),
        fixed=figures.interval_change(effect.relative.interval, language),
        fixed_p=figures.p_value(effect.absolute.p_value),
        adjusted_p="" if effect.p_value_adjusted is None else figures.p_value(effect.p_value_adjusted),
        finding=story.finding(effect, language, has_ended=card.has_ended),
        tone=charts.tone(effect),
        bar=charts.forest_bar(effect, now.relative, axis, language),
    )


def other_view(effect: Effect, language: Language) -> OtherView:
    """One effect as a row of the folded table."""
    view, covariate, guardrail = effect.bayesian, effect.covariate, effect.non_inferiority
    unadjusted = covariate.unadjusted if covariate else None
    return OtherView(
        effect=effect,
        chance=figures.chance(view.chance_to_beat_control) if view else "",
        loss=figures.loss(view.expected_loss) if view else "",
        credible=figures.interval_change(view.interval, language) if view else "",
        variance_removed=figures.share(covariate.variance_removed) if covariate else "",
        unadjusted=figures.relative(unadjusted.estimate, unadjusted.interval, language) if unadjusted else "",
        safe_p=figures.p_value(guardrail.p_value) if guardrail else "",
    )


def outlook_rows(card: Scorecard) -> tuple[OutlookRow, ...]:
    """What each primary metric waits for."""
    effects = {(effect.metric, effect.treatment): effect for effect in story.primary_effects(card)}
    return tuple(_outlook_row(planned, effects[planned.metric, planned.treatment]) for planned in card.planning)


def _outlook_row(planned: Outlook, effect: Effect) -> OutlookRow:
    return OutlookRow(
        effect=effect,
        matters=figures.share(planned.minimum_effect),
        needed=figures.NO_FIGURE if planned.units_needed is None else f"{planned.units_needed:,}",
        to_go=figures.NO_FIGURE if planned.days_to_go is None else f"{planned.days_to_go:,}",
        detectable=figures.share(planned.detectable_effect),
    )


def courses_of(news: ExperimentNews, language: Language) -> tuple[Course, ...]:
    """Charts of all courses that have an effect and at least one estimate; the primary ones first and larger."""
    made = []
    for course in news.courses:
        effect = _effect_of(course, news.scorecard.effects)
        if effect is None or all(p.relative_estimate is None for p in course.points):
            continue
        size = 1190.0, 330.0
        if effect.role != "primary":
            size = 560.0, 230.0
        made.append(
            Course(
                effect=effect,
                wide=charts.course_chart(course, effect, news.scorecard, width=size[0], height=size[1], language=language),
                narrow=charts.course_chart(course, effect, news.scorecard, width=360.0, height=240.0, language=language),
                days=tuple(
                    (
                        p.as_of_date.isoformat(),
                        figures.percent_change(p.relative_estimate),
                        figures.interval_change(p.relative_interval, language),
                    )
                    for p in reversed(course.points)
                ),
            )
        )
    return tuple(sorted(made, key=lambda c: c.effect.role != "primary"))


def _effect_of(course: EffectCourse, effects: Sequence[Effect]) -> Effect | None:
    return next((e for e in effects if (e.metric, e.treatment, e.segment) == (course.metric, course.treatment, "all")), None)
