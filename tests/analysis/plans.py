"""Small plans, and the moments of unit values."""

from __future__ import annotations

from datetime import date

import numpy as np

from splitmile.analysis.effects import MomentSums
from splitmile.registry import Direction, Metric, MetricKind, Plan, PlannedMetric, Role, Variant


def a_plan(*metrics: tuple[str, str, Role, str], variants: tuple[str, ...] = ("a", "b"), planned_units: int = 800) -> Plan:
    """An experiment of four weeks with equal shares, the first variant the control."""
    return Plan(
        experiment_id="e",
        title="An experiment",
        owner="owner@example.com",
        service="dispatch recommendation",
        hypothesis="It helps.",
        unit_type="courier",
        variants=tuple(Variant(name, 1 / len(variants), name == variants[0]) for name in variants),
        start_date=date(2026, 3, 2),
        end_date=date(2026, 3, 29),
        metrics=tuple(
            PlannedMetric(
                Metric(name, name.title(), "A metric.", MetricKind(kind), name, None, Direction(direction), ""),
                role,
                margin=0.05 if role is Role.guardrail else None,
                minimum_effect=0.02 if role is Role.primary else None,
            )
            for name, kind, role, direction in metrics
        ),
        alpha=0.05,
        planned_units=planned_units,
    )


def sums_of(variant: str, **values: np.ndarray) -> list[MomentSums]:
    """The rows of `experiment_moments` for one value a unit, by metric."""
    return [
        MomentSums(variant, metric, len(units), int(units.sum()), len(units), int((units**2).sum()), int(units.sum()), len(units))
        for metric, units in values.items()
    ]
