"""How one window of a switchback experiment came to its value: what its zone met, its deliveries, and that they add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from splitmile.analysis.window_queries import measures_of
from splitmile.errors import AnalysisError
from splitmile.registry.plan import Metric, Plan
from splitmile.results.explanations import TrailDelivery, WindowExposure, WindowSum, WindowTrail, WindowValue
from splitmile.warehouse import Warehouse


def window_trail(
    warehouse: Warehouse,
    plan: Plan,
    metric: Metric,
    as_of: date,
    expressions: Mapping[str, str],
    values: Sequence[WindowValue],
    window: str,
) -> WindowTrail:
    """The trail of a window that is over.

    Args:
        warehouse: Open session.
        plan: Of a switchback experiment.
        metric: One of its metrics.
        as_of: The business date.
        expressions: SQL over one delivery, by measure.
        values: All windows that are over.
        window: Zone and number with a slash between, such as `gangnam/12`.

    Raises:
        AnalysisError: None of them is the window.
    """
    value = _found(plan, as_of, values, window)
    deliveries = _deliveries(warehouse, metric, as_of, expressions, value)
    totals = ", ".join(f"coalesce(sum({name}), 0) as {name}" for name in measures_of(metric))
    total = warehouse.fetch(
        f"select {totals} from marts.switchback_window_days "
        "where experiment_id = ? and zone_id = ? and window_number = ? and business_date between ? and ?",
        [plan.experiment_id, value.zone_id, value.window_number, plan.start_date, as_of],
    )[0]
    sums = []
    for name in measures_of(metric):
        counted = sum(delivery.values[name] or 0 for delivery in deliveries if delivery.is_counted)
        sums.append(WindowSum(name, int(total[name]), counted, int(total[name]) == counted))
    return WindowTrail(value, _exposures(warehouse, plan, value), deliveries, tuple(sums))


def _found(plan: Plan, as_of: date, values: Sequence[WindowValue], window: str) -> WindowValue:
    zone, _, number = window.rpartition("/")
    for value in values:
        if value.zone_id == zone and str(value.window_number) == number:
            return value
    example = f", such as {values[0].zone_id}/{values[0].window_number}" if values else ""
    raise AnalysisError(
        f"{plan.experiment_id} has no window {window!r} that is over by {as_of}; it has {len(values):,}, named by zone and number{example}"
    )


def _exposures(warehouse: Warehouse, plan: Plan, value: WindowValue) -> tuple[WindowExposure, ...]:
    rows = warehouse.fetch(
        "select exposed_at, variant from staging.stg_exposures "
        "where experiment_id = ? and unit_type = 'zone' and unit_id = ? and exposed_at >= ? and exposed_at < ? "
        "order by exposed_at, variant",
        [plan.experiment_id, value.zone_id, value.starts_at, value.ends_at],
    )
    return tuple(WindowExposure(row["exposed_at"], row["variant"], row["variant"] == value.variant) for row in rows)


def _deliveries(
    warehouse: Warehouse, metric: Metric, as_of: date, expressions: Mapping[str, str], value: WindowValue
) -> tuple[TrailDelivery, ...]:
    names = measures_of(metric)
    shown = ", ".join(f"cast({expressions[name]} as bigint) as {name}" for name in names)
    rows = warehouse.fetch(
        f"select delivery_id, deliveries.ordered_at as placed_at, {shown} from intermediate.int_deliveries_timed as deliveries "
        "where zone_id = ? and ordered_at >= ? and ordered_at < ? and business_date <= ? order by placed_at, delivery_id",
        [value.zone_id, value.starts_at, value.ends_at, as_of],
    )
    return tuple(
        TrailDelivery(
            row["delivery_id"],
            row["placed_at"],
            row["placed_at"] >= value.counts_from,
            {name: None if row[name] is None else int(row[name]) for name in names},
        )
        for row in rows
    )
