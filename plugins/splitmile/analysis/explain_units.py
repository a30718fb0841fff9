"""What a number is made of, of an experiment whose units keep their variant: the units, sums, rows and SQL behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from math import isfinite

from splitmile import stats
from splitmile.analysis.moments import MomentSums, moments_of
from splitmile.analysis.provenance import SAMPLE_SIZE, compiled_models, day_of, described, effects, measure_uses
from splitmile.analysis.reproduction import PARTS, complete_from, moments_query, quantile_query
from splitmile.analysis.trail import unit_trail
from splitmile.registry.plan import Metric, MetricKind, Plan, PlannedMetric
from splitmile.results.explanations import MeasureUse, UnitCounts, UnitsExplanation, UnitValue, VariantMoments
from splitmile.settings import Settings
from splitmile.warehouse import Row, Warehouse

_MODELS = ("experiment_moments", "experiment_unit_metrics", "experiment_units", "unit_totals", "unit_days", "int_deliveries_timed")
_WINDOW_MODELS = ("experiment_unit_windows",)


def explain_units(
    warehouse: Warehouse,
    settings: Settings,
    plan: Plan,
    planned: PlannedMetric,
    expressions: Mapping[str, str],
    *,
    as_of: date | None,
    unit_id: str | None,
) -> UnitsExplanation:
    """As `explain`, of a plan without a switchback.

    Raises:
        AnalysisError: There is no such date or unit; the message says what there is.
    """
    metric = planned.metric
    days = warehouse.fetch(
        "select distinct as_of_date from marts.experiment_moments where experiment_id = ? order by as_of_date", [plan.experiment_id]
    )
    day = day_of(plan, "moments", [row["as_of_date"] for row in days], as_of)
    rows = warehouse.fetch(
        "select * from marts.experiment_moments where experiment_id = ? and metric = ? and as_of_date = ? and segment = 'all'",
        [plan.experiment_id, metric.name, day],
    )
    moments = _moments(plan, metric, rows)
    queries = _queries(plan, metric, day, expressions)
    trail = None
    if unit_id is not None:
        value = _values(warehouse, plan, metric, day, "unit_id = ?", [unit_id])
        trail = replace(
            unit_trail(warehouse, plan, metric, day, expressions, unit_id),
            value=_contributing(value[0], moments) if value else None,
        )
    return UnitsExplanation(
        **described(plan, planned, day),
        definition=_definition(plan, metric),
        measures=_measures(metric, expressions),
        counts=_counts(warehouse, plan, metric, day),
        moments=moments,
        is_reproduced=_is_reproduced(warehouse, moments, queries) if moments else None,
        effects=effects(warehouse, plan, metric, day, {row.variant: row.value for row in moments}),
        sample=_sample(warehouse, plan, metric, day, moments),
        trail=trail,
        compiled=compiled_models(settings, _MODELS + (_WINDOW_MODELS if metric.window else ())),
        queries=queries,
    )


def _definition(plan: Plan, metric: Metric) -> tuple[str, ...]:
    lines = [metric.description]
    if metric.window is not None:
        window = metric.window
        end = "on" if window.last_day is None else f"to {window.last_day}"
        lines.append(f"Window: days {window.first_day} {end} since exposure; a unit counts from day {complete_from(metric)} on.")
    if metric.cap is not None:
        cap = f"{metric.cap.value:,}" if metric.cap.value is not None else f"the {metric.cap.percentile:.4%} percentile of all units"
        lines.append(f"Cap: a unit counts at most {cap}.")
    if metric.covariate_days:
        lines.append(f"Covariate: the same over the {metric.covariate_days} days before the day of exposure.")
    if metric.quantile is not None:
        lines.append(f"Quantile: the {metric.quantile:g} order statistic of all observations of a variant.")
    if plan.activation:
        lines.append(f"Units count from their first delivery with {plan.activation} on.")
    return tuple(lines)


def _measures(metric: Metric, expressions: Mapping[str, str]) -> tuple[MeasureUse, ...]:
    if metric.kind is MetricKind.quantile:
        return (MeasureUse("observations", metric.numerator, expressions[metric.numerator]),)
    return measure_uses(metric, expressions)


def _counts(warehouse: Warehouse, plan: Plan, metric: Metric, as_of: date) -> tuple[UnitCounts, ...]:
    complete = as_of - timedelta(days=complete_from(metric))
    rows = warehouse.fetch(
        f"""
        select
            variant,
            count(*) as assigned,
            sum(case when is_excluded then 1 else 0 end) as excluded,
            sum(case when not is_excluded and (exposure_date is null or exposure_date > ?) then 1 else 0 end) as not_activated,
            sum(case when not is_excluded and exposure_date <= ? and contamination_date <= ? then 1 else 0 end) as contaminated,
            sum(case
                when not is_excluded and exposure_date <= ? and exposure_date > ?
                    and (contamination_date is null or contamination_date > ?)
                then 1 else 0
            end) as window_open
        from marts.experiment_units
        where experiment_id = ? and {warehouse.business_date_sql("assigned_at")} <= ?
        group by variant""",
        [as_of, as_of, as_of, as_of, complete, as_of, plan.experiment_id, as_of],
    )
    by_variant = {row["variant"]: row for row in rows}
    counts = []
    for variant in plan.variants:
        row = by_variant.get(variant.name, {})
        left_out = {name: int(row.get(name, 0)) for name in ("excluded", "not_activated", "contaminated", "window_open")}
        assigned = int(row.get("assigned", 0))
        counts.append(UnitCounts(variant=variant.name, assigned=assigned, counted=assigned - sum(left_out.values()), **left_out))
    return tuple(counts)


def _moments(plan: Plan, metric: Metric, rows: Sequence[Row]) -> tuple[VariantMoments, ...]:
    by_variant = {row["variant"]: row for row in rows}
    there = [variant.name for variant in plan.variants if variant.name in by_variant]
    if not there:
        return ()
    sums = [MomentSums.from_row(by_variant[name]) for name in there]
    estimates = stats.estimate(moments_of(sums))
    found = []
    for at, (name, row) in enumerate(zip(there, sums, strict=True)):
        exact = {column: int(value) for column, value in by_variant[name].items() if column.startswith("sum_")}
        value, variance = float(estimates.value[at]), float(estimates.variance[at])
        below, what = (exact["sum_denominator"], "sum_denominator") if metric.denominator else (row.units, "units")
        formula = f"sum_numerator / {what} = {exact['sum_numerator']:,} / {below:,}"
        has_value = isfinite(value)
        found.append(VariantMoments(name, row.units, exact, value if has_value else None, variance**0.5 if has_value else None, formula))
    return tuple(found)


def _is_reproduced(warehouse: Warehouse, moments: Sequence[VariantMoments], queries: Mapping[str, str]) -> bool:
    found = {
        row["variant"]: {name: int(value) for name, value in row.items() if name != "variant"}
        for row in warehouse.fetch(queries["unit_days"])
    }
    return found == {row.variant: {"units": row.units, **row.sums} for row in moments}


def _sample(warehouse: Warehouse, plan: Plan, metric: Metric, as_of: date, moments: Sequence[VariantMoments]) -> tuple[UnitValue, ...]:
    sample: list[UnitValue] = []
    for row in moments:
        pull = "abs(cast(numerator as double precision) - cast(? as double precision) * denominator)"
        order = f"variant = ? order by {pull} desc, unit_id limit {SAMPLE_SIZE}"
        values = _values(warehouse, plan, metric, as_of, order, [row.variant, row.value or 0.0])
        sample += (_contributing(value, moments) for value in values)
    return tuple(sample)


def _values(
    warehouse: Warehouse, plan: Plan, metric: Metric, as_of: date, which: str, parameters: Sequence[str | float]
) -> list[UnitValue]:
    rows = warehouse.fetch(
        f"select variant, unit_id, {', '.join(PARTS)} from marts.experiment_unit_metrics "
        f"where experiment_id = ? and metric = ? and as_of_date = ? and {which}",
        [plan.experiment_id, metric.name, as_of, *parameters],
    )
    return [UnitValue(row["variant"], row["unit_id"], **{part: int(row[part]) for part in PARTS}, contribution=None) for row in rows]


def _contributing(unit: UnitValue, moments: Sequence[VariantMoments]) -> UnitValue:
    value = next((row.value for row in moments if row.variant == unit.variant), None)
    return unit if value is None else replace(unit, contribution=unit.numerator - value * unit.denominator)


def _queries(plan: Plan, metric: Metric, as_of: date, expressions: Mapping[str, str]) -> dict[str, str]:
    if metric.kind is MetricKind.quantile:
        return {"deliveries": quantile_query(plan, metric, as_of, expressions)}
    return {source: moments_query(plan, metric, as_of, expressions, source) for source in ("unit_days", "deliveries")}
