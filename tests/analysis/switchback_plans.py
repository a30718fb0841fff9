"""A small switchback experiment: three zones, eight windows of an hour on one business date and four on the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from analysis.plans import a_plan
from splitmile.registry import Direction, Metric, MetricKind, Plan, PlannedMetric, Role, Switchback
from splitmile.stats import SwitchbackDesign

START = date(2026, 3, 2)
DESIGN = SwitchbackDesign(("north", "south", "east"), "2026-03-02T12:00Z", 60, 12, seed=11)  # type: ignore[arg-type]  # text becomes an instant
"""The business date after the first begins with window 8, at 05:00 in Seoul."""


def a_switchback(burn_in_minutes: int = 10) -> Plan:
    """Mean delivery time decides, cancellations are the guardrail; a quantile has no outcome per window."""
    ratio = Metric(
        "delivery_time", "Delivery time", "A.", MetricKind.ratio, "delivery_seconds", "delivered_orders", Direction.decrease, "s"
    )
    mean = Metric("orders", "Orders", "A.", MetricKind.mean, "orders", None, Direction.increase, "")
    share = Metric("cancelled", "Cancelled", "A.", MetricKind.proportion, "cancelled_orders", None, Direction.decrease, "%")
    quantile = replace(ratio, name="p90", kind=MetricKind.quantile, denominator=None, quantile=0.9)
    return replace(
        a_plan(variants=("off", "on")),
        unit_type="zone",
        metrics=(
            PlannedMetric(ratio, Role.primary, minimum_effect=0.02),
            PlannedMetric(mean, Role.secondary),
            PlannedMetric(quantile, Role.secondary),
            PlannedMetric(share, Role.guardrail, margin=0.5),
        ),
        start_date=START,
        end_date=date(2026, 3, 3),
        switchback=Switchback(DESIGN.to_dict(), burn_in_minutes),
    )
