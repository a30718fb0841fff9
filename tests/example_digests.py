"""Example results, built by hand: every kind of verdict that a digest can carry."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

from splitmile.results.breakdowns import DayEffect, EffectByDay, SegmentedEffect, SegmentEffect
from splitmile.results.comparisons import BayesianView, CovariateAdjustment, Effect, Estimate, Interval, NonInferiority, SequentialEstimate
from splitmile.results.digests import DataWarning, Digest, EffectCourse, EffectPoint, ExperimentNews, Restatement
from splitmile.results.scorecards import (
    Contamination,
    Decision,
    Outlook,
    Reason,
    ReasonCode,
    SampleRatio,
    Scorecard,
    SegmentRatio,
    VariantCount,
    Verdict,
)

TODAY = date(2026, 3, 29)
Z = 1.96


def effect(
    metric: str = "delivery_time",
    label: str = "Delivery time",
    *,
    role: str = "primary",
    relative: float = -0.0206,
    error: float = 0.0043,
    control_value: float = 2004.0,
    unit: str = "s",
    direction: str = "decrease",
    treatment: str = "ranked",
    control: str = "current",
    units: int = 451,
    margin: float | None = None,
    minimum_effect: float | None = None,
    is_better: bool = False,
    is_worse: bool = False,
    variance_removed: float | None = None,
    is_safe: bool = True,
) -> Effect:
    """One effect from its relative size and standard error; the anytime-valid interval is 1.6 times as wide as the fixed one."""

    def around(centre: float, spread: float) -> Interval:
        return Interval(centre - spread, centre + spread)

    p_value = math.erfc(abs(relative / error) / math.sqrt(2))
    absolute, absolute_error = relative * control_value, error * control_value
    without = None
    if variance_removed is not None:
        wider = error / math.sqrt(1 - variance_removed)
        unadjusted = Estimate(0.9 * relative, wider, around(0.9 * relative, Z * wider), 5 * p_value)
        without = CovariateAdjustment(0.83, variance_removed, unadjusted)
    gain = -relative if direction == "decrease" else relative
    chance = (1 + math.erf(gain / error / math.sqrt(2))) / 2
    return Effect(
        metric=metric,
        label=label,
        kind="ratio" if unit != "KRW" else "mean",
        role=role,
        direction=direction,
        display_unit=unit,
        segment="all",
        control=control,
        treatment=treatment,
        n_control=units,
        n_treatment=units + 3,
        control_value=control_value,
        treatment_value=control_value * (1 + relative),
        absolute=Estimate(absolute, absolute_error, around(absolute, Z * absolute_error), p_value),
        relative=Estimate(relative, error, around(relative, Z * error), p_value),
        degrees_of_freedom=2 * units - 2.0,
        method="cuped" if without else "delta" if unit != "KRW" else "welch",
        sequential=SequentialEstimate(around(absolute, 1.6 * Z * absolute_error), around(relative, 1.6 * Z * error), min(1.0, 6 * p_value)),
        p_value_adjusted=None if role == "guardrail" else min(1.0, 12 * p_value),
        covariate=without,
        bayesian=BayesianView(chance, 0.4 * error * (1 - chance), around(0.97 * relative, 0.98 * Z * error), 0.05),
        margin=margin,
        minimum_effect=minimum_effect,
        is_better=is_better,
        is_worse=is_worse,
        non_inferiority=NonInferiority(
            0.004 if is_safe and not is_worse else 0.2, 1e-6 if is_worse else 0.8, is_safe and not is_worse, is_worse
        )
        if role == "guardrail"
        else None,
    )


def without_estimate(like: Effect, reason: str) -> Effect:
    """The effect of an experiment that has too little data."""
    nothing = Estimate(None, None, None, None, reason)
    return replace(
        like,
        control_value=None,
        treatment_value=None,
        absolute=nothing,
        relative=nothing,
        degrees_of_freedom=None,
        sequential=None,
        p_value_adjusted=None,
        covariate=None,
        bayesian=None,
        is_better=False,
        is_worse=False,
    )


def cancellations(
    *, treatment: str = "ranked", control: str = "current", relative: float = 0.004, is_worse: bool = False, is_safe: bool = True
) -> Effect:
    """A guardrail."""
    return effect(
        "cancellation_rate",
        "Cancellation rate",
        role="guardrail",
        relative=relative,
        error=0.017,
        control_value=0.0412,
        unit="%",
        treatment=treatment,
        control=control,
        margin=0.05,
        is_worse=is_worse,
        is_safe=is_safe,
    )


def revenue(*, treatment: str = "ranked", control: str = "current") -> Effect:
    """A secondary metric."""
    return effect(
        "revenue_per_unit",
        "Revenue per courier",
        role="secondary",
        relative=0.0071,
        error=0.0094,
        control_value=1_284_310.0,
        unit="KRW",
        direction="increase",
        treatment=treatment,
        control=control,
    )


def by_vehicle(shown: Effect, changes: dict[str, float], p_value: float, *, more: int = 0, suppressed: int = 0) -> SegmentedEffect:
    """An effect by vehicle, its relative size given for each."""
    parts = []
    for place, (vehicle, change) in enumerate(changes.items()):
        spread = 0.012 + 0.004 * place
        ends, level = (change - spread, change + spread), shown.control_value or 0.0
        absolute = Interval(level * ends[0], level * ends[1])
        parts.append(SegmentEffect(vehicle, 210 - 30 * place, 205 - 20 * place, level * change, absolute, change, Interval(*ends)))
    return SegmentedEffect(
        dimension="vehicle",
        metric=shown.metric,
        treatment=shown.treatment,
        effects=tuple(parts),
        more=more,
        suppressed=suppressed,
        least_units=100,
        i_squared=0.7,
        p_value=p_value / 4,
        p_value_adjusted=p_value,
        is_different=p_value < 0.05,
    )


def by_day(shown: Effect, first: float, last: float, p_value: float | None) -> EffectByDay:
    """An effect that goes from one size to another over five days, in the metric's unit."""
    slope = (last - first) / 4
    estimates = [first + slope * place for place in range(5)]
    return EffectByDay(
        metric=shown.metric,
        treatment=shown.treatment,
        n_control=180,
        n_treatment=176,
        days=tuple(DayEffect(day, estimate, Interval(estimate - 20, estimate + 20)) for day, estimate in enumerate(estimates, start=1)),
        slope=slope,
        slope_interval=Interval(slope - 3, slope + 3),
        first=first,
        last=last,
        p_value=None if p_value is None else p_value / 4,
        p_value_adjusted=p_value,
        is_trend=p_value is not None and p_value < 0.05,
    )


def scorecard(
    experiment_id: str,
    title: str,
    decision: Decision,
    reasons: tuple[Reason, ...],
    effects: tuple[Effect, ...],
    *,
    service: str = "dispatch recommendation",
    unit_type: str = "courier",
    treatment: str = "ranked",
    control: str = "current",
    units: tuple[int, int] = (451, 454),
    mismatch: bool = False,
    contaminated: int = 2,
    start: date = date(2026, 3, 2),
    days: int = 28,
    as_of: date = TODAY,
    slack_channel: str | None = None,
    planning: tuple[Outlook, ...] = (),
    segments: tuple[SegmentedEffect, ...] = (),
    days_since_exposure: tuple[EffectByDay, ...] = (),
) -> Scorecard:
    """A two-armed experiment; its units came over the first three days in equal parts, or on one where the split is broken."""
    total = sum(units)
    share = contaminated / (total + contaminated) if total else None
    end = start + timedelta(days=days - 1)
    return Scorecard(
        experiment_id=experiment_id,
        title=title,
        owner=f"{experiment_id.split('_', maxsplit=1)[0]}-team@example.com",
        service=service,
        hypothesis=f"{title}: orders reach customers sooner, and no more of them are cancelled.",
        unit_type=unit_type,
        as_of_date=as_of,
        start_date=start,
        end_date=end,
        has_ended=as_of >= end,
        alpha=0.05,
        variants=(
            VariantCount(control, True, units[0], 0.5, units[0] / total if total else None),
            VariantCount(treatment, False, units[1], 0.5, units[1] / total if total else None),
        ),
        srm=split(units, mismatch, start, as_of),
        contamination=Contamination(contaminated, share, share is not None and share > 0.01, 0.01),
        effects=effects,
        verdict=Verdict(decision, reasons),
        planning=planning,
        segments=segments,
        by_day=days_since_exposure,
        slack_channel=slack_channel,
        revision="0f3c2a9d41b7e68c5d10",
    )


def split(units: tuple[int, int], mismatch: bool, start: date, as_of: date) -> SampleRatio:
    """The check of the split, over all units and by the days of exposure."""

    def tail(counts: tuple[int, ...]) -> float:
        return math.erfc(math.sqrt((counts[0] - counts[1]) ** 2 / sum(counts) / 2))

    if not sum(units):
        return SampleRatio(None, 1, None, None, mismatch, 0.001)
    days = 1 if mismatch else min(3, (as_of - start).days + 1)
    parts = [tuple(count // days + (index < count % days) for count in units) for index in range(days)]
    p_value = tail(units)
    return SampleRatio(
        statistic=(units[0] - units[1]) ** 2 / sum(units),
        degrees_of_freedom=1,
        p_value=p_value,
        sequential_p_value=min(1.0, 20 * p_value),
        is_mismatch=mismatch,
        alarm_level=0.001,
        by_day=tuple(
            SegmentRatio(
                (start + timedelta(days=index)).isoformat(),
                part,
                tail(part) if sum(part) >= 10 else None,
                min(1.0, days * tail(part)) if sum(part) >= 10 else None,
                mismatch,
            )
            for index, part in enumerate(parts)
        ),
    )


def course(shown: Effect, card: Scorecard, *, missing: tuple[int, ...] = (0,)) -> EffectCourse:
    """A course that narrows towards today's estimate; the days in `missing` have none."""
    days = (card.as_of_date - card.start_date).days + 1
    final = shown.relative.estimate or 0.0
    error = shown.relative.standard_error or 0.01
    points = []
    for index in range(days):
        day = card.start_date + timedelta(days=index)
        spread = 1.6 * Z * error * math.sqrt(days / (index + 1))
        centre = final + 0.8 * spread * math.sin(1.7 * index) * (days - 1 - index) / days
        absent = index in missing
        points.append(EffectPoint(day, None if absent else centre, None if absent else Interval(centre - spread, centre + spread)))
    return EffectCourse(shown.metric, shown.treatment, tuple(points))


def news(card: Scorecard, previous: Decision | None) -> ExperimentNews:
    """A card with the courses of its primary and guardrail metrics."""
    courses = tuple(course(e, card) for e in card.effects if e.role != "secondary" and e.segment == "all")
    return ExperimentNews(card, previous, courses)


def invalid_by_ratio() -> ExperimentNews:
    """A sample ratio mismatch, over effects that would look like a win."""
    shown = effect(treatment="merged", control="split", relative=-0.0777, is_better=True, minimum_effect=0.01)
    card = scorecard(
        "region_merge",
        "Region recommendation merges neighbouring zones",
        Decision.invalid,
        (Reason(ReasonCode.sample_ratio_mismatch), Reason(ReasonCode.primary_better, "delivery_time", "merged")),
        (shown, cancellations(treatment="merged", control="split")),
        service="region recommendation",
        treatment="merged",
        control="split",
        units=(561, 389),
        mismatch=True,
    )
    return news(card, Decision.keep_running)


def invalid_by_contamination() -> ExperimentNews:
    """Units seen in both variants."""
    card = scorecard(
        "tms_batching",
        "TMS engine batches two orders a trip",
        Decision.invalid,
        (Reason(ReasonCode.contamination),),
        (effect(treatment="batched", control="single", minimum_effect=0.01),),
        service="TMS engine",
        treatment="batched",
        control="single",
        contaminated=63,
    )
    return news(card, Decision.invalid)


def harmful() -> ExperimentNews:
    """A guardrail harmed beyond its margin while the primary metric gets better."""
    shown = effect(treatment="tight", control="wide", relative=-0.0142, minimum_effect=0.01, is_better=True)
    harmed = cancellations(treatment="tight", control="wide", relative=0.131, is_worse=True)
    card = scorecard(
        "promise_window",
        "Delivery-time prediction promises tighter windows",
        Decision.harmful,
        (Reason(ReasonCode.guardrail_harmed, "cancellation_rate", "tight"), Reason(ReasonCode.primary_better, "delivery_time", "tight")),
        (shown, revenue(treatment="tight", control="wide"), harmed),
        service="delivery-time prediction",
        unit_type="store",
        treatment="tight",
        control="wide",
        start=date(2026, 3, 9),
        slack_channel="#promise",
    )
    return news(card, Decision.keep_running)


def ship() -> ExperimentNews:
    """A win at its planned end."""
    shown = effect(minimum_effect=0.01, is_better=True, variance_removed=0.38)
    card = scorecard(
        "dispatch_ranking",
        "Dispatch recommendation ranks couriers by predicted arrival",
        Decision.ship,
        (Reason(ReasonCode.primary_better, "delivery_time", "ranked"),),
        (shown, revenue(), cancellations()),
        segments=(by_vehicle(shown, {"bike": -0.024, "car": -0.017}, 0.61, suppressed=1),),
        days_since_exposure=(by_day(shown, -45.0, -37.0, 1.0),),
    )
    counts = ((210, 205), (180, 185))
    split_by_vehicle = tuple(
        SegmentRatio(f"vehicle={name}", part, 0.8, 1.0, False) for name, part in zip(("bike", "car"), counts, strict=True)
    )
    return news(replace(card, srm=replace(card.srm, by_segment=split_by_vehicle)), Decision.keep_running)


def no_effect() -> ExperimentNews:
    """An interval inside the band of effects that do not matter."""
    shown = effect(treatment="graph", control="tree", relative=0.0004, error=0.0031, minimum_effect=0.01)
    card = scorecard(
        "route_graph",
        "Route prediction on the road graph",
        Decision.no_effect,
        (Reason(ReasonCode.inside_band, "delivery_time", "graph"),),
        (shown, cancellations(treatment="graph", control="tree")),
        segments=(by_vehicle(shown, {"bike": -0.031, "car": 0.014, "moped": -0.002}, 0.012, more=2, suppressed=4),),
        days_since_exposure=(by_day(shown, -42.0, 11.0, 0.008),),
        service="route prediction",
        treatment="graph",
        control="tree",
    )
    return news(card, Decision.no_effect)


def keep_running() -> ExperimentNews:
    """An experiment in its second week, whose relative guardrail has no estimate."""
    shown = effect(treatment="hourly", control="daily", relative=-0.0093, error=0.0081, minimum_effect=0.01)
    guardrail = replace(
        cancellations(treatment="hourly", control="daily"),
        relative=Estimate(None, None, None, None, "the control's rate may be zero"),
    )
    card = scorecard(
        "demand_hourly",
        "Demand prediction refreshed every hour",
        Decision.keep_running,
        (Reason(ReasonCode.undecided, "delivery_time", "hourly"),),
        (shown, guardrail),
        service="demand prediction",
        unit_type="zone",
        treatment="hourly",
        control="daily",
        units=(212, 208),
        start=date(2026, 3, 16),
        planning=(Outlook("delivery_time", "hourly", 0.01, 0.0121, 1870, 9, 0.8),),
    )
    return news(card, Decision.keep_running)


def first_day() -> ExperimentNews:
    """An experiment that began today, with no estimate yet; its title wants to break the message."""
    shown = without_estimate(effect(treatment="nearest", control="fair", minimum_effect=0.01), "fewer than 2 units in nearest")
    card = scorecard(
        "dispatch_nearest",
        "Dispatch: <nearest> & *fastest* courier <!channel>",
        Decision.keep_running,
        (Reason(ReasonCode.no_estimate, "delivery_time", "nearest"),),
        (shown,),
        treatment="nearest",
        control="fair",
        units=(3, 1),
        contaminated=0,
        start=TODAY,
        slack_channel="#dispatch",
    )
    return news(card, None)


def no_units() -> ExperimentNews:
    """An experiment that nobody has met."""
    card = scorecard(
        "store_slots",
        "Store slots by predicted demand",
        Decision.keep_running,
        (Reason(ReasonCode.no_units),),
        (without_estimate(effect(treatment="slots", control="queue"), "no unit has been exposed"),),
        service="demand prediction",
        unit_type="store",
        treatment="slots",
        control="queue",
        units=(0, 0),
        contaminated=0,
        start=TODAY,
    )
    return news(card, None)


def whole_day() -> Digest:
    """Every verdict, two warnings and a restatement."""
    return Digest(
        as_of_date=TODAY,
        news=(
            invalid_by_ratio(),
            invalid_by_contamination(),
            harmful(),
            ship(),
            no_effect(),
            keep_running(),
            first_day(),
            no_units(),
        ),
        warnings=(
            DataWarning("block", "route_broken", "experiments/route_broken.yaml:14: shares add up to 0.9, not 1; correct them."),
            DataWarning("warn", "deliveries", "38,412 rows, 31 % fewer than the trailing week; late files are loaded as they arrive."),
        ),
        restatements=(
            Restatement("dispatch_ranking", "delivery_time", "ranked", date(2026, 3, 27), -0.0188, -0.0197, "Late deliveries were loaded."),
            Restatement("region_merge", "delivery_time", "merged", date(2026, 3, 27), -0.0701, -0.0788, "Late deliveries were loaded."),
        ),
        orders=61_204,
        deliveries=58_917,
    )


def quiet_day() -> Digest:
    """Nothing to decide and nothing to warn of."""
    return Digest(TODAY, (keep_running(),), (), (), 61_204, 58_917)


def crowded_day(experiments: int = 60) -> Digest:
    """More experiments than one message holds, with titles as long as people write them."""
    few = whole_day()
    rest = tuple(
        replace(
            keep_running(),
            scorecard=replace(
                keep_running().scorecard,
                experiment_id=f"demand_hourly_{index}",
                title=f"Demand prediction refreshed every hour & weighted by the weather of zone group {index}",
            ),
        )
        for index in range(experiments - len(few.news))
    )
    return replace(few, news=few.news + rest)


def in_korean(digest: Digest) -> Digest:
    """The same day, told in Korean."""
    return replace(digest, language="ko")


def unproven() -> ExperimentNews:
    """A win whose guardrail is not shown to be safe."""
    news_of_ship = ship()
    card = news_of_ship.scorecard
    guardrail = cancellations(is_safe=False)
    reasons = (*card.verdict.reasons, Reason(ReasonCode.guardrail_unproven, guardrail.metric, guardrail.treatment))
    changed = replace(card, effects=(*card.effects[:-1], guardrail), verdict=Verdict(Decision.ship, reasons))
    return replace(news_of_ship, scorecard=changed)
