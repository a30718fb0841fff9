"""Small plans, and the moments of unit values."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from splitmile.analysis.moments import MomentSums
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


def sums_with_covariate(variant: str, metric: str, values: np.ndarray, before: np.ndarray) -> MomentSums:
    """The row of a mean whose units were all seen before their exposure."""
    plain, n = sums_of(variant, **{metric: values})[0], len(values)
    return replace(
        plain,
        sum_covariate_numerator=int(before.sum()),
        sum_covariate_denominator=n,
        sum_covariate_numerator_squared=int((before**2).sum()),
        sum_covariate_numerator_denominator=int(before.sum()),
        sum_covariate_denominator_squared=n,
        sum_numerator_covariate_numerator=int((values * before).sum()),
        sum_numerator_covariate_denominator=int(values.sum()),
        sum_denominator_covariate_numerator=int(before.sum()),
        sum_denominator_covariate_denominator=n,
    )


def sums_of_ratio(variant: str, metric: str, numerator: np.ndarray, denominator: np.ndarray) -> MomentSums:
    """The row of a ratio."""
    sums = (numerator, denominator, numerator**2, numerator * denominator, denominator**2)
    return MomentSums(variant, metric, len(numerator), *(int(each.sum()) for each in sums))


def sums_of(variant: str, **values: np.ndarray) -> list[MomentSums]:
    """The rows of `experiment_moments` for one value a unit, by metric."""
    return [
        MomentSums(variant, metric, len(units), int(units.sum()), len(units), int((units**2).sum()), int(units.sum()), len(units))
        for metric, units in values.items()
    ]
