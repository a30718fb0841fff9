"""The folded tables of a scorecard's page: an effect by segment, and by day since exposure; every figure as it is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

from splitmile.publish import charts, figures
from splitmile.results.breakdowns import EffectByDay, SegmentedEffect, SegmentEffect
from splitmile.results.catalogue import Catalogue
from splitmile.results.comparisons import Effect, Estimate
from splitmile.results.scorecards import Scorecard
from splitmile.settings import Language


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One segment; `bar` is its relative effect as drawn, none where there is none."""

    segment: str
    n_control: int
    n_treatment: int
    difference: str
    relative: str
    bar: charts.ForestBar | None


@dataclass(frozen=True, slots=True)
class SegmentTable:
    """One effect by one dimension.

    Attributes:
        summary: The effect, the dimension, and what the test says.
        rows: The segments shown.
        notes: What is left out.
    """

    summary: str
    axis: charts.ForestAxis
    rows: tuple[SegmentRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DayTable:
    """One effect by day since exposure.

    Attributes:
        summary: The effect, and what the test of its trend says.
        rows: Day, and the difference with its interval.
        note: Whose effect it is.
    """

    summary: str
    rows: tuple[tuple[int, str], ...]
    note: str


def segment_tables(card: Scorecard, language: Language) -> tuple[SegmentTable, ...]:
    """One table a dimension, primary metric and treatment."""
    effects = _primary(card)
    return tuple(_segment_table(found, effects[found.metric, found.treatment], card, language) for found in card.segments)


def day_tables(card: Scorecard, language: Language) -> tuple[DayTable, ...]:
    """One table a primary metric and treatment."""
    effects = _primary(card)
    return tuple(_day_table(found, effects[found.metric, found.treatment], card, language) for found in card.by_day)


def _primary(card: Scorecard) -> dict[tuple[str, str], Effect]:
    return {(effect.metric, effect.treatment): effect for effect in card.effects if effect.segment == "all"}


def _segment_table(found: SegmentedEffect, effect: Effect, card: Scorecard, language: Language) -> SegmentTable:
    words = Catalogue(language)
    parts = [(_of_segment(effect, each), each) for each in found.effects]
    axis = charts.forest_axis([(part, each.relative_interval) for part, each in parts])
    if found.p_value_adjusted is not None:
        test = words("page.segments_differ" if found.is_different else "page.segments_alike", p=figures.p_value(found.p_value_adjusted))
    else:
        test = words("page.segments_weekly" if len(found.effects) > 1 else "page.segments_few")
    notes = [words.count("page.segments_more", found.more)] if found.more else []
    if found.suppressed:
        units = words(f"unit.{card.unit_type}.plural")
        notes.append(words.count("page.segments_suppressed", found.suppressed, least=found.least_units, units=units))
    return SegmentTable(
        summary=words("page.segments_summary", effect=_label(effect, words), dimension=found.dimension, test=test),
        axis=axis,
        rows=tuple(
            SegmentRow(
                segment=each.segment,
                n_control=each.n_control,
                n_treatment=each.n_treatment,
                difference=figures.change(each.absolute, each.absolute_interval, effect.display_unit, language),
                relative=figures.relative(each.relative, each.relative_interval, language),
                bar=charts.forest_bar(part, each.relative_interval, axis, language),
            )
            for part, each in parts
        ),
        notes=tuple(notes),
    )


def _of_segment(effect: Effect, part: SegmentEffect) -> Effect:
    """The effect in one segment, as far as a bar shows it; a segment decides nothing."""
    relative = Estimate(part.relative, None, part.relative_interval, None)
    return replace(
        effect, label=f"{effect.label}, {part.segment}", segment=part.segment, relative=relative, is_better=False, is_worse=False
    )


def _day_table(found: EffectByDay, effect: Effect, card: Scorecard, language: Language) -> DayTable:
    words = Catalogue(language)
    if found.p_value_adjusted is None:
        test = words("page.trend_unknown")
    else:
        test = words("page.trend_found" if found.is_trend else "page.trend_none", p=figures.p_value(found.p_value_adjusted))
    return DayTable(
        summary=words("page.by_day_summary", effect=_label(effect, words), test=test),
        rows=tuple((day.day, figures.change(day.estimate, day.interval, effect.display_unit, language)) for day in found.days),
        note=words(
            "page.by_day_note",
            units=words.count(f"units.{card.unit_type}", found.n_control + found.n_treatment),
            days=len(found.days),
        ),
    )


def _label(effect: Effect, words: Catalogue) -> str:
    return words("effect", metric=effect.label, treatment=effect.treatment)
