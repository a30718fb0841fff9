"""Primary effects by day since exposure: does an effect fade, or grow, with the days?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from splitmile import stats
from splitmile.analysis.effects import FEW_UNITS
from splitmile.analysis.judgement import Pair
from splitmile.analysis.looks import corrected_for_looks
from splitmile.registry.plan import Metric, MetricKind, Plan, Role
from splitmile.results.breakdowns import DayEffect, EffectByDay
from splitmile.results.from_arrays import intervals, number, numbers
from splitmile.warehouse import Row, Warehouse

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
    metrics = list({planned.metric.name: planned.metric for planned, _ in pairs}.values())
    return trends(plan, pairs, days, _units(warehouse, plan, as_of, days, metrics))


def trends(plan: Plan, pairs: Sequence[Pair], days: int, units: pd.DataFrame) -> tuple[EffectByDay, ...]:
    """The effects by day and their trends, from the units.

    Args:
        plan: The experiment.
        pairs: Primary metrics and treatments.
        days: Watched of every unit.
        units: One row a unit with its `variant`, and a column a measure and day, such as `orders_1`.
    """
    names = [variant.name for variant in plan.variants]
    variant = units["variant"].map({name: place for place, name in enumerate(names)}).to_numpy(dtype=np.intp)
    made = []
    for metric in {planned.metric.name: planned.metric for planned, _ in pairs}.values():
        daily = _daily(metric, days, units, variant, len(names))
        own = [names.index(treatment.name) for planned, treatment in pairs if planned.metric.name == metric.name]
        made.append((metric, own, daily, stats.novelty(daily.take([0] * len(own)), daily.take(own))))
    p_values = np.concatenate([found.slope.p_value() for *_, found in made])
    adjusted = iter(numbers(corrected_for_looks(p_values, plan)))
    results = []
    for metric, own, daily, found in made:
        slopes = intervals(found.slope.interval(plan.alpha))
        by_day = [intervals(effects.interval(plan.alpha)) for effects in found.by_day]
        middle = np.mean([effects.estimate for effects in found.by_day], axis=0)
        reach = found.slope.estimate * (days - 1) / 2
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


def _units(warehouse: Warehouse, plan: Plan, as_of: date, days: int, metrics: Sequence[Metric]) -> pd.DataFrame:
    """The units watched on all these days, a column a measure and day; a day without a row is 0.

    Put side by side by the engine: one row a unit is much less to bring over than one a unit and day.
    """
    measures = list(dict.fromkeys(name for metric in metrics for name in (metric.numerator, metric.denominator) if name))
    columns = [(f"{measure}_{day}", measure, day) for measure in measures for day in range(1, days + 1)]
    sums = ", ".join(
        f"cast(sum(case when day_since_exposure = {day} then {measure} else 0 end) as bigint) as {name}" for name, measure, day in columns
    )
    return warehouse.fetch_frame(
        f"with units as (select unit_id, variant from marts.experiment_units where {_COUNTED}), "
        f"days as (select unit_id, {sums} from marts.experiment_unit_days "
        "where experiment_id = ? and business_date between ? and ? and day_since_exposure <= ? group by unit_id) "
        f"select units.variant, {', '.join(f'coalesce(days.{name}, 0) as {name}' for name, *_ in columns)} "
        # In one order: floats are added up, and a result must not differ from one run to the next.
        "from units left join days on units.unit_id = days.unit_id order by units.unit_id",
        [
            *(plan.experiment_id, as_of - timedelta(days=days), as_of),
            *(plan.experiment_id, plan.start_date, as_of, days),
        ],
    )


def _daily(metric: Metric, days: int, units: pd.DataFrame, variant: np.ndarray, variants: int) -> stats.DailyEstimates:
    def table(measure: str) -> np.ndarray:
        return units[[f"{measure}_{day}" for day in range(1, days + 1)]].to_numpy(dtype=np.float64)

    numerator = table(metric.numerator)
    if metric.kind is MetricKind.proportion:
        numerator = (numerator > 0).astype(np.float64)
    denominator = None if metric.denominator is None else table(metric.denominator)
    return stats.DailyEstimates.from_units(numerator, denominator, group=variant, groups=variants)
