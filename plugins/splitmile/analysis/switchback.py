"""A switchback experiment as of one business date: the windows of its schedule, their outcomes, and what the design allows to say.

Units are windows of zones, not zones, so that moments, sample ratio and contamination have no meaning here. While the experiment
runs, the regression's confidence sequence counts: its clock is the number of clusters, what the design drew independently. Each
adds a term that is a fair draw given all before it, which is what the sequence rests on. The estimates by the design alone and the
exact tests are for a single look, so they come at the planned end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.analysis.switchback_effects import (
    ORDER,
    DesignBased,
    FloatArray,
    design_based,
    regression_effects,
    window_outcomes,
)
from splitmile.analysis.verdict import decide
from splitmile.errors import AnalysisError
from splitmile.registry.plan import Plan, Switchback
from splitmile.results.scorecards import Contamination, SampleRatio, Scorecard, VariantCount
from splitmile.results.switchbacks import ScheduleCheck, SwitchbackChecks
from splitmile.settings import Settings, Trust
from splitmile.stats.switchback_rows import burn_in
from splitmile.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class WindowSums:
    """What the windows hold as of a date; arrays of shape (zones, windows).

    Attributes:
        measures: Sums after the burn-in, by measure; 0 where there is no order.
        burn_in_orders: Orders left out, of all windows together.
    """

    measures: Mapping[str, FloatArray]
    burn_in_orders: int


@dataclass(frozen=True, slots=True)
class ExposureCounts:
    """Exposures of zones so far: all, those of another variant than scheduled, and those without a window."""

    exposures: int = 0
    violations: int = 0
    outside: int = 0


def analyze_switchback(warehouse: Warehouse, settings: Settings, plan: Plan, as_of: date, revision: str) -> Scorecard:
    """The scorecard of a switchback experiment as of a business date, from the marts.

    Raises:
        AnalysisError: The marts hold a window that the design does not have.
        StatisticsError: The design's schedule is too short.
    """
    design = stats.SwitchbackDesign.from_dict(switchback_of(plan).design)
    over_before = settings.business_day.starts_at(as_of + timedelta(days=1))
    return compute_switchback(
        plan,
        as_of,
        over_before,
        read_windows(warehouse, plan, design, as_of),
        _read_exposures(warehouse, plan, as_of),
        settings.trust,
        revision,
    )


def compute_switchback(
    plan: Plan, as_of: date, over_before: datetime, sums: WindowSums, exposures: ExposureCounts, trust: Trust, revision: str
) -> Scorecard:
    """The scorecard from plain numbers.

    Args:
        plan: Of a switchback experiment.
        as_of: The business date.
        over_before: When it ends; a window counts once it is over.
        sums: Of the windows up to the date.
        exposures: Up to the date.
        trust: Which share of exposures may be off the schedule.
        revision: Of the registry.

    Raises:
        StatisticsError: The design's schedule is too short.
    """
    switchback = switchback_of(plan)
    design = stats.SwitchbackDesign.from_dict(switchback.design)
    has_ended = as_of >= plan.end_date
    arms = design.draw()
    counted = _counted_share(design, arms, switchback, over_before)
    outcomes = {planned.metric.name: window_outcomes(planned.metric, sums.measures, arms, counted) for planned in plan.metrics}
    effects = regression_effects(plan, design, outcomes, has_ended=has_ended)
    variants = _variants(plan, arms, counted)
    schedule = _schedule_check(exposures, trust)
    at_end = design_based(plan, design, outcomes) if has_ended else DesignBased()
    checks = SwitchbackChecks(
        zones=len(design.zones),
        windows=design.windows,
        window_minutes=design.window_minutes,
        burn_in_minutes=switchback.burn_in_minutes,
        burn_in_orders=sums.burn_in_orders,
        schedule=schedule,
        order=ORDER,
        effects=at_end.effects,
        randomization_tests=at_end.randomization_tests,
        carryover_tests=at_end.carryover_tests,
    )
    srm = SampleRatio(None, 1, None, None, is_mismatch=False, alarm_level=trust.sample_ratio_alarm)
    contamination = Contamination(0, None, is_alarming=False, limit=trust.contamination_limit)
    return Scorecard(
        experiment_id=plan.experiment_id,
        title=plan.title,
        owner=plan.owner,
        service=plan.service,
        hypothesis=plan.hypothesis,
        unit_type="window",
        as_of_date=as_of,
        start_date=plan.start_date,
        end_date=plan.end_date,
        has_ended=has_ended,
        alpha=plan.alpha,
        variants=variants,
        srm=srm,
        contamination=contamination,
        effects=effects,
        verdict=decide(effects, variants, srm, contamination, has_ended=has_ended, schedule=schedule),
        slack_channel=plan.slack_channel,
        switchback=checks,
        revision=revision,
    )


def read_windows(warehouse: Warehouse, plan: Plan, design: stats.SwitchbackDesign, as_of: date) -> WindowSums:
    """The sums of the measures that the plan's metrics need, over all business dates up to one.

    Raises:
        AnalysisError: The marts hold a window that the design does not have.
    """
    measures = sorted({name for planned in plan.metrics for name in (planned.metric.numerator, planned.metric.denominator) if name})
    # A sum of whole numbers this small is exact in a double.
    columns = ", ".join(f"cast(sum({name}) as double precision) as {name}" for name in ("burn_in_orders", *measures))
    frame = warehouse.fetch_frame(
        f"select zone_id, window_number, {columns} from marts.switchback_window_days "
        "where experiment_id = ? and business_date between ? and ? group by zone_id, window_number",
        [plan.experiment_id, plan.start_date, as_of],
    )
    place = {name: index for index, name in enumerate(design.zones)}
    zone = np.array([place.get(name, -1) for name in frame["zone_id"]], dtype=np.int64)
    window = frame["window_number"].to_numpy(dtype=np.int64)
    if np.any((zone < 0) | (window < 0) | (window >= design.windows)):
        raise AnalysisError(
            f"{plan.experiment_id}: marts.switchback_window_days has windows that the experiment's design has not; "
            "run dbt again from the experiment's start on"
        )

    def laid_out(column: str) -> FloatArray:
        sums = np.zeros(design.shape)
        sums[zone, window] = frame[column].to_numpy(dtype=np.float64)
        return sums

    return WindowSums({name: laid_out(name) for name in measures}, int(frame["burn_in_orders"].sum()))


def switchback_of(plan: Plan) -> Switchback:
    """The design of a switchback experiment.

    Raises:
        AnalysisError: It is none.
    """
    if plan.switchback is None:
        raise AnalysisError(f"{plan.experiment_id} is no switchback experiment; its units keep their variant")
    return plan.switchback


def _read_exposures(warehouse: Warehouse, plan: Plan, as_of: date) -> ExposureCounts:
    row = warehouse.fetch(
        "select coalesce(sum(exposures), 0) as exposures, coalesce(sum(violations), 0) as violations, "
        "coalesce(sum(outside), 0) as outside from marts.switchback_exposures_daily "
        "where experiment_id = ? and business_date between ? and ?",
        [plan.experiment_id, plan.start_date, as_of],
    )[0]
    return ExposureCounts(int(row["exposures"]), int(row["violations"]), int(row["outside"]))


def _counted_share(design: stats.SwitchbackDesign, arms: NDArray[np.int8], switchback: Switchback, over_before: datetime) -> FloatArray:
    """Share of each window's length that counts, (zones, windows): 0 before it is over, less than 1 with a burn-in."""
    ends = (np.arange(design.windows) + 1) * design.window_minutes
    is_over = ends <= (over_before - design.start) / timedelta(minutes=1)
    return np.asarray(is_over * (1 - burn_in(design, arms, switchback.burn_in_minutes) / design.window_minutes), dtype=np.float64)


def _variants(plan: Plan, arms: NDArray[np.int8], counted: FloatArray) -> tuple[VariantCount, ...]:
    """Windows of each variant that are over, the control first."""
    windows = [int(np.count_nonzero((arms == arm) & (counted > 0))) for arm in (0, 1)]
    total = sum(windows)
    return tuple(
        VariantCount(variant.name, variant.is_control, count, variant.planned_share, count / total if total else None)
        for variant, count in zip(plan.variants, windows, strict=True)
    )


def _schedule_check(found: ExposureCounts, trust: Trust) -> ScheduleCheck:
    within = found.exposures - found.outside
    share = found.violations / within if within else None
    limit = trust.contamination_limit
    return ScheduleCheck(found.exposures, found.outside, found.violations, share, is_broken=(share or 0.0) > limit, limit=limit)
