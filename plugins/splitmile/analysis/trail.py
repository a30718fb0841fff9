"""How one unit came to its value: its exposure, its deliveries of that day, its days, and that they add up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from splitmile.analysis.reproduction import complete_from
from splitmile.errors import AnalysisError
from splitmile.registry.plan import Metric, MetricKind, Plan
from splitmile.results.explanations import TrailDay, TrailDelivery, TrailSum, UnitTrail
from splitmile.warehouse import Row, Warehouse


def unit_trail(warehouse: Warehouse, plan: Plan, metric: Metric, as_of: date, expressions: Mapping[str, str], unit_id: str) -> UnitTrail:
    """The trail of a unit, without its value.

    Raises:
        AnalysisError: The experiment has no such unit.
    """
    unit = _unit(warehouse, plan, unit_id)
    columns = _columns(metric, expressions)
    exposure = unit["exposure_date"]
    deliveries: tuple[TrailDelivery, ...] = ()
    days: tuple[TrailDay, ...] = ()
    sums: tuple[TrailSum, ...] = ()
    if exposure is not None:
        deliveries = _deliveries(warehouse, plan, unit, columns)
        days = _days(warehouse, plan, metric, unit, as_of, tuple(columns))
        sums = _sums(warehouse, plan, unit, as_of, deliveries, tuple(columns))
    return UnitTrail(
        unit_id=unit_id,
        variant=unit["variant"],
        assigned_at=unit["assigned_at"],
        first_exposed_at=unit["first_exposed_at"],
        exposure_date=exposure,
        contamination_date=unit["contamination_date"],
        is_excluded=bool(unit["is_excluded"]),
        segments=tuple(unit[name] for name in ("segment_1", "segment_2", "segment_3") if unit[name] is not None),
        deliveries=deliveries,
        days=days,
        sums=sums,
        value=None,
    )


def _unit(warehouse: Warehouse, plan: Plan, unit_id: str) -> Row:
    rows = warehouse.fetch("select * from marts.experiment_units where experiment_id = ? and unit_id = ?", [plan.experiment_id, unit_id])
    if rows:
        return rows[0]
    there = warehouse.fetch(
        "select count(*) as units, min(unit_id) as example from marts.experiment_units where experiment_id = ?", [plan.experiment_id]
    )[0]
    example = f", such as {there['example']}" if there["units"] else ""
    raise AnalysisError(f"{plan.experiment_id} has no unit {unit_id!r}; it has {there['units']:,} of type {plan.unit_type}{example}")


def _columns(metric: Metric, expressions: Mapping[str, str]) -> dict[str, str]:
    """The columns of unit_days that the metric needs, and their SQL over one delivery."""
    if metric.kind is MetricKind.quantile:
        return {f"{metric.name}_observed": f"case when {expressions[metric.numerator]} is not null then 1 else 0 end"}
    return {name: expressions[name] for name in (metric.numerator, metric.denominator) if name}


def _deliveries(warehouse: Warehouse, plan: Plan, unit: Row, columns: Mapping[str, str]) -> tuple[TrailDelivery, ...]:
    values = ", ".join(f"cast({expression} as bigint) as {name}" for name, expression in columns.items())
    rows = warehouse.fetch(
        f"select delivery_id, deliveries.ordered_at as placed_at, {values} from intermediate.int_deliveries_timed as deliveries "
        f"where {plan.unit_type}_id = ? and business_date = ? order by placed_at, delivery_id",
        [unit["unit_id"], unit["exposure_date"]],
    )
    return tuple(
        TrailDelivery(
            row["delivery_id"],
            row["placed_at"],
            row["placed_at"] >= unit["first_exposed_at"],
            {name: None if row[name] is None else int(row[name]) for name in columns},
        )
        for row in rows
    )


def _days(warehouse: Warehouse, plan: Plan, metric: Metric, unit: Row, as_of: date, columns: tuple[str, ...]) -> tuple[TrailDay, ...]:
    exposure: date = unit["exposure_date"]
    rows = warehouse.fetch(
        f"select business_date, {', '.join(columns)} from marts.unit_days "
        "where unit_type = ? and unit_id = ? and business_date >= ? and business_date <= ? order by business_date",
        [plan.unit_type, unit["unit_id"], exposure - timedelta(days=metric.covariate_days or 0), as_of],
    )
    return tuple(
        TrailDay(row["business_date"], _place(metric, (row["business_date"] - exposure).days), {name: int(row[name]) for name in columns})
        for row in rows
    )


def _place(metric: Metric, day: int) -> str:
    """What a day since exposure is for."""
    if day < 0:
        return "before"
    window = metric.window
    if window and (day < window.first_day or (window.last_day is not None and day > complete_from(metric))):
        return "outside of the window"
    return "exposure day" if day == 0 else "counted"


def _sums(
    warehouse: Warehouse, plan: Plan, unit: Row, as_of: date, deliveries: tuple[TrailDelivery, ...], columns: tuple[str, ...]
) -> tuple[TrailSum, ...]:
    key = [plan.unit_type, unit["unit_id"]]
    totals = warehouse.fetch(
        f"select {', '.join(columns)} from marts.unit_totals where unit_type = ? and unit_id = ? and business_date = ?", [*key, as_of]
    )
    is_kept = warehouse.fetch("select count(*) as units from marts.unit_totals where business_date = ?", [as_of])[0]["units"] > 0
    later = ", ".join(f"coalesce(sum(case when business_date > ? then {name} else 0 end), 0) as later_{name}" for name in columns)
    whole = ", ".join(f"coalesce(sum({name}), 0) as {name}" for name in columns)
    summed = warehouse.fetch(
        f"select {later}, {whole} from marts.unit_days where unit_type = ? and unit_id = ? and business_date <= ?",
        [*([unit["exposure_date"]] * len(columns)), *key, as_of],
    )[0]
    sums = []
    for name in columns:
        base, after = int(unit[f"base_{name}"]), int(summed[f"later_{name}"])
        on_the_day = sum(delivery.values[name] or 0 for delivery in deliveries if delivery.is_counted)
        # A unit without a delivery ever has no row of running sums.
        total = int(totals[0][name]) if totals else 0 if is_kept else None
        adds_up = (int(summed[name]) if total is None else total) - base == on_the_day + after
        sums.append(TrailSum(name, total, base, on_the_day, after, adds_up))
    return tuple(sums)
