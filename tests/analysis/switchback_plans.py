"""A small switchback experiment: three zones, eight windows of an hour on one business date and four on the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from analysis.plans import a_plan
from splitmile.analysis.switchback import ExposureCounts, WindowSums, compute_switchback
from splitmile.registry import Direction, Metric, MetricKind, Plan, PlannedMetric, Role, Switchback
from splitmile.results.scorecards import Scorecard
from splitmile.settings import Trust
from splitmile.stats import SwitchbackDesign

START = date(2026, 3, 2)
DESIGN = SwitchbackDesign(("north", "south", "east"), "2026-03-02T12:00Z", 60, 12, seed=11)  # type: ignore[arg-type]  # text becomes an instant
"""The business date after the first begins with window 8, at 05:00 in Seoul."""

END = date(2026, 3, 3)
ARMS = DESIGN.draw()
RNG = np.random.default_rng(5)
ORDERS = RNG.poisson(40, DESIGN.shape).astype(float)
SECONDS = np.rint(ORDERS * (2400 - 240.0 * ARMS + RNG.normal(0, 20, DESIGN.shape)))
CANCELLED = np.zeros(DESIGN.shape)
CANCELLED[:, ::3] = 2.0


def a_switchback(burn_in_minutes: int = 10) -> Plan:
    """Mean delivery time decides, cancellations are the guardrail."""
    ratio = Metric(
        "delivery_time", "Delivery time", "A.", MetricKind.ratio, "delivery_seconds", "delivered_orders", Direction.decrease, "s"
    )
    mean = Metric("orders", "Orders", "A.", MetricKind.mean, "orders", None, Direction.increase, "")
    share = Metric("cancelled", "Cancelled", "A.", MetricKind.proportion, "cancelled_orders", None, Direction.decrease, "%")
    return replace(
        a_plan(variants=("off", "on")),
        unit_type="zone",
        metrics=(
            PlannedMetric(ratio, Role.primary, minimum_effect=0.02),
            PlannedMetric(mean, Role.secondary),
            PlannedMetric(share, Role.guardrail, margin=0.5),
        ),
        start_date=START,
        end_date=END,
        switchback=Switchback(DESIGN.to_dict(), burn_in_minutes),
    )


def a_switchback_scorecard(as_of: date = END, exposures: ExposureCounts | None = None, seconds: np.ndarray = SECONDS) -> Scorecard:
    """As of one of its two days: treatment a tenth faster, every window exposed once as scheduled."""
    measures = {"delivery_seconds": seconds, "delivered_orders": ORDERS, "orders": ORDERS, "cancelled_orders": CANCELLED}
    over_before = datetime(2026, 3, as_of.day, 20, tzinfo=UTC)
    sums = WindowSums(measures, burn_in_orders=7)
    return compute_switchback(a_switchback(), as_of, over_before, sums, exposures or ExposureCounts(36), Trust(), "r")
