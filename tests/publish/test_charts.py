from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import example_digests as ex
from splitmile.publish import charts
from splitmile.results.comparisons import Interval
from splitmile.results.digests import EffectCourse, EffectPoint


def axis_of(*effects: ex.Effect) -> charts.ForestAxis:
    return charts.forest_axis([(e, e.relative.interval) for e in effects])


def test_the_forest_axis_is_symmetrical_and_has_zero_in_the_middle() -> None:
    axis = axis_of(ex.effect(), ex.cancellations())
    assert axis.x(0.0) == 120.0
    assert axis.x(0.01) - 120.0 == pytest.approx(120.0 - axis.x(-0.01))
    assert any(tick.label == "0" and tick.at == 120.0 for tick in axis.ticks)


def test_a_very_wide_interval_that_shows_nothing_is_cut_and_marked() -> None:
    wide = ex.effect(metric="wide", error=0.9)
    shown = [ex.effect(), ex.effect(metric="b"), wide]
    bar = charts.forest_bar(wide, wide.relative.interval, axis_of(*shown))
    assert bar is not None
    assert (bar.is_cut_left, bar.is_cut_right) == (True, True)


def test_a_harm_is_never_cut() -> None:
    harm = ex.cancellations(relative=0.9, is_worse=True)
    bar = charts.forest_bar(harm, harm.relative.interval, axis_of(ex.effect(), ex.effect(metric="b"), harm))
    assert bar is not None
    assert not bar.is_cut_right
    assert bar.tone == "worse"


def test_an_unbounded_end_reaches_the_edge() -> None:
    shown = ex.effect()
    bar = charts.forest_bar(shown, Interval(None, 0.01), axis_of(shown))
    assert bar is not None
    assert bar.is_cut_left
    assert not bar.is_cut_right


def test_no_relative_effect_no_bar() -> None:
    shown = ex.without_estimate(ex.effect(), "too few")
    assert charts.forest_bar(shown, None, axis_of(shown)) is None


def test_the_accepted_region_lies_on_the_good_side_of_a_guardrail() -> None:
    lower_is_better = charts.accepted_region(ex.cancellations())
    higher_is_better = charts.accepted_region(replace(ex.cancellations(), direction="increase"))
    assert lower_is_better is not None
    assert higher_is_better is not None
    assert lower_is_better[1] == 0.05
    assert higher_is_better[0] == -0.05


def test_a_course_stays_in_its_frame_and_breaks_where_days_are_missing() -> None:
    news = ex.ship()
    shown = news.scorecard.effects[0]
    course = ex.course(shown, news.scorecard, missing=(0, 9, 10))
    chart = charts.course_chart(course, shown, news.scorecard, width=880.0, height=300.0)
    assert len(chart.line_paths) == len(chart.band_paths) == 2
    assert len(chart.dots) == 25
    assert all(chart.left <= dot.x <= chart.right for dot in chart.dots)
    assert chart.top <= chart.zero <= chart.bottom
    assert chart.last is not None
    assert chart.last.label == "−2.06\N{NO-BREAK SPACE}%"
    assert chart.region is not None
    assert chart.top <= chart.region[0] < chart.region[1] <= chart.bottom


def test_higher_effects_are_drawn_higher() -> None:
    news = ex.ship()
    chart = charts.course_chart(news.courses[0], news.scorecard.effects[0], news.scorecard, width=360.0, height=240.0)
    heights = {dot.label.split(": ")[0]: dot.y for dot in chart.dots}
    points = {p.as_of_date.isoformat(): p.relative_estimate for p in news.courses[0].points if p.relative_estimate is not None}
    assert sorted(heights, key=heights.__getitem__) == sorted(points, key=points.__getitem__, reverse=True)


@pytest.mark.parametrize("days", [1, 2, 3])
def test_a_course_of_a_few_days_can_be_drawn(days: int) -> None:
    card = replace(ex.ship().scorecard, start_date=ex.TODAY - timedelta(days=days - 1), end_date=ex.TODAY)
    points = tuple(EffectPoint(card.start_date + timedelta(days=i), 0.0, Interval(None, 0.0)) for i in range(days))
    chart = charts.course_chart(EffectCourse("delivery_time", "ranked", points), card.effects[0], card, width=880.0, height=300.0)
    assert len(chart.dots) == days
    assert chart.x_ticks
