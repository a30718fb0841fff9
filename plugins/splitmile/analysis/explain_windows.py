"""What a number of a switchback experiment is made of: the windows, sums, rows and SQL behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from math import fsum, isclose, isnan

import numpy as np

from splitmile import stats
from splitmile.analysis.provenance import SAMPLE_SIZE, compiled_models, day_of, described, effects, measure_uses
from splitmile.analysis.switchback import switchback_of
from splitmile.analysis.window_queries import sums_query, values_query
from splitmile.analysis.window_trail import window_trail
from splitmile.errors import AnalysisError
from splitmile.registry.plan import Metric, MetricKind, Plan, PlannedMetric, Switchback
from splitmile.results.explanations import ExplainedEffect, VariantWindows, WindowCounts, WindowsExplanation, WindowValue
from splitmile.settings import Settings
from splitmile.warehouse import Row, Warehouse

_MODELS = ("switchback_window_days", "int_switchback_zones", "stg_switchback_windows", "int_deliveries_timed")
_SOURCES = ("switchback_window_days", "deliveries")
# Sums of shares of windows and estimates from them may differ in their last digits.
_TOLERANCE = 1e-9


def explain_windows(
    warehouse: Warehouse,
    settings: Settings,
    plan: Plan,
    planned: PlannedMetric,
    expressions: Mapping[str, str],
    *,
    as_of: date | None,
    window: str | None,
) -> WindowsExplanation:
    """As `explain`, of a switchback experiment.

    Raises:
        AnalysisError: There is no such date or window, or dbt has another schedule; the message says what there is.
    """
    metric, switchback = planned.metric, switchback_of(plan)
    days = warehouse.fetch(
        "select distinct business_date from marts.switchback_window_days where experiment_id = ? order by business_date",
        [plan.experiment_id],
    )
    day = day_of(plan, "windows", [row["business_date"] for row in days], as_of)
    over_before = settings.business_day.starts_at(day + timedelta(days=1)).replace(tzinfo=None)
    values = _contributing(plan, warehouse.fetch(values_query(plan, metric, day, over_before)))
    sums = _sums(plan, metric, values)
    queries = {source: sums_query(plan, metric, day, over_before, expressions, source) for source in _SOURCES}
    found = effects(warehouse, plan, metric, day, {row.variant: row.value for row in sums})
    estimate = _regression(plan, switchback, values)
    return WindowsExplanation(
        **described(plan, planned, day),
        definition=_definition(warehouse, plan, switchback, metric, day),
        measures=measure_uses(metric, expressions),
        counts=_counts(warehouse, plan, over_before, values),
        sums=sums,
        is_reproduced=_are_given(warehouse, queries, sums) and _is_as_published(estimate, found[0]),
        effects=found,
        sample=_sample(plan, values),
        trail=None if window is None else window_trail(warehouse, plan, metric, day, expressions, values, window),
        compiled=compiled_models(settings, _MODELS),
        queries=queries,
    )


def _definition(warehouse: Warehouse, plan: Plan, switchback: Switchback, metric: Metric, as_of: date) -> tuple[str, ...]:
    design = stats.SwitchbackDesign.from_dict(switchback.design)
    lines = [
        metric.description,
        f"Switchback: {len(design.zones)} zones, {design.windows} windows of {design.window_minutes} minutes in each. A delivery counts in "
        "the zone and window of its order, by the variant that the schedule gives it; a window counts once it is over.",
    ]
    if switchback.burn_in_minutes:
        row = warehouse.fetch(
            "select coalesce(sum(burn_in_orders), 0) as orders from marts.switchback_window_days "
            "where experiment_id = ? and business_date between ? and ?",
            [plan.experiment_id, plan.start_date, as_of],
        )[0]
        lines.append(
            f"Burn-in: orders of the first {switchback.burn_in_minutes} minutes after a switch are left out, {int(row['orders']):,} so far."
        )
    if metric.kind is MetricKind.proportion:
        lines.append("A window is 1 where there is any, and 0 where there is none.")
    elif metric.denominator is None:
        lines.append("A window is its sum, 0 without an order; its denominator is the share of it that the burn-in leaves.")
    lines.append("The published effect is that of a regression with effects of zone and hour of the day, by the denominators as weights.")
    return tuple(lines)


def _counts(warehouse: Warehouse, plan: Plan, over_before: datetime, values: Sequence[WindowValue]) -> tuple[WindowCounts, ...]:
    rows = warehouse.fetch(
        "select variant, count(*) as scheduled, sum(case when ends_at > ? then 1 else 0 end) as not_over "
        "from staging.stg_switchback_windows where experiment_id = ? group by variant",
        [over_before, plan.experiment_id],
    )
    by_variant = {row["variant"]: row for row in rows}
    counts = []
    for variant in plan.variants:
        row = by_variant.get(variant.name, {})
        scheduled, not_over = int(row.get("scheduled", 0)), int(row.get("not_over", 0))
        empty = sum(value.variant == variant.name and not value.denominator for value in values)
        counts.append(WindowCounts(variant.name, scheduled, not_over, empty, scheduled - not_over - empty))
    return tuple(counts)


def _sums(plan: Plan, metric: Metric, values: Sequence[WindowValue]) -> tuple[VariantWindows, ...]:
    found = []
    for variant in plan.variants:
        own = [value for value in values if value.variant == variant.name and value.denominator]
        above, below = sum(value.numerator for value in own), fsum(value.denominator for value in own)
        if metric.denominator or metric.kind is MetricKind.proportion:
            below = int(below)
        what = f"{below:,}" if isinstance(below, int) else f"{below:,.6g}"
        formula = f"sum_numerator / sum_denominator = {above:,} / {what}"
        found.append(VariantWindows(variant.name, len(own), above, below, above / below if own else None, formula))
    return tuple(found)


def _contributing(plan: Plan, rows: Sequence[Row]) -> tuple[WindowValue, ...]:
    """The windows with what each pulls, in the order of the rows."""
    numbered = [row | {"numerator": int(row["numerator"]), "denominator": float(row["denominator"])} for row in rows]
    value = {}
    for variant in plan.variants:
        own = [row for row in numbered if row["variant"] == variant.name]
        below = fsum(row["denominator"] for row in own)
        value[variant.name] = sum(row["numerator"] for row in own if row["denominator"]) / below if below else None
    return tuple(WindowValue(**row, contribution=_pull(row, value.get(row["variant"]))) for row in numbered)


def _pull(row: Row, value: float | None) -> float | None:
    return None if value is None or not row["denominator"] else row["numerator"] - value * row["denominator"]


def _are_given(warehouse: Warehouse, queries: Mapping[str, str], sums: Sequence[VariantWindows]) -> bool:
    """Whether each of the queries gives these sums."""
    wanted = {row.variant: (row.windows, row.sum_numerator, row.sum_denominator) for row in sums if row.windows}
    for query in queries.values():
        found = {row["variant"]: (row["windows"], row["sum_numerator"], row["sum_denominator"]) for row in warehouse.fetch(query)}
        if found.keys() != wanted.keys():
            return False
        pairs = [(float(one), float(other)) for name in found for one, other in zip(found[name], wanted[name], strict=True)]
        if not all(isclose(one, other, rel_tol=_TOLERANCE) for one, other in pairs):
            return False
    return True


def _regression(plan: Plan, switchback: Switchback, values: Sequence[WindowValue]) -> float:
    """The effect by these windows; NaN without one.

    Raises:
        AnalysisError: The windows are not those of the design.
    """
    design = stats.SwitchbackDesign.from_dict(switchback.design)
    place = {name: index for index, name in enumerate(design.zones)}
    numerator, denominator = np.zeros(design.shape), np.zeros(design.shape)
    for value in values:
        if value.zone_id not in place or value.window_number >= design.windows:
            raise AnalysisError(
                f"{plan.experiment_id}: dbt has windows that the design in its file has not, such as "
                f"{value.zone_id}/{value.window_number}; `splitmile run --date` brings them up to date"
            )
        at = place[value.zone_id], value.window_number
        numerator[at], denominator[at] = value.numerator, value.denominator
    windows = stats.SwitchbackWindows.from_sums(design.draw(), numerator, denominator)
    return stats.switchback_regression(windows, hour=design.hours(), cluster=design.independent_units()).absolute.estimate


def _is_as_published(estimate: float, published: ExplainedEffect) -> bool:
    """Whether an effect is the published one; true where none is."""
    if published.method is None:
        return True
    if published.absolute_estimate is None:
        return isnan(estimate)
    return isclose(estimate, published.absolute_estimate, rel_tol=_TOLERANCE)


def _sample(plan: Plan, values: Sequence[WindowValue]) -> tuple[WindowValue, ...]:
    sample: list[WindowValue] = []
    for variant in plan.variants:
        own = [value for value in values if value.variant == variant.name and value.contribution is not None]
        sample += sorted(own, key=lambda value: (-abs(value.contribution or 0.0), value.zone_id, value.window_number))[:SAMPLE_SIZE]
    return tuple(sample)
