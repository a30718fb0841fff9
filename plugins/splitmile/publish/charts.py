"""Geometry of the charts: data in, coordinates out; the template `charts.html` draws them as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from splitmile.publish import figures
from splitmile.results.catalogue import Catalogue
from splitmile.results.comparisons import Effect, Interval
from splitmile.results.digests import EffectCourse, EffectPoint
from splitmile.results.scorecards import Scorecard
from splitmile.settings import Language

_Dates = Callable[[date], float]
_Fractions = Callable[[float], float]

_FOREST_WIDTH = 240.0
_FOREST_MARGIN = 8.0
_FAR = 1e6  # an unbounded end lies far outside every picture, which clips it
_CLIP_AT_MEDIANS = 4.0
_SETTLED_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class ForestAxis:
    """The scale that all bars of one table share: zero in the middle, `extent` (a fraction) at both ends."""

    extent: float
    ticks: tuple[Tick, ...]

    def x(self, fraction: float) -> float:
        """Where a relative effect lies; what is outside lies at the edge."""
        half = _FOREST_WIDTH / 2
        shown = max(-1.0, min(1.0, fraction / self.extent))
        return round(half + shown * (half - _FOREST_MARGIN), 2)


@dataclass(frozen=True, slots=True)
class ForestBar:
    """One relative effect with its interval on a `ForestAxis`.

    Attributes:
        left, right: Ends of the interval.
        is_cut_left, is_cut_right: The end lies outside the picture.
        point: The estimate.
        tone: `better`, `worse` or `open`.
        band: The region that is accepted: the effects too small to matter, or the guardrail's side up to its margin.
        label: For readers who hear it.
    """

    left: float
    right: float
    is_cut_left: bool
    is_cut_right: bool
    point: float
    tone: str
    band: tuple[float, float] | None
    label: str


@dataclass(frozen=True, slots=True)
class CourseDot:
    """One as-of date on the line."""

    x: float
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class CourseChart:
    """A relative effect over the as-of dates.

    Attributes:
        width, height: Of the drawing; `left`, `right`, `top`, `bottom` frame its plot.
        band_paths: The anytime-valid interval, one closed path per unbroken stretch of days.
        line_paths: The estimate, likewise.
        dots: Every estimate.
        last: The newest one, labelled; `None` without any.
        zero: Height of no effect.
        region: Top and bottom of the accepted region; `None` without one.
        x_ticks, y_ticks: Labelled places.
        end_x: The planned end.
        chart_id: Unique in the page.
    """

    chart_id: str
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    band_paths: tuple[str, ...]
    line_paths: tuple[str, ...]
    dots: tuple[CourseDot, ...]
    last: CourseDot | None
    zero: float
    region: tuple[float, float] | None
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    end_x: float


def forest_axis(shown: Sequence[tuple[Effect, Interval | None]]) -> ForestAxis:
    """A scale on which most relative intervals can be read; very wide ones that show nothing are cut."""
    reaches = [(max(map(abs, _ends(interval))), effect.is_worse or effect.is_better) for effect, interval in shown if _ends(interval)]
    typical = sorted(reach for reach, _ in reaches)[len(reaches) // 2] if reaches else 0.01
    limits = [limit for effect, _ in shown for limit in (effect.margin, effect.minimum_effect) if limit is not None]
    readable = [reach for reach, is_found in reaches if is_found or reach <= _CLIP_AT_MEDIANS * typical]
    extent = 1.08 * max([0.001, typical, *readable, *(limit for limit in limits if limit <= 2 * typical)])
    axis = ForestAxis(extent, ())
    return ForestAxis(extent, tuple(Tick(axis.x(at), label) for at, label in _steps(-extent, extent, 4)))


def forest_bar(effect: Effect, interval: Interval | None, axis: ForestAxis, language: Language = "en") -> ForestBar | None:
    """The bar of one effect; none where there is no relative effect."""
    estimate = effect.relative.estimate
    if estimate is None or interval is None:
        return None
    low = -_FAR if interval.low is None else interval.low
    high = _FAR if interval.high is None else interval.high
    region = accepted_region(effect)
    return ForestBar(
        left=axis.x(low),
        right=axis.x(high),
        is_cut_left=low < -axis.extent,
        is_cut_right=high > axis.extent,
        point=axis.x(estimate),
        tone=tone(effect),
        band=(axis.x(region[0]), axis.x(region[1])) if region else None,
        label=f"{Catalogue(language)('effect', metric=effect.label, treatment=effect.treatment)}: "
        f"{figures.relative(estimate, interval, language)}",
    )


def tone(effect: Effect) -> str:
    """How an effect is coloured."""
    return "worse" if effect.is_worse else "better" if effect.is_better else "open"


def accepted_region(effect: Effect) -> tuple[float, float] | None:
    """Relative effects that do not matter, or that a guardrail accepts as no harm, as fractions."""
    if effect.role == "primary" and effect.minimum_effect is not None:
        return -effect.minimum_effect, effect.minimum_effect
    if effect.role == "guardrail" and effect.margin is not None:
        return (-_FAR, effect.margin) if effect.direction == "decrease" else (-effect.margin, _FAR)
    return None


def course_chart(
    course: EffectCourse, effect: Effect, card: Scorecard, *, width: float, height: float, language: Language = "en"
) -> CourseChart:
    """The chart of one course; its x axis reaches to the planned end, so that progress shows."""
    left, right, top, bottom = 58.0, width - 80.0, 14.0, height - 30.0
    low, high = _range(course.points, effect)
    last_day = max(card.end_date, course.points[-1].as_of_date if course.points else card.end_date)
    span = max((last_day - card.start_date).days, 1)

    def x(a_date: date) -> float:
        return round(left + (a_date - card.start_date).days / span * (right - left), 2)

    def y(fraction: float) -> float:
        return round(top + (high - max(-_FAR, min(_FAR, fraction))) / (high - low) * (bottom - top), 2)

    dots = tuple(
        CourseDot(
            x(p.as_of_date),
            y(p.relative_estimate),
            f"{p.as_of_date}: {figures.relative(p.relative_estimate, p.relative_interval, language)}",
        )
        for p in course.points
        if p.relative_estimate is not None
    )
    newest = next((p for p in reversed(course.points) if p.relative_estimate is not None), None)
    region = accepted_region(effect)
    return CourseChart(
        chart_id=f"{course.metric}-{course.treatment}-{width:.0f}",
        width=width,
        height=height,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        band_paths=tuple(_band(stretch, x, y) for stretch in _stretches(course.points, needs_interval=True)),
        line_paths=tuple(_line(stretch, x, y) for stretch in _stretches(course.points, needs_interval=False)),
        dots=dots,
        last=CourseDot(dots[-1].x, dots[-1].y, figures.percent_change(newest.relative_estimate)) if newest else None,
        zero=y(0.0),
        region=(max(top, y(region[1])), min(bottom, y(region[0]))) if region else None,
        x_ticks=tuple(
            Tick(x(a_date), Catalogue(language).short_day(a_date))
            for a_date in _tick_dates(card.start_date, last_day, 7 if width > 500 else 3)
        ),
        y_ticks=tuple(Tick(y(at), label) for at, label in _steps(low, high, 5)),
        end_x=x(card.end_date),
    )


def _range(points: Sequence[EffectPoint], effect: Effect) -> tuple[float, float]:
    """Lowest and highest effect shown: settled days whole, the wide intervals of the first days cut."""
    settled = [p for p in points[math.floor(len(points) * _SETTLED_SHARE) :] if p.relative_estimate is not None] or list(points)
    ends = [end for p in settled for end in _ends(p.relative_interval)]
    estimates = [p.relative_estimate for p in points if p.relative_estimate is not None]
    limits = [limit for limit in (effect.minimum_effect, effect.margin) if limit is not None]
    reach = max((abs(end) for end in ends), default=0.01)
    marks = [mark for limit in limits for mark in (-limit, limit) if abs(mark) <= 2 * reach]
    shown = [0.0, *ends, *marks, *(e for e in estimates if abs(e) <= 2 * reach)]
    low, high = min(shown), max(shown)
    pad = 0.08 * ((high - low) or 0.01)
    return low - pad, high + pad


def _ends(interval: Interval | None) -> list[float]:
    return [] if interval is None else [end for end in (interval.low, interval.high) if end is not None]


def _stretches(points: Sequence[EffectPoint], *, needs_interval: bool) -> list[list[EffectPoint]]:
    """Runs of days that have an estimate, and an interval where one is needed."""
    runs: list[list[EffectPoint]] = [[]]
    for point in points:
        if point.relative_estimate is not None and (point.relative_interval is not None or not needs_interval):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _band(run: Sequence[EffectPoint], x: _Dates, y: _Fractions) -> str:
    upper = [(x(p.as_of_date), y(_bound(p.relative_interval, high=True))) for p in run]
    lower = [(x(p.as_of_date), y(_bound(p.relative_interval, high=False))) for p in reversed(run)]
    return _path([*upper, *lower]) + " Z"


def _bound(interval: Interval | None, *, high: bool) -> float:
    end = None if interval is None else interval.high if high else interval.low
    return (_FAR if high else -_FAR) if end is None else end


def _line(run: Sequence[EffectPoint], x: _Dates, y: _Fractions) -> str:
    return _path([(x(p.as_of_date), y(p.relative_estimate or 0.0)) for p in run])


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{a:g},{b:.2f}" for a, b in places)


def _steps(low: float, high: float, about: int) -> list[tuple[float, str]]:
    """Round values between two fractions with their labels in per cent, zero among them."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= rough * 0.999)
    decimals = max(0, -math.floor(math.log10(step * 100)))
    if not math.isclose(step * 100 * 10**decimals, round(step * 100 * 10**decimals)):
        decimals += 1
    values = [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [(at, "0" if at == 0 else figures.percent_change(at, decimals)) for at in values]


def _tick_dates(first: date, last: date, about: int) -> list[date]:
    """Evenly spaced dates, whole weeks apart where the time is long enough, and the last one where it does not crowd."""
    days = (last - first).days
    step = max(1, math.ceil(days / about))
    if step > 3:
        step = math.ceil(step / 7) * 7
    dates = [first + timedelta(days=offset) for offset in range(0, days + 1, step)]
    return dates if (last - dates[-1]).days < 0.7 * step else [*dates, last]
