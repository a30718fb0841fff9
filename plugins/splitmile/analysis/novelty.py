"""Primary effects by day since exposure: does an effect fade, or grow, with the days?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from splitmile import stats
from splitmile.analysis.effects import FEW_UNITS
from splitmile.analysis.judgement import Pair
from splitmile.analysis.looks import corrected_for_looks
from splitmile.registry.plan import Metric, MetricKind, Plan, Role
from splitmile.results.breakdowns import DayEffect, EffectByDay
from splitmile.results.from_arrays import intervals, number, numbers
from splitmile.warehouse import Row, Warehouse

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
MOST_DAYS = 14
FEWEST_DAYS = 4

_COUNTED = """
    experiment_id = ? and not is_excluded and exposure_date <= ? and (contamination_date is null or contamination_date > ?)
"""
_EXPOSED = f"select variant, exposure_date, count(*) as units from marts.experiment_units where {_COUNTED} group by variant, exposure_date"


def effects_by_day(warehouse: Warehouse, plan: Plan, as_of: date) -> tuple[EffectByDay, ...]:
    """One entry a primary metric and treatment, of the units that were watched on all of the first days.

    Metrics with a window or a cap are left out, as these are defined by what a unit comes to over several days; so are quantiles.

    Args:
        warehouse: Where the units of this date are.
        plan: The experiment.
        as_of: The last business date that counts; a look of the plan.

    Source:
        Diggle et al. (2002), as in `stats.novelty`; Holm (1979).
    """
    pairs = _pairs(plan)
    if not pairs:
        return ()
    days = _days_watched(plan, as_of, warehouse.fetch(_EXPOSED, [plan.experiment_id, as_of, as_of]))
    if days is None:
        return ()
    metrics = [planned.metric for planned, _ in pairs]
    measures = list(dict.fromkeys(name for metric in metrics for name in (metric.numerator, metric.denominator) if name))
    variant = _variants_of(warehouse, plan, as_of - timedelta(days=days), as_of)
    return trends(plan, pairs, variant, _tables(warehouse, plan, as_of, days, measures, variant.size))


def trends(plan: Plan, pairs: Sequence[Pair], variant: IntArray, tables: Mapping[str, FloatArray]) -> tuple[EffectByDay, ...]:
    """The effects by day and their trends, from the units.

    Args:
        plan: The experiment.
        pairs: Primary metrics and treatments.
        variant: Index of each unit's variant in the plan, shape (units,).
        tables: By measure: what each unit came to on each day since its exposure, from day 1, shape (units, days).
    """
    names = [variant.name for variant in plan.variants]
    made = []
    for metric in {planned.metric.name: planned.metric for planned, _ in pairs}.values():
        daily = _daily(metric, tables, variant, len(names))
        own = [names.index(treatment.name) for planned, treatment in pairs if planned.metric.name == metric.name]
        made.append((metric, own, daily, stats.novelty(daily.take([0] * len(own)), daily.take(own))))
    p_values = np.concatenate([found.slope.p_value() for *_, found in made])
    adjusted = iter(numbers(corrected_for_looks(p_values, plan)))
    results = []
    for metric, own, daily, found in made:
        slopes = intervals(found.slope.interval(plan.alpha))
        by_day = [intervals(effects.interval(plan.alpha)) for effects in found.by_day]
        middle = np.mean([effects.estimate for effects in found.by_day], axis=0)
        reach = found.slope.estimate * (len(found.by_day) - 1) / 2
        for row, arm in enumerate(own):
            p_value_adjusted = next(adjusted)
            results.append(
                EffectByDay(
                    metric=metric.name,
                    treatment=names[arm],
                    n_control=int(daily.n[0]),
                    n_treatment=int(daily.n[arm]),
                    days=tuple(
                        DayEffect(day, number(effects.estimate[row]), by_day[day - 1][row])
                        for day, effects in enumerate(found.by_day, start=1)
                    ),
                    slope=number(found.slope.estimate[row]),
                    slope_interval=slopes[row],
                    first=number(middle[row] - reach[row]),
                    last=number(middle[row] + reach[row]),
                    p_value=number(found.slope.p_value()[row]),
                    p_value_adjusted=p_value_adjusted,
                    is_trend=p_value_adjusted is not None and p_value_adjusted < plan.alpha,
                )
            )
    return tuple(results)


def _pairs(plan: Plan) -> list[Pair]:
    return [
        (planned, treatment)
        for planned in plan.metrics
        if planned.role is Role.primary
        and planned.metric.kind is not MetricKind.quantile
        and planned.metric.window is None
        and planned.metric.cap is None
        for treatment in plan.treatments
    ]


def _days_watched(plan: Plan, as_of: date, exposed: Sequence[Row]) -> int | None:
    """For how many days to watch: the longer, the fewer units; none where there are too few however short it is.

    The variance of a slope goes with units × days³, so where that is largest the trend is sharpest. It knows only when units were
    exposed, nothing of what they did.
    """
    precision = {}
    for days in range(FEWEST_DAYS, MOST_DAYS + 1):
        units: Counter[str] = Counter()
        for row in exposed:
            units[row["variant"]] += row["units"] if row["exposure_date"] <= as_of - timedelta(days=days) else 0
        fewest = min(units[variant.name] for variant in plan.variants)
        if fewest >= FEW_UNITS:
            precision[days] = fewest * days**3
    return max(precision, key=lambda days: precision[days]) if precision else None


def _variants_of(warehouse: Warehouse, plan: Plan, exposed_by: date, as_of: date) -> IntArray:
    """The variant of each unit watched long enough, in the order of its place."""
    places = {variant.name: place for place, variant in enumerate(plan.variants)}
    rows = warehouse.fetch_frame(
        f"select variant from marts.experiment_units where {_COUNTED} order by unit_id", [plan.experiment_id, exposed_by, as_of]
    )
    return np.array(rows["variant"].map(places), dtype=np.int64)


def _tables(warehouse: Warehouse, plan: Plan, as_of: date, days: int, measures: Sequence[str], units: int) -> dict[str, FloatArray]:
    """Each measure of these units on each of the days; a day without a row is 0.

    The rows come as they are and find their places here: to put 42 columns side by side takes the engine three times as long.
    """
    rows = warehouse.fetch_frame(
        f"with units as (select unit_id, row_number() over (order by unit_id) - 1 as place from marts.experiment_units where {_COUNTED}) "
        f"select units.place, days.day_since_exposure, {', '.join(f'days.{measure}' for measure in measures)} "
        "from units inner join marts.experiment_unit_days as days on units.unit_id = days.unit_id "
        "where days.experiment_id = ? and days.business_date between ? and ? and days.day_since_exposure <= ?",
        [plan.experiment_id, as_of - timedelta(days=days), as_of, plan.experiment_id, plan.start_date, as_of, days],
    )
    place, day = (rows[name].to_numpy(dtype=np.int64) for name in ("place", "day_since_exposure"))
    tables = {measure: np.zeros((units, days)) for measure in measures}
    for measure, table in tables.items():
        table[place, day - 1] = rows[measure].to_numpy(dtype=np.float64)
    return tables


def _daily(metric: Metric, tables: Mapping[str, FloatArray], variant: IntArray, variants: int) -> stats.DailyEstimates:
    numerator = tables[metric.numerator]
    if metric.kind is MetricKind.proportion:
        numerator = (numerator > 0).astype(np.float64)
    denominator = None if metric.denominator is None else tables[metric.denominator]
    return stats.DailyEstimates.from_units(numerator, denominator, group=variant, groups=variants)
